"""Can a caption be trusted? Each check is a named reason; a caption that has one is not used.

A caption may say only what can be heard and what the metadata hold, and must name its species. Places, people and dates are
no audible facts: they are turned down even where the metadata hold them, unless they are part of a species' name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from biolingual.captioning import grounding
from biolingual.captioning.language import (
    MASK,
    has_name,
    instructed,
    lexicon,
    listed,
    masked,
    names,
    patterns,
    plain,
    singular,
    stem,
    stems,
    tokens,
)
from biolingual.captioning.subject import Fault, Subject, ordinary, phrase_of_a_species, subject
from biolingual.records import Recording

MAX_CHARS, MAX_WORDS, MAX_SENTENCES = 300, 48, 3
MIN_WORDS = 4  # of a descriptive caption
FLOOD_SHARE, FLOOD_LEAST = 0.02, 20  # one text on more recordings than this says nothing of each
DATE = re.compile(
    r"\b(1[6-9]|20)\d\d\b(?! ?k?hz| hertz)|\b\d{1,2}[:h]\d\d\b|\b\d{1,2}\s?[ap]\.?m\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
    r"|\b(first|last) light\b|\bsmall hours\b|\bMay\s+\d|\bin (May|March)\b"
    r"|\b(in|early|late|mid|this|last)[ -](the )?spring\b|\b(early|late|mid|in the)[ -]fall\b"
    r"|\bspring (song|call|chorus|concert|display|morning|evening|night|day|dawn|dusk|breeding|migration|season|weather|rain)"
    r"|\b(early|late|mid)[ -](May|March)\b|\b\d+(st|nd|rd|th) of \w+",
)
COORDINATE = re.compile(
    r"\d\s*°|\d+[.,]\d+\s*(?-i:[NSEW])\b|\b\d{1,3}\s?(?-i:[NSEW])\b|-?\d{1,3}\.\d{2,}\s*,\s*-?\d{1,3}\.\d{2,}|\b(degrees|latitude|longitude)\b|"
    r"\b\d[\d,.]*\s?(m|metres|meters|feet|ft|km)\s+(above|a\.?s\.?l|elevation|altitude)",
    re.IGNORECASE,
)
TRUNCATED = re.compile(
    r"\b(the|a|an|of|and|with|its)\.?$|\b(in|on|at|by|from|to|is|as|while|over)$|[,;:(-]\.?$|…$|\.\.\.$", re.IGNORECASE
)


def faults(text: str, recording: Recording, kind: str = "descriptive") -> list[Fault]:
    """Every fault of a caption of that kind, in the order of CHECKS; [] = it can be trusted."""
    one = subject(text, recording, kind)
    return [fault for check in CHECKS for fault in check(one)]


class Flood:
    """Counts descriptive sentences as they come: one that stands on too many recordings says nothing of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.seen = 0

    def adds(self, text: str) -> bool:
        """Whether this caption is one too many of its wording: beyond FLOOD_LEAST, and beyond FLOOD_SHARE of all so far."""
        self.seen += 1
        self.counts[plain(text)] += 1
        return self.counts[plain(text)] > max(FLOOD_LEAST, FLOOD_SHARE * self.seen)


def species_missing(one: Subject) -> list[Fault]:
    own = {"common": [one.recording.common_name], "scientific": [one.recording.scientific_name]}.get(one.kind)
    if one.kind == "taxonomic":
        own = [one.recording.scientific_name]
    wanted = [name for name in own or [one.recording.common_name, one.recording.scientific_name] if name]
    if wanted and not any(has_name(one.text, name) for name in wanted):
        return [Fault("species_missing", " or ".join(wanted))]
    other = one.recording.background_species
    if one.kind == "background" and other and MASK not in _without(one.bare, one.text, wanted):
        return [Fault("species_missing", ", ".join(other))]
    return []


def _without(bare: str, text: str, own: list[str]) -> str:
    """The masked text beyond the animal's own name: further marks are other animals of the metadata."""
    return bare.replace(MASK, "", 1) if any(has_name(text, name) for name in own) else bare


def subject_swapped(one: Subject) -> list[Fault]:
    """The animal itself is told as the background of another one."""
    own = [name for name in (one.recording.common_name, one.recording.scientific_name) if name]
    head, _, behind = one.text.partition(" with ")
    if one.kind == "taxonomic" or "background" not in behind or any(has_name(head, name) for name in own):
        return []
    return [Fault("subject_swapped", behind)] if any(has_name(behind, name) for name in own) else []


def chain(one: Subject) -> list[Fault]:
    """A taxonomic caption whose ranks are not in their order."""
    if one.kind != "taxonomic":
        return []
    ranks = [getattr(one.recording, rank) for rank in ("kingdom", "phylum", "class_", "order", "family", "genus")]
    places = [
        one.text.find(name) for name in [*filter(None, ranks[:5]), one.recording.scientific_name] if name in one.text
    ]
    return [Fault("chain_order", one.text)] if places != sorted(places) else []


def place(one: Subject) -> list[Fault]:
    known, spared = listed("places", "demonyms"), phrase_of_a_species(one)
    found = [
        token.text
        for position, token in enumerate(one.words)
        if token.text.lower().removesuffix("'s") in known and token.text[0].isupper() and position not in spared
    ]
    for phrase in (one.recording.country, *re.split(r"[,;/]", one.recording.locality_coarse)):
        phrase = phrase.strip()
        common = phrase.islower() or ordinary(stem(phrase)) or stem(phrase) in lexicon()  # "forest", "Stream"
        if len(phrase) >= 4 and not common and re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", one.bare, re.IGNORECASE):
            found.append(phrase)
    return [Fault("place", ", ".join(found))] if found else []


def person(one: Subject) -> list[Fault]:
    told_people = f"{one.recording.recorded_by} {one.recording.rights_holder}"
    known = {part.lower() for part in re.findall(r"[^\W\d_][\w'’-]{2,}", told_people)}
    known |= listed("people", "titles")
    spared = phrase_of_a_species(one)
    found = [
        token.text
        for position, token in enumerate(one.words)
        if token.text[0].isupper()
        and token.text.lower().removesuffix("'s") in known
        and position not in spared
        and not (token.first and ordinary(token.stem))
    ]
    found += re.findall(
        r"\b(?:recorded|observed|captured|filmed|documented|uploaded|taken) by\b.*", one.bare, re.IGNORECASE
    )
    return [Fault("person", ", ".join(dict.fromkeys(found)))] if found else []


def date(one: Subject) -> list[Fault]:
    found = [match.group() for match in DATE.finditer(one.bare)]
    calendar = listed("months", "weekdays")
    found += [token.text for token in one.words if token.text.lower() in calendar and token.text[0].isupper()]
    return [Fault("date", ", ".join(found))] if found else []


def coordinate(one: Subject) -> list[Fault]:
    found = COORDINATE.search(one.bare)
    return [Fault("coordinate", found.group())] if found else []


def foreign(one: Subject) -> list[Fault]:
    """Another language than English: another script, or more of its small words than of English ones."""
    letters = [letter for letter in one.bare if letter.isalpha()]
    if any(ord(letter) > 0x24F for letter in letters):
        return [Fault("language", "".join(letter for letter in letters if ord(letter) > 0x24F)[:20])]
    small = listed("functions")
    strange = [t.text for t in one.words if t.text.lower() in listed("foreign") - small - {"i"}]
    english = [t.text for t in one.words if t.text.lower() in small - {"as", "in", "on", "a", "an", "for"}]
    if strange and len(strange) >= min(3, max(1, len(english))):
        return [Fault("language", " ".join(strange))]
    return []


def _matching(name: str, reason: str) -> Callable[[Subject], list[Fault]]:
    def check(one: Subject) -> list[Fault]:
        hits = (found for pattern in patterns(name) if (found := pattern.search(one.bare)))
        hit = next((found for found in hits if reason == "leaked" or stem(found.group()) not in one.held), None)
        return [Fault(reason, hit.group().strip()[:60])] if hit else []

    return check


def hedged(one: Subject) -> list[Fault]:
    """A guess where the remarks have none."""
    guess, *doubts = patterns("hedges")
    found = guess.search(one.bare)
    unsure = found and any(pattern.search(one.recording.remarks) for pattern in (guess, *doubts))
    return [Fault("hedged", found.group())] if found and not unsure else []


def not_audible(one: Subject) -> list[Fault]:
    silent, spared = listed("not_audible"), phrase_of_a_species(one)
    found = []
    for place, token in enumerate(one.words):
        forms = {token.text.lower(), singular(token.text), token.text.lower().split("-")[-1]}
        if forms & silent and not token.denied and place not in spared:
            found.append(token.text)
    return [Fault("not_audible", ", ".join(found))] if found else []


def injected(one: Subject) -> list[Fault]:
    """The caption took over words of a sentence in the remarks that speaks to the model."""
    ordered = {
        token.stem for token in tokens(masked(" ".join(instructed(one.recording.remarks)), names(one.recording)))
    }
    taken = [
        token.text for token in one.words if token.stem in ordered - one.held - one.named and not ordinary(token.stem)
    ]
    return [Fault("injection", ", ".join(taken))] if taken else []


def length(one: Subject) -> list[Fault]:
    count = len(tokens(one.text))
    sentences = len([part for part in re.split(r"[.!?]+(?:\s|$)", one.text) if part.strip()])
    least = MIN_WORDS if one.kind == "descriptive" else 1
    if not least <= count <= MAX_WORDS or len(one.text) > MAX_CHARS or sentences > MAX_SENTENCES:
        return [Fault("length", f"{count} words, {len(one.text)} characters, {sentences} sentences")]
    return []


def form(one: Subject) -> list[Fault]:
    """Cut off, stuttering, shouting, or with an unpaired bracket or quote."""
    text = one.text.strip()
    heard = [token.stem for token in one.words]
    stutter = any(word == then and word not in {"that", "had"} | one.held for word, then in pairwise(heard))
    content = Counter(word for word in heard if word not in stems("functions"))
    shouting = [
        token.text for token in one.words if token.text.isupper() and len(token.text) > 3 and token.stem not in one.held
    ]
    if TRUNCATED.search(text) or text.count("(") != text.count(")") or text.count('"') % 2:
        return [Fault("truncated", text[-30:])]
    if (stutter and MASK not in one.bare) or any(count > 3 for count in content.values()):
        return [Fault("repetition", text[:60])]
    return [Fault("markup", ", ".join(shouting))] if shouting else []


CHECKS = (
    species_missing,
    subject_swapped,
    chain,
    _matching("refusal", "refusal"),
    _matching("leaked", "leaked"),
    _matching("boilerplate", "boilerplate"),
    hedged,
    foreign,
    place,
    person,
    date,
    coordinate,
    injected,
    *grounding.CHECKS,
    not_audible,
    length,
    form,
)
