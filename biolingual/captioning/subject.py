"""What a check looks at: a caption beside its metadata, both as words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from biolingual.captioning.language import (
    LETTERS,
    Token,
    animal,
    animal_stems,
    has_name,
    in_english,
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

BINOMIAL_NAME = re.compile(r"[A-Z][a-z]+ [a-z]+")
EPITHET_ENDINGS = ("ed", "'s", "’s", "s'", "s’")  # "Red-lored", "Whiskered", "Swainson's"
NEAR_MICROPHONE = re.compile(
    r"\b(from|to|near|beside|against|into|around|across|touch\w*|buffet\w*|hit\w*|bump\w*|(?<!recorded )on) the "
    r"(microphone|mic|recorder|observer|hydrophone)\b|\b(microphone|mic|recorder) (handling|noise|rumble|bumps?)\b",
    re.IGNORECASE,
)
FIGURE = re.compile(  # "like a squeaky gate", "flute-like", "a stream of notes": how it sounds, not what is heard
    r"\b(?:like|resembling|recalling|reminiscent of|similar to|akin to|suggesting) (?:an?|the|that of)\b"
    r"(?: (?!(?:in|at|near|from|with|while|by|on|as)\b)[\w-]+){1,4}"
    r"|\b[\w-]+-(?:like|ish|sounding)\b|\b(?:stream|torrent|wave|shower|flood|train|storm|rain|river)s? of (?!water|rain)"
    r"|\b(?:played|plays|playing) (?:back|at)\b|\b(?:white|pink) noise\b|\bthe rest\b"
    r"|\bwarm(?:er)?,? (?=(?:\w+,? ){0,2}(?:tone|timbre|note|whistle|voice|sound|quality))"
    r"|\bgain(?:s|ing)? (?:in )?(?=volume|strength|intensity|speed|pace|pitch|loudness)",
    re.IGNORECASE,
)
QUOTED = re.compile(r"""(?<!\w)(['"‘“])[^\W\d_A-Z][^\W\d_A-Z]*(?:[ ,!.'-]+[^\W\d_A-Z]+){0,9}[!.,]?['"’”](?!\w)""")


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
    elsewhere = words()["animals_elsewhere"]
    animals = animal_stems(" ".join(elsewhere.get(word.lower(), word) for word in LETTERS.findall(said)))
    animals |= {stem(one) for word in LETTERS.findall(said) if (one := singular(word)) in words()["hypernyms"]}
    held |= animals
    groups = {group for word in held for _, group in lexicon().get(word, [])}
    groups |= {"pair"} if recording.sex.count(",") == 1 else set()
    groups |= {"others"} if recording.background_species or animals else set()
    implied = {group for group, givers in words()["implied_by"].items() if groups & set(givers)}
    named = {stem(word) for name in names(recording) for word in LETTERS.findall(plain(name))}
    named |= animal_stems(" ".join(names(recording)))
    return Subject(
        text,
        kind,
        recording,
        bare,
        tokens(bare),
        frozenset(held),
        frozenset(groups | implied),
        frozenset(named),
        in_english(recording),
    )


def ordinary(name: str) -> bool:
    """Whether a stem is a small or a neutral word or tells how it sounds, which the metadata need not hold."""
    return name in stems("functions") or name in stems("neutral") or name in stems("audible")


def usual(token: Token) -> bool:
    """Whether a word is ordinary as it is written: "evenly" is, "evening" is not, though their stems are one."""
    text = token.text.lower()
    if text in listed("functions", "neutral", "audible") or text not in written():
        return ordinary(token.stem)
    return False


@cache
def written() -> frozenset[str]:
    """The words of the lexicon as they are written, of times and of what is not heard."""
    groups = words()["groups"]
    return frozenset(
        word for category in ("time", "weather", "looks") for row in groups[category].values() for word in row
    )


def phrase_of_a_species(one: Subject) -> set[int]:
    """Places of the words that make up an animal's common name: "blue" in "blue tits" that the remarks tell, "American" in
    the "American Robin" that they call a robin, and "field" in "a field cricket" that the metadata do not spell out.

    Of the last only as many animals as the background has ones told by their scientific name, so that nothing hides in a
    made-up name; where the remarks are in another language, any animal may be one of theirs.
    """
    found: set[int] = set()
    left = one.untold
    for place, token in enumerate(one.words):
        kind = animal(token.text)
        told_of = animal_told(one, place)
        if not kind or not (told_of or (left and token.stem not in one.named) or not one.understood):
            continue
        untold = left > 0 and not told_of
        left -= untold
        found |= {place, *_name_before(one, place, untold, kind)}
    return found | _unlisted_names(one, found, left) | coded_names(one)


def coded_names(one: Subject) -> set[int]:
    """Places of names that the remarks have as bird banders' four letters: "WWDO" is the White-winged Dove, "AMRO" its robin."""
    codes = set(re.findall(r"\b[A-Z]{4}\b", one.recording.remarks))
    found: set[int] = set()
    for last in range(len(one.words)) if codes else ():
        for start in range(max(0, last - 2), last + 1):
            parts = [part for word in one.words[start : last + 1] for part in word.text.upper().split("-")]
            lengths = {1: (4,), 2: (2, 2), 3: (1, 1, 2), 4: (1, 1, 1, 1)}.get(len(parts), ())
            if lengths and "".join(part[:count] for part, count in zip(parts, lengths, strict=True)) in codes:
                found |= set(range(start, last + 1))
    return found


def animal_told(one: Subject, place: int) -> bool:
    """Whether the metadata tell the animal at a place, or the word that tells it from others: "Greylags" of "Greylag Geese"."""
    token, before = one.words[place], one.words[place - 1]
    telling = before.stem in one.held and not ordinary(before.stem) and before.stem not in lexicon()
    return bool({token.stem, stem(animal(token.text))} & one.held) or (place > 0 and token.joined and telling)


def _name_before(one: Subject, place: int, untold: bool, kind: str) -> list[int]:
    """Places of the words before an animal that belong to its name: all where it is untold, else those that names are made of."""
    found = []
    for before in range(place - 1, max(-1, place - 4), -1):
        word = one.words[before]
        named = word.stem in one.held or (kind not in listed("domestic") and _in_names(word))
        if not one.words[before + 1].joined or word.text.lower() in listed("functions") or not (untold or named):
            break
        found.append(before)
    return found


def _in_names(word: Token) -> bool:
    text = word.text.lower()
    capital = word.text[0].isupper() and not word.first
    return capital or text in listed("demonyms", "name_parts") or text.endswith(EPITHET_ENDINGS)


def _unlisted_names(one: Subject, spared: set[int], left: int) -> set[int]:
    """Places of names in capitals whose animal is in no list, "a Red-lored Amazon": as many as are still untold."""
    found: set[int] = set()
    barred = listed("places", "people", "titles", "months", "weekdays", "functions")
    run: list[int] = []
    for place, token in enumerate(one.words):
        named = token.text[0].isupper() and not token.first and place not in spared and token.text.lower() not in barred
        run = [*run, place] if named and (not run or token.joined) else [place] if named else []
        following = one.words[place + 1] if place + 1 < len(one.words) else None
        if len(run) < 2 or (following and following.joined and following.text[0].isupper()):
            continue
        before = one.words[run[0] - 1].text.lower() if run[0] else ""
        if left and (before in ("a", "an") or one.words[run[0]].text.lower().endswith(EPITHET_ENDINGS)):
            found |= set(run)
            left -= 1
    return found
