"""What a check looks at: a caption beside its metadata, both as words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from biolingual.captioning.language import (
    LETTERS,
    Token,
    has_name,
    lexicon,
    listed,
    masked,
    names,
    plain,
    singular,
    stem,
    stems,
    tokens,
    told,
    words,
    written_names,
)
from biolingual.records import Recording

ENGLISH = ("en", "eng", "english")
BINOMIAL_NAME = re.compile(r"[A-Z][a-z]+ [a-z]+")
NEAR_MICROPHONE = re.compile(r"\b(from|to|near|beside) the (microphone|recorder|observer|hydrophone)\b", re.IGNORECASE)
FIGURE = re.compile(  # "like a squeaky gate", "flute-like", "a stream of notes": how it sounds, not what is heard
    r"\b(?:like|resembling|recalling) (?:an?|the|that of)\b(?: (?!(?:in|at|near|from|with|while|by|on)\b)[\w-]+){1,3}"
    r"|\b[\w-]+-(?:like|ish|sounding)\b|\b(?:stream|torrent|wave|shower|flood|train|storm|rain|river)s? of (?!water|rain)",
    re.IGNORECASE,
)
QUOTED = re.compile(r"""(?<!\w)(['"‘“])[a-z][a-z ,!-]{1,30}['"’”](?!\w)""")  # a sound spelt out: 'drink-your-tea'


@dataclass(frozen=True)
class Fault:
    """A reason for which a caption is not used, and the words that gave it."""

    reason: str
    detail: str


@dataclass(frozen=True)
class Subject:
    """A caption of a kind, and what the metadata hold."""

    text: str
    kind: str
    recording: Recording
    bare: str  # the text with every known name masked
    words: list[Token]  # of `bare`
    held: frozenset[str]  # stems of what the metadata tell of the sound
    groups: frozenset[str]  # of the lexicon, that `held` gives or implies
    named: frozenset[str]  # stems of the words in the names that the metadata hold
    understood: bool  # whether the remarks are in English, so that words can be compared

    @property
    def untold(self) -> int:
        """Animals of the background that the caption does not name by their scientific name, so it may by a common one."""
        binomials = [name for name in self.recording.background_species if BINOMIAL_NAME.fullmatch(name)]
        spelt = sum(has_name(self.text, name) for name in written_names(self.recording.remarks))
        return max(0, sum(not has_name(self.text, name) for name in binomials) - spelt)


def subject(text: str, recording: Recording, kind: str) -> Subject:
    """The caption beside its metadata."""
    bare = masked(text, names(recording))
    for pattern in (NEAR_MICROPHONE, FIGURE, QUOTED):
        bare = pattern.sub(" ", bare)
    said = told(recording)
    held = {stem(word) for word in LETTERS.findall(said)}
    held |= {stem(part) for word in LETTERS.findall(said) for part in word.split("-") if part}
    elsewhere, known = words()["animals_elsewhere"], listed("animals", "hypernyms")
    animals = {elsewhere.get(word.lower(), singular(word)) for word in LETTERS.findall(said)}
    animals &= known | set(elsewhere.values())
    held |= {stem(animal) for animal in animals}
    groups = {group for word in held for _, group in lexicon().get(word, [])}
    groups |= {"pair"} if recording.sex.count(",") == 1 else set()
    groups |= {"others"} if recording.background_species or animals else set()
    implied = {group for group, givers in words()["implied_by"].items() if groups & set(givers)}
    named = {stem(word) for name in names(recording) for word in LETTERS.findall(plain(name))}
    return Subject(
        text,
        kind,
        recording,
        bare,
        tokens(bare),
        frozenset(held),
        frozenset(groups | implied),
        frozenset(named),
        _in_english(recording),
    )


def _in_english(recording: Recording) -> bool:
    """As the archive says; where it does not, whether the remarks have at least as many small English words as foreign ones."""
    if recording.remarks_language:
        return recording.remarks_language.lower().split("-")[0] in ENGLISH
    said = [word.lower() for word in LETTERS.findall(recording.remarks)]
    small = listed("functions")
    return sum(word in small for word in said) >= sum(word in listed("foreign") - small for word in said)


def ordinary(name: str) -> bool:
    """Whether a stem is a small or a neutral word or tells how it sounds, which the metadata need not hold."""
    return name in stems("functions") or name in stems("neutral") or name in stems("audible")


def phrase_of_a_species(one: Subject) -> set[int]:
    """Places of the words that make up an animal's common name: "blue" in "blue tits" that the remarks tell, and "field" in
    "a field cricket" that the metadata do not spell out.

    Of the latter only as many animals as the background has ones told by their scientific name, so that nothing hides in a
    made-up name.
    """
    found: set[int] = set()
    left = one.untold
    for place, token in enumerate(one.words):
        told_of, untold = token.stem in one.held, left and token.stem not in one.named | one.held
        if singular(token.text) not in listed("animals") or not (told_of or untold):
            continue
        left -= not told_of
        found.add(place)
        for before in range(place - 1, max(-1, place - 4), -1):
            word = one.words[before]
            if word.text.lower() in listed("functions") or (told_of and word.stem not in one.held):
                break
            found.add(before)
    return found
