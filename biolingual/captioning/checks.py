"""Can a caption be trusted? Each check is a named reason; a caption that has one is not used.

A caption may say only what can be heard and what the metadata hold, and must name its species. Places, people and dates are
no audible facts: they are turned down even where the metadata hold them, unless they are part of a species' name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from biolingual.captioning import language
from biolingual.captioning.language import (
    MASK,
    Token,
    has_name,
    masked,
    names,
    patterns,
    singular,
    stem,
    stems,
    tokens,
    told,
    words,
)
from biolingual.records import Recording

MAX_CHARS, MAX_WORDS, MAX_SENTENCES = 300, 48, 3
MIN_WORDS = 4  # of a descriptive caption
FLOOD_SHARE, FLOOD_LEAST = 0.02, 20  # one text on more recordings than this says nothing of each
UNGROUNDED_LEAST, UNGROUNDED_SHARE = 4, 0.5
REASONS_OF = {
    "sound_quality": "not_in_metadata",
    "distance": "not_in_metadata",
    "weather": "not_audible",
    "time": "date",
}
DATE = re.compile(
    r"\b(1[6-9]|20)\d\d\b|\b\d{1,2}[:h]\d\d\b|\b\d{1,2}\s?[ap]\.?m\b|\b\d{1,2}[./]\d{1,2}[./]\d{2,4}\b"
    r"|\bMay\s+\d|\bin (May|March)\b"
    r"|\b(early|late|mid)[ -](May|March)\b|\b\d+(st|nd|rd|th) of \w+",
)
COORDINATE = re.compile(
    r"\d\s*°|\d+[.,]\d+\s*[NSEW]\b|\b\d{1,3}\s?[NSEW]\b|-?\d{1,3}\.\d{2,}\s*,\s*-?\d{1,3}\.\d{2,}|\b(degrees|latitude|longitude)\b|"
    r"\b\d[\d,.]*\s?(m|metres|meters|feet|ft|km)\s+(above|a\.?s\.?l|elevation|altitude)",
    re.IGNORECASE,
)
TRUNCATED = re.compile(
    r"\b(the|a|an|of|and|with|its)\.?$|\b(in|on|at|by|from|to|is|as|while|over)$|[,;:(-]\.?$|…$|\.\.\.$", re.IGNORECASE
)
TAXON = re.compile(r"\b[A-Z][a-z]+(?:idae|inae|iformes|oidea)\b")
BINOMIAL = re.compile(r"\b([A-Z][a-z]{2,}) ([a-z]{3,}(?:us|a|um|is|ii|i|ae|ensis|ens|or|os|es|e|on|ax|ix))\b")


@dataclass(frozen=True)
class Fault:
    """A reason for which a caption is not used, and the words that gave it."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Subject:
    """What a check looks at: the caption, its words outside species' names, and what the metadata hold."""

    text: str
    kind: str
    recording: Recording
    bare: str  # the text with every known name masked
    words: list[Token]  # of `bare`
    held: frozenset[str]  # stems of what the metadata tell of the sound
    groups: frozenset[str]  # of the lexicon, that `held` gives or implies


def faults(text: str, recording: Recording, kind: str = "descriptive") -> list[Fault]:
    """Every fault of a caption of that kind, in the order of CHECKS; [] = it can be trusted."""
    one = subject(text, recording, kind)
    return [fault for check in CHECKS for fault in check(one)]


def subject(text: str, recording: Recording, kind: str) -> Subject:
    """The caption beside its metadata."""
    bare = masked(text, names(recording))
    held = {stem(word) for word in re.findall(r"[^\W\d_]+(?:[-'][^\W\d_]+)*", told(recording))}
    held |= {part for word in held for part in map(stem, word.split("-"))}
    groups = {group for word in held for _, group in language.lexicon().get(word, [])}
    elsewhere = words()["animals_elsewhere"]
    animals = {elsewhere.get(word.lower(), singular(word)) for word in re.findall(r"[^\W\d_]+", told(recording))}
    animals &= set(words()["animals"]) | set(words()["hypernyms"]) | set(elsewhere.values())
    held |= {stem(animal) for animal in animals}
    if recording.background_species or animals:
        groups |= {"others"}
    implied = {group for group, givers in words()["implied_by"].items() if groups & set(givers)}
    return Subject(text, kind, recording, bare, tokens(bare), frozenset(held), frozenset(groups | implied))


def flooding(texts: Iterable[str]) -> set[str]:
    """Descriptive captions that stand on so many recordings that they say nothing of each."""
    counts = Counter(language.plain(text) for text in texts)
    most = max(FLOOD_LEAST, FLOOD_SHARE * counts.total())
    return {text for text, count in counts.items() if count > most}


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


def other_species(one: Subject) -> list[Fault]:
    """An animal that the metadata do not name."""
    taxa = {one.recording.class_.lower(), one.recording.order.lower()} - {""}
    metadata, hypernyms = _name_stems(one) | one.held, words()["hypernyms"]
    found = []
    for token in one.words:
        animal = singular(token.text)
        if token.denied or token.stem in metadata:
            continue
        if animal in hypernyms:
            if one.recording.class_ and "others" not in one.groups and not taxa & set(hypernyms[animal]):
                found.append(token.text)
        elif animal in set(words()["animals"]) and token.stem not in language.lexicon():
            found.append(token.text)
    found += TAXON.findall(one.bare)
    for genus, epithet in BINOMIAL.findall(one.bare):
        if not {stem(genus), stem(epithet)} & (set(language.lexicon()) | stems("functions") | stems("neutral")):
            found.append(f"{genus} {epithet}")
    return [Fault("other_species", ", ".join(found))] if len(found) > _untold(one) else []


def _name_stems(one: Subject) -> set[str]:
    return {stem(word) for name in names(one.recording) for word in re.findall(r"[^\W\d_]+", language.plain(name))}


def _untold(one: Subject) -> int:
    """Animals of the background that the caption does not name by their scientific name, so it may by a common one."""
    binomials = [name for name in one.recording.background_species if re.fullmatch(r"[A-Z][a-z]+ [a-z]+", name)]
    return sum(not has_name(one.text, name) for name in binomials)


def place(one: Subject) -> list[Fault]:
    known = set(words()["places"]) | set(words()["demonyms"])
    found = [
        token.text for token in one.words if token.text.lower().removesuffix("'s") in known and token.text[0].isupper()
    ]
    for phrase in (one.recording.country, *re.split(r"[,;/]", one.recording.locality_coarse)):
        phrase = phrase.strip()
        if len(phrase) >= 4 and re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", one.bare, re.IGNORECASE):
            found.append(phrase)
    return [Fault("place", ", ".join(found))] if found else []


def person(one: Subject) -> list[Fault]:
    known, titles = set(words()["people"]), set(words()["titles"])
    found = [
        token.text
        for token in one.words
        if token.text[0].isupper() and token.text.lower().removesuffix("'s") in known | titles
    ]
    told_people = f"{one.recording.recorded_by} {one.recording.rights_holder}"
    parts = {part.lower() for part in re.findall(r"[^\W\d_][\w'’-]{2,}", told_people)}
    found += [
        token.text for token in one.words if token.text[0].isupper() and token.text.lower().removesuffix("'s") in parts
    ]
    found += re.findall(
        r"\b(?:recorded|observed|captured|filmed|documented|uploaded|made|taken) by\b.*", one.bare, re.IGNORECASE
    )
    return [Fault("person", ", ".join(dict.fromkeys(found)))] if found else []


def date(one: Subject) -> list[Fault]:
    found = [match.group() for match in DATE.finditer(one.bare)]
    listed = set(words()["months"]) | set(words()["weekdays"])
    found += [token.text for token in one.words if token.text.lower() in listed and token.text[0].isupper()]
    return [Fault("date", ", ".join(found))] if found else []


def coordinate(one: Subject) -> list[Fault]:
    found = COORDINATE.search(one.bare)
    return [Fault("coordinate", found.group())] if found else []


def proper_name(one: Subject) -> list[Fault]:
    """A capital inside a sentence that is neither a known name nor an ordinary word."""
    lexicon, ordinary = (
        language.lexicon(),
        stems("functions") | stems("neutral") | stems("animals") | stems("phyla"),
    )
    metadata = _name_stems(one)
    found = [
        token.text
        for token in one.words
        if token.text[0].isupper()
        and not token.first
        and token.stem not in lexicon
        and token.stem not in ordinary
        and token.stem not in metadata
        and not (len(token.text) == 1 and token.stem in one.held)
        and not (token.stem in one.held and token.text.isupper())
    ]
    spared = _untold(one)
    return [Fault("proper_name", " ".join(found))] if len(found) > 2 * spared else []


def number(one: Subject) -> list[Fault]:
    """A number that neither the remarks nor the length hold."""
    values = words()["number_words"]
    held = {float(digits.replace(",", ".")) for digits in re.findall(r"\d+(?:[.,]\d+)?", told(one.recording))}
    held |= {values[word.lower()] for word in re.findall(r"[A-Za-z]+", told(one.recording)) if word.lower() in values}
    held |= {2} if {"pair", "duet", "two_part"} & one.groups else set()
    held |= {3} if "three_part" in one.groups else set()
    if one.recording.duration_s and re.search(r"\d[\s-]?(s|sec|seconds?)\b", one.bare):
        held |= {round(one.recording.duration_s), round(one.recording.duration_s, 1)}
    found = []
    for token in one.words:
        head = token.text.lower().split("-")[0]
        value = values.get(head)
        if token.text[0].isdigit():
            value = (
                float(re.sub(r"[:,]", ".", token.text).split(".", 2)[0])
                if token.text.count(".") > 1
                else _number(token.text)
            )
        if value is not None and not token.denied and value not in held:
            found.append(token.text)
    return [Fault("number", ", ".join(found))] if found else []


def _number(text: str) -> float:
    digits = re.sub(r"[:,]", ".", text)
    return float(digits) if digits.count(".") <= 1 else float(digits.split(".")[0])


def not_in_metadata(one: Subject) -> list[Fault]:
    """A behaviour, sound, distance, background, sex, age, group, time or place that the metadata do not hold: its category is
    the reason."""
    found: dict[str, list[str]] = {}
    for token in one.words:
        if token.denied or token.stem in one.held or token.text.lower() in words()["functions"]:
            continue
        for part in {token.stem, *map(stem, token.text.split("-"))} - {""}:
            places = language.lexicon().get(part, [])
            if places and part not in one.held and not {group for _, group in places} & one.groups:
                found.setdefault(REASONS_OF.get(places[0][0], places[0][0]), []).append(token.text)
    return [Fault(reason, ", ".join(dict.fromkeys(texts))) for reason, texts in found.items()]


def not_audible(one: Subject) -> list[Fault]:
    listed = set(words()["not_audible"])
    found = [
        token.text for token in one.words if {token.text.lower(), singular(token.text)} & listed and not token.denied
    ]
    return [Fault("not_audible", ", ".join(found))] if found else []


def not_grounded(one: Subject) -> list[Fault]:
    """Most of what the caption says beyond the species is in no metadata, whatever it is about."""
    ordinary = stems("functions") | stems("neutral")
    content = [
        token for token in one.words if token.stem not in ordinary and len(token.text) > 3 and token.text.isalpha()
    ]
    metadata = _name_stems(one)
    lexicon = language.lexicon()
    loose = [
        token.text
        for token in content
        if token.stem not in one.held | metadata
        and not {group for _, group in lexicon.get(token.stem, [])} & one.groups
    ]
    if len(loose) >= UNGROUNDED_LEAST and len(loose) > UNGROUNDED_SHARE * len(content):
        return [Fault("not_grounded", ", ".join(loose))]
    return []


def foreign(one: Subject) -> list[Fault]:
    """Another language than English: another script, or more of its small words than of English ones."""
    letters = [letter for letter in one.bare if letter.isalpha()]
    if any(ord(letter) > 0x24F for letter in letters):
        return [Fault("language", "".join(letter for letter in letters if ord(letter) > 0x24F)[:20])]
    small = set(words()["functions"])
    strange = [t.text for t in one.words if t.text.lower() in set(words()["foreign"]) - small - {"i"}]
    english = [t.text for t in one.words if t.text.lower() in small - {"as", "in", "on", "a", "an", "for"}]
    if strange and len(strange) >= max(1, len(english)):
        return [Fault("language", " ".join(strange))]
    return []


def _matching(name: str, reason: str) -> Callable[[Subject], list[Fault]]:
    def check(one: Subject) -> list[Fault]:
        hit = next((found for pattern in patterns(name) if (found := pattern.search(one.bare))), None)
        return [Fault(reason, hit.group().strip()[:60])] if hit else []

    return check


def injected(one: Subject) -> list[Fault]:
    """The caption took over words of a sentence in the remarks that speaks to the model."""
    orders = " ".join(language.instructed(one.recording.remarks))
    if not orders:
        return []
    ordered = {token.stem for token in tokens(masked(orders, names(one.recording)))}
    ordered -= stems("functions") | stems("neutral") | one.held
    metadata = _name_stems(one)
    taken = [token.text for token in one.words if token.stem in ordered - metadata]
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
    stutter = any(heard[i] == heard[i + 1] and heard[i] not in ("that", "had") for i in range(len(heard) - 1))
    content = Counter(word for word in heard if word not in stems("functions"))
    shouting = [token.text for token in one.words if token.text.isupper() and len(token.text) > 3]
    if TRUNCATED.search(text) or text.count("(") != text.count(")") or text.count('"') % 2:
        return [Fault("truncated", text[-30:])]
    if (stutter and MASK not in one.bare) or any(count > 3 for count in content.values()):
        return [Fault("repetition", text[:60])]
    return [Fault("markup", ", ".join(shouting))] if shouting else []


def chain(one: Subject) -> list[Fault]:
    """A taxonomic caption whose ranks are not in their order."""
    if one.kind != "taxonomic":
        return []
    ranks = [getattr(one.recording, rank) for rank in ("kingdom", "phylum", "class_", "order", "family", "genus")]
    places = [
        one.text.find(name) for name in [*filter(None, ranks[:5]), one.recording.scientific_name] if name in one.text
    ]
    return [Fault("chain_order", one.text)] if places != sorted(places) else []


CHECKS = (
    species_missing,
    subject_swapped,
    chain,
    _matching("refusal", "refusal"),
    _matching("leaked", "leaked"),
    _matching("boilerplate", "boilerplate"),
    injected,
    foreign,
    place,
    person,
    date,
    coordinate,
    number,
    other_species,
    proper_name,
    not_in_metadata,
    not_audible,
    not_grounded,
    length,
    form,
)
