"""Is what a caption says in the metadata? Animals, numbers, behaviours, sexes, ages, backgrounds, times and places.

How a sound is, how near and how it is given is for the ear: such words are a fault only where they contradict the metadata.

Remarks in another language than English cannot be compared word by word: there only what contradicts a structured field is a
fault, and what is never audible.
"""

from __future__ import annotations

import re

from biolingual.captioning.language import (
    LETTERS,
    MASK,
    Token,
    instructed,
    lexicon,
    listed,
    masked,
    names,
    singular,
    stem,
    stems,
    tokens,
    told,
    words,
)
from biolingual.captioning.subject import Fault, Subject, ordinary, phrase_of_a_species

UNGROUNDED_LEAST, UNGROUNDED_SHARE = 4, 0.6
CONTRADICTIONS_LEAST = 2
REASONS = {"weather": "not_audible", "time": "date"}
STRUCTURED = {"sex": "sex", "life_stage": "life_stage", "behaviour": "behavior"}  # category -> the field that tells it
CALL_TYPES = {
    "song",
    "alarm",
    "flight",
    "contact",
    "courtship",
    "begging",
    "drumming",
    "echolocation",
    "release",
    "duet",
}
NO_SONGS = {"alarm", "flight", "contact", "begging", "echolocation", "release"}
TAXON = re.compile(r"\b[A-Z][a-z]+(?:idae|inae|iformes|oidea)\b")
BINOMIAL = re.compile(r"\b([A-Z][a-z]{2,}) ([a-z]{3,}(?:us|a|um|is|ii|i|ae|ensis|ens|or|os|es|e|on|ax|ix))\b")
DIGITS = re.compile(r"\d+(?:[.,]\d+)?")
COUNTS = re.compile(r"\b\d{1,2}(?=[- ](?!sec|min|met|feet)[a-z]{4})")
OF_NOTES = re.compile(r"-(note|noted|syllable|syllabled|syllabic|part|parted|tone|toned|phrase)$", re.IGNORECASE)
SECONDS = re.compile(r"\d[\s-]?(s|sec|seconds?)\b")


def other_species(one: Subject) -> list[Fault]:
    """An animal that the metadata do not name."""
    taxa = {one.recording.class_.lower(), one.recording.order.lower()} - {""}
    hypernyms, animals = words()["hypernyms"], listed("animals")
    found = []
    for token in one.words:
        animal = singular(token.text)
        if token.denied or token.stem in one.named | one.held or token.stem in lexicon():
            continue
        unfit = one.recording.class_ and "others" not in one.groups and not taxa & set(hypernyms.get(animal, []))
        if one.understood and (unfit if animal in hypernyms else animal in animals):
            found.append(token.text)
    found += TAXON.findall(one.bare)
    for genus, epithet in BINOMIAL.findall(one.bare):
        if not any(stem(word) in lexicon() or ordinary(stem(word)) for word in (genus, epithet)):
            found.append(f"{genus} {epithet}")
    return [Fault("other_species", ", ".join(found))] if len(found) > one.untold else []


def proper_name(one: Subject) -> list[Fault]:
    """A capital inside a sentence that is neither a known name nor an ordinary word."""
    spared = phrase_of_a_species(one)
    found = [
        token.text
        for place, token in enumerate(one.words)
        if token.text[0].isupper()
        and not token.first
        and place not in spared
        and not (token.stem in lexicon() or ordinary(token.stem) or token.stem in stems("animals") | stems("phyla"))
        and token.stem not in one.named
        and not (token.stem in one.held and (len(token.text) == 1 or token.text.isupper()))
    ]
    return [Fault("proper_name", " ".join(found))] if found else []


def number(one: Subject) -> list[Fault]:
    """A number that neither the remarks nor the length hold: "two" only where they count otherwise, the notes of a phrase never.

    Words for numbers are compared with English remarks alone.
    """
    values, said = words()["number_words"], told(one.recording)
    held = {_number(digits) for digits in DIGITS.findall(said)}
    spelt = {float(values[word]) for word in re.findall(r"[^\W\d_]+", said.lower()) if word in values}
    held |= spelt
    counted = spelt | {float(digits) for digits in COUNTS.findall(said)}
    if not counted - {1.0} or {"pair", "duet"} & one.groups:
        held |= {2.0}  # a second animal, two notes, twice: heard, and not counted otherwise
    if one.recording.duration_s and SECONDS.search(one.bare):
        held |= {float(round(one.recording.duration_s)), round(one.recording.duration_s, 1)}
    found = []
    for token in one.words:
        word = token.text.lower().split("-")[0]
        value = _number(word) if word[0].isdigit() else values.get(word) if one.understood else None
        if value is not None and not token.denied and value not in held and not OF_NOTES.search(token.text):
            found.append(token.text)
    return [Fault("number", ", ".join(found))] if found else []


def _number(text: str) -> float:
    parts = re.split(r"[.,:]", text)
    return float(".".join(parts[:2])) if len(parts) > 1 and parts[1].isdigit() else float(parts[0])


def not_in_metadata(one: Subject) -> list[Fault]:
    """A behaviour, background, sex, age, group or place that the metadata do not hold, or a time: its category is the reason."""
    spared, found = phrase_of_a_species(one), {}
    for place, token in enumerate(one.words):
        if ordinary(token.stem) or place in spared or token.denied or token.text.lower() in words()["number_words"]:
            continue
        for part in sorted({token.stem, *map(stem, token.text.split("-"))} - {""}):
            senses = [] if ordinary(part) else lexicon().get(part, [])
            if senses and not _told(one, part, senses) and _counts(one, *senses[0]):
                found.setdefault(REASONS.get(senses[0][0], senses[0][0]), []).append(token.text)
    return [Fault(reason, ", ".join(dict.fromkeys(texts))) for reason, texts in found.items()]


def _told(one: Subject, part: str, senses: list[tuple[str, str]]) -> bool:
    """Whether the metadata hold the word or another of its group; of times only those that name a kind of call."""
    if senses[0][0] == "time":
        return part in {stem(word) for word in LETTERS.findall(one.recording.behavior)}
    return part in one.held or bool({group for _, group in senses} & one.groups)


def _counts(one: Subject, category: str, group: str) -> bool:
    """Whether a word that the metadata do not hold is a fault: most are where the remarks could be read, a song only where the
    metadata tell another kind of call."""
    if group == "singing" or (group == "song" and not one.recording.behavior):
        return bool(one.groups & NO_SONGS)
    if one.understood or category == "time":
        return True
    told_by = getattr(one.recording, STRUCTURED[category]) if category in STRUCTURED else ""
    return bool(told_by) and (category != "behaviour" or group in CALL_TYPES)


def contradicted(one: Subject) -> list[Fault]:
    """Several words of how it sounds whose opposites the metadata hold: "slow, soft" of a fast, loud chirp."""
    found = []
    for sides in words()["opposites"]:
        first, second = (frozenset(map(stem, side)) for side in sides)
        for own, other in ((first, second), (second, first)):
            if one.held & other and not one.held & own:
                found += [token.text for token in one.words if token.stem in own and not token.denied]
    return [Fault("contradicted", ", ".join(found))] if len(found) >= CONTRADICTIONS_LEAST else []


def not_audible(one: Subject) -> list[Fault]:
    silent, spared = listed("not_audible"), phrase_of_a_species(one)
    found = [
        token.text
        for place, token in enumerate(one.words)
        if {token.text.lower(), singular(token.text)} & silent and not token.denied and place not in spared
    ]
    return [Fault("not_audible", ", ".join(found))] if found else []


def not_grounded(one: Subject) -> list[Fault]:
    """Most of what the caption says, or all of one of its sentences, is in no metadata, whatever it is about."""
    if not one.understood:
        return []
    loose = [token.text for token in content(one.words) if not _held(one, token)]
    if len(loose) >= UNGROUNDED_LEAST and len(loose) > UNGROUNDED_SHARE * len(content(one.words)):
        return [Fault("not_grounded", ", ".join(loose))]
    for sentence in re.split(r"(?<=[.!?])\s+", one.bare)[1:]:
        said = tokens(sentence)
        if MASK not in sentence and not any(_held(one, token) or token.stem in stems("audible") for token in said):
            return [Fault("not_grounded", sentence[:60])]
    return []


def content(said: list[Token]) -> list[Token]:
    """The telling words: neither small nor neutral nor of how it sounds."""
    return [token for token in said if not ordinary(token.stem) and len(token.text) > 3 and token.text.isalpha()]


def grounded_share(one: Subject) -> float:
    """Share of a caption's telling words that the metadata hold; 1 where it has none beyond the species' name."""
    said = content(one.words)
    return sum(_held(one, token) for token in said) / len(said) if said else 1.0


def _held(one: Subject, token: Token) -> bool:
    groups = {group for _, group in lexicon().get(token.stem, [])}
    return token.stem in one.held | one.named or bool(groups & one.groups)


def injected(one: Subject) -> list[Fault]:
    """The caption took over words of a sentence in the remarks that speaks to the model."""
    ordered = {
        token.stem for token in tokens(masked(" ".join(instructed(one.recording.remarks)), names(one.recording)))
    }
    taken = [
        token.text for token in one.words if token.stem in ordered - one.held - one.named and not ordinary(token.stem)
    ]
    return [Fault("injection", ", ".join(taken))] if taken else []


CHECKS = (injected, number, other_species, proper_name, not_in_metadata, contradicted, not_audible, not_grounded)
