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
    animal,
    lexicon,
    listed,
    singular,
    stem,
    stems,
    tokens,
    told,
    words,
)
from biolingual.captioning.subject import Fault, Subject, animal_told, coded_names, ordinary, phrase_of_a_species, usual

UNGROUNDED_LEAST, UNGROUNDED_SHARE = 4, 0.6
CONTRADICTIONS_LEAST = 2
REASONS = {"weather": "not_audible", "looks": "not_audible", "time": "date"}
STRUCTURED = {"sex": "sex", "life_stage": "life_stage", "behaviour": "behavior"}  # category -> the field that tells it
TAXON = re.compile(r"\b[A-Z][a-z]+(?:idae|inae|iformes|oidea)\b")
BINOMIAL = re.compile(r"\b([A-Z][a-z]{2,}) ([a-z]{3,}(?:us|a|um|is|ii|i|ae|ensis|ens|or|os|es|e|on|ax|ix))\b")
DIGITS = re.compile(r"\d+(?:[.,]\d+)?")
COUNTS = re.compile(r"\b\d{1,2}(?=[- ](?!sec|min|met|feet)[a-z]{4})")
OF_NOTES = re.compile(r"-(note|noted|syllable|syllabled|syllabic|part|parted|tone|toned|phrase)$", re.IGNORECASE)
OF_NOTES_TOLD = re.compile(r"\b[\w-]+[- ](notes?|noted|syllab\w+|parts?|phrases?|elements?|times)\b")
COUNTING = ("en", "de", "es", "fr", "pt", "nl", "it")
COMPOUNDED = re.compile(r"\b(\w+?)(?:mal|maal|fach|voudig|silbi\w+|teili\w+|töni\w+|lettergrep\w+|er)\b")  # "dreimal"
REPEATED = re.compile(r"\b([\w-]+)(?:,? +\1\b)+")  # "ist ist ist": three
HERTZ = re.compile(r"\bk?hz\b|\b(kilo)?hertz\b", re.IGNORECASE)
SECONDS = re.compile(r"\d[\s-]?(s|sec|seconds?)\b")


def other_species(one: Subject) -> list[Fault]:
    """An animal that the metadata do not name."""
    taxa = {one.recording.class_.lower(), one.recording.order.lower()} - {""}
    hypernyms = words()["hypernyms"]
    found, coded = [], coded_names(one)
    for place, token in enumerate(one.words):
        kind = animal(token.text)
        known = {token.stem, stem(kind)} & one.named or animal_told(one, place) or token.stem in one.held
        if place in coded or token.denied or known or token.stem in lexicon():
            continue
        wide = hypernyms.get(singular(token.text))
        unfit = wide and one.recording.class_ and "others" not in one.groups and not taxa & set(wide)
        if one.understood and (unfit or kind):
            found.append(token.text)
    found += TAXON.findall(one.bare)
    for genus, epithet in BINOMIAL.findall(one.bare):
        if not any(stem(word) in lexicon() or ordinary(stem(word)) for word in (genus, epithet)):
            found.append(f"{genus} {epithet}")
    return [Fault("other_species", ", ".join(found))] if len(found) > one.untold else []


def proper_name(one: Subject) -> list[Fault]:
    """A capital inside a sentence that is neither a known name nor an ordinary word."""
    spared = phrase_of_a_species(one)
    lower = {stem(word) for word in LETTERS.findall(told(one.recording)) if word[0].islower()}
    found = [
        token.text
        for place, token in enumerate(one.words)
        if token.text[0].isupper()
        and token.stem not in lower
        and not token.first
        and place not in spared
        and not (token.stem in lexicon() or ordinary(token.stem) or token.stem in stems("animals") | stems("phyla"))
        and token.stem not in one.named
        and not (token.stem in one.held and (len(token.text) == 1 or token.text.isupper()))
    ]
    return [Fault("proper_name", " ".join(found))] if found else []


def number(one: Subject) -> list[Fault]:
    """A number that neither the remarks nor the length hold: "two" only where they count otherwise, the notes of a phrase never.

    Words for numbers are compared with remarks in the languages whose numbers are listed.
    """
    held = _numbers_told(one)
    found = [
        token.text
        for token, value in _numbers_said(one)
        if value not in held and not token.denied and not OF_NOTES.search(token.text)
    ]
    return [Fault("number", ", ".join(found))] if found else []


def _numbers_told(one: Subject) -> set[float]:
    """The numbers that the remarks, and where seconds are told the length, allow a caption to say."""
    values, said = words()["number_words"], told(one.recording)
    held = {_number(digits) for digits in DIGITS.findall(said)}
    notes_told = OF_NOTES_TOLD.sub(" ", said.lower())
    spelt = {float(values[word]) for word in re.findall(r"[^\W\d_]+", notes_told) if word in values}
    held |= spelt | {float(values[word]) for word in re.findall(r"[^\W\d_]+", said.lower()) if word in values}
    held |= {float(values[word]) for word in COMPOUNDED.findall(said.lower()) if word in values}
    held |= {float(len(match.group().split())) for match in REPEATED.finditer(said.lower())}
    if HERTZ.search(one.text):
        held |= {value * 1000 for value in held} | {value / 1000 for value in held}
    counted = spelt | {float(digits) for digits in COUNTS.findall(said)}
    if not counted - {1.0} or {"pair", "duet"} & one.groups or stems("a_second") & one.held:
        held |= {2.0}  # a second animal, two notes, twice: heard, and not counted otherwise
    if one.recording.duration_s and SECONDS.search(one.bare):
        held |= {float(round(one.recording.duration_s)), round(one.recording.duration_s, 1)}
    return held


def _numbers_said(one: Subject) -> list[tuple[Token, float]]:
    """The numbers of the caption, in digits or words, each with the word it begins with."""
    values = words()["number_words"]
    counting = one.understood or one.recording.remarks_language.lower()[:2] in COUNTING
    found = []
    for before, token, after in zip([None, *one.words], one.words, [*one.words[1:], None], strict=False):
        word, _, more = token.text.lower().partition("-")
        value = _number(word) if word[0].isdigit() else values.get(word) if counting else None
        if value is not None and 20 <= value < 100 and more in values:
            value += values[more]  # "twenty-five"
        if value in (100, 1000) and before and token.joined and before.text.lower() in values:
            continue  # read with the word before
        large = values.get(after.text.lower(), 0) if after and after.joined else 0
        if value is not None and large >= 100:
            value *= large  # "two hundred"
        if value is not None:
            found.append((token, value))
    return found


def _number(text: str) -> float:
    parts = re.split(r"[.,:]", text)
    return float(".".join(parts[:2])) if len(parts) > 1 and parts[1].isdigit() else float(parts[0])


def not_in_metadata(one: Subject) -> list[Fault]:
    """A behaviour, background, sex, age, group or place that the metadata do not hold, or a time: its category is the reason."""
    spared, found = phrase_of_a_species(one), {}
    for place, token in enumerate(one.words):
        if usual(token) or place in spared or token.denied or token.text.lower() in words()["number_words"]:
            continue
        for part in _parts(token):
            senses = [] if ordinary(part) and part != token.stem else lexicon().get(part, [])
            if (
                senses
                and not _told(one, part, senses)
                and _counts(one, *senses[0])
                and not _of_another(one, place, senses)
            ):
                found.setdefault(REASONS.get(senses[0][0], senses[0][0]), []).append(token.text)
    return [Fault(reason, ", ".join(dict.fromkeys(texts))) for reason, texts in found.items()]


def _parts(token: Token) -> list[str]:
    """The stems that a word is judged by: itself where it is known, else its parts; a sound spelt out, "chick-a-dee", has none."""
    parts = token.text.split("-")
    if token.stem in lexicon() or len(parts) == 1:
        return [token.stem]
    spelt_out = len(parts) > 2 and token.text.islower() and min(map(len, parts)) < 4
    return [] if spelt_out else sorted({stem(part) for part in parts if part and part not in words()["number_words"]})


def _of_another(one: Subject, place: int, senses: list[tuple[str, str]]) -> bool:
    """Whether a song, or what remarks that cannot be read may tell, is of another animal: "a chaffinch singing"."""
    category, group = senses[0]
    other = any(animal(token.text) for token in one.words[max(0, place - 3) : place])
    return other and category == "behaviour" and (group in ("song", "singing") or not one.understood)


def _told(one: Subject, part: str, senses: list[tuple[str, str]]) -> bool:
    """Whether the metadata hold the word or another of its group; of times only those that name a kind of call, and never how
    warm or bright it was, which is not heard.
    """
    if senses[0][0] == "time":
        return part in {stem(word) for word in LETTERS.findall(one.recording.behavior)}
    if senses[0][1] == "temperature":
        return False
    return part in one.held or bool({group for _, group in senses} & one.groups)


def _counts(one: Subject, category: str, group: str) -> bool:
    """Whether a word that the metadata do not hold is a fault: most are where the remarks could be read, a song only where the
    metadata tell another kind of call."""
    no_songs = listed("no_songs")
    if group == "singing" or (group == "song" and not one.recording.behavior):
        return bool(one.groups & (no_songs if one.recording.behavior else no_songs - {"flight"}))
    if one.understood or category in REASONS:
        return True
    told_by = getattr(one.recording, STRUCTURED[category]) if category in STRUCTURED else ""
    if not told_by or (category == "behaviour" and group not in words()["call_types"]):
        return False
    return group != "flight" if category == "behaviour" else not _also_said(one, told_by)


def _also_said(one: Subject, told_by: str) -> bool:
    """Whether the caption tells a field's value too: then the other one it tells may be of another animal in the remarks."""
    value = {group for word in LETTERS.findall(told_by) for _, group in lexicon().get(stem(word), [])}
    return any(value & {group for _, group in lexicon().get(token.stem, [])} for token in one.words)


def contradicted(one: Subject) -> list[Fault]:
    """Several words of how it sounds whose opposites the metadata hold: "slow, soft" of a fast, loud chirp."""
    found = []
    for sides in words()["opposites"]:
        first, second = (frozenset(map(stem, side)) for side in sides)
        for own, other in ((first, second), (second, first)):
            if one.held & other and not one.held & own:
                found += [token.text for token in one.words if token.stem in own and not token.denied]
    return [Fault("contradicted", ", ".join(found))] if len(found) >= CONTRADICTIONS_LEAST else []


def not_grounded(one: Subject) -> list[Fault]:
    """Most of what the caption says, or all of one of its sentences, is in no metadata, whatever it is about."""
    if not one.understood:
        return []
    known = phrase_of_a_species(one)
    loose = [token.text for place, token in enumerate(one.words) if place not in known and _loose(one, token)]
    if len(loose) >= UNGROUNDED_LEAST and len(loose) > UNGROUNDED_SHARE * len(content(one.words)):
        return [Fault("not_grounded", ", ".join(loose))]
    for sentence in re.split(r"(?<=[.!?])\s+", one.bare)[1:]:
        said = tokens(sentence)
        if MASK not in sentence and not any(_held(one, token) or token.stem in stems("audible") for token in said):
            return [Fault("not_grounded", sentence[:60])]
    return []


def _loose(one: Subject, token: Token) -> bool:
    """Whether a word is told by nothing; whether numbers and animals are is looked at by themselves."""
    checked = token.text.lower() in words()["number_words"] or animal(token.text)
    return bool(content([token])) and not checked and not _held(one, token)


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


CHECKS = (number, other_species, proper_name, not_in_metadata, contradicted, not_grounded)
