"""The words of captions and of metadata: normal form, stems, species names, and the word lists of words.yaml."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from biolingual.records import Recording

WORD = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*|\d+(?:[.,:]\d+)*")
LETTERS = re.compile(r"[^\W\d_]+(?:[-'][^\W\d_]+)*")
SENTENCE = re.compile(r"(?<=[.!?])\s+|[\r\n]+")
DENIED = re.compile(r"\b(?:no|without|not|never)\b(?:\s+[\w-]+){1,2}", re.IGNORECASE)
SUFFIXES = ("ingly", "ings", "ing", "edly", "ed", "ers", "er", "ies", "es", "s", "ly", "y", "e")
ENGLISH = ("en", "eng", "english")
MASK = "\x00"  # stands where a species' name stood


@cache
def words() -> dict:
    """The lists of words.yaml."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load((files("biolingual.captioning") / "words.yaml").read_text(encoding="utf-8"))


@cache
def patterns(name: str) -> tuple[re.Pattern, ...]:
    """The regular expressions of one list, upper and lower case alike."""
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in words()[name])


@cache
def lexicon() -> dict[str, list[tuple[str, str]]]:
    """Stem of a word -> the (category, group)s that hold it: "singing" -> [("behaviour", "song")]."""
    found: dict[str, list[tuple[str, str]]] = {}
    for category, groups in words()["groups"].items():
        for group, members in groups.items():
            for member in members:
                found.setdefault(stem(member), []).append((category, group))
    return found


@cache
def stems(name: str) -> frozenset[str]:
    """The stems of a list of words."""
    return frozenset(stem(word) for word in words()[name])


@cache
def listed(*names: str) -> frozenset[str]:
    """The words of lists, as they are written."""
    return frozenset(word for name in names for word in words()[name])


def plain(text: str) -> str:
    """Lower case, no accents, straight quotes, American grey, hyphens as spaces: how names are compared."""
    flat = unicodedata.normalize("NFKD", text.replace("’", "'").replace("‘", "'").replace("–", "-"))
    bare = "".join(letter for letter in flat if not unicodedata.combining(letter)).casefold()
    return re.sub(r"\bgray", "grey", re.sub(r"[-\s]+", " ", bare)).strip()


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A word without its ending: "singing", "sings" -> "sing". Crude and the same for caption and metadata."""
    bare = word.casefold().replace("’", "'").removesuffix("'s").removesuffix("'")
    for suffix in SUFFIXES:
        if bare.endswith(suffix) and len(bare) - len(suffix) >= 3 and not bare.endswith(("ss", "us")):
            bare = bare[: -len(suffix)]
            break
    return bare[:-1] if len(bare) > 3 and bare[-1] == bare[-2] and bare[-1] not in "lse" else bare


@lru_cache(maxsize=50_000)
def singular(word: str) -> str:
    """A noun without its plural: "wolves" -> "wolf", "mice" stays."""
    bare = word.casefold().replace("’", "'").removesuffix("'s").removesuffix("'")
    if bare in words()["irregular"]:
        return words()["irregular"][bare]
    for plural, single in (("lves", "lf"), ("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("sses", "ss")):
        if bare.endswith(plural) and len(bare) > len(plural) + 1:
            return bare.removesuffix(plural) + single
    return bare[:-1] if bare.endswith("s") and not bare.endswith(("ss", "us", "is")) and len(bare) > 3 else bare


COMPOUND = re.compile(
    r"[\w'-]{2,}(?=(bird|finch|thrush|shrike|wren|lark|frog|toad|fish|fowl|dove|duck|goose|gull|hawk|eagle|parrot|creeper"
    r"|catcher|throat|hopper|whale|dolphin|monkey|cricket)$)"
)


@lru_cache(maxsize=20_000)
def animal(word: str) -> str:
    """The animal that a word names, "" where it names none: "geese" -> "goose", "Screech-Owls" -> "owl", "whipbird" -> itself."""
    one = singular(word)
    if one in words()["hypernyms"]:
        return ""
    if word[:1].isupper() and one in listed("animals_in_capitals"):
        return one
    return next((part for part in (one, one.split("-")[-1]) if part in listed("animals") or COMPOUND.match(part)), "")


def animal_stems(text: str) -> set[str]:
    """Stems of all that the animals of a text may be called: "treefrog" is a frog too, "cockerels" are roosters."""
    found = {one for word in LETTERS.findall(re.sub(r"(bells?|song|calls?)\b", r" \1", text)) if (one := animal(word))}
    found |= {match.group(1) for one in found if (match := COMPOUND.match(one))}
    found |= {words()["kinds_of"][one] for one in found & set(words()["kinds_of"])}
    alike = [row for row in words()["same_animal"] if found & set(row)]
    return {stem(one) for one in found.union(*alike)}


def instructed(remarks: str) -> list[str]:
    """The sentences of remarks that speak to a language model instead of about a sound."""
    return [one for one in SENTENCE.split(remarks) if _speaks_to_a_model(one)]


def _speaks_to_a_model(sentence: str) -> bool:
    return any(pattern.search(sentence) for pattern in patterns("injection"))


def in_english(recording: Recording) -> bool:
    """As the archive says; where it does not, whether the remarks have at least as many small English words as foreign ones."""
    if recording.remarks_language:
        return recording.remarks_language.lower().split("-")[0] in ENGLISH
    said = [word.lower() for word in LETTERS.findall(recording.remarks)]
    small = listed("functions")
    return sum(word in small for word in said) >= sum(word in listed("foreign") - small for word in said)


def told(recording: Recording) -> str:
    """What the metadata say of the sound: behaviour, sex, life stage, and the remarks without instructions and denials."""
    remarks = " ".join(one for one in SENTENCE.split(recording.remarks) if not _speaks_to_a_model(one))
    said = DENIED.sub(" ", remarks) if in_english(recording) else remarks  # a Portuguese "no" denies nothing
    short = words()["abbreviations"]
    spelt = [full for pattern, full in short.items() if re.search(pattern, remarks, re.IGNORECASE)]
    return " . ".join((recording.behavior, recording.sex, recording.life_stage, said, *spelt))


def names(recording: Recording) -> list[str]:
    """Every name the metadata have for an animal in the recording, longest first."""
    taxa = [getattr(recording, rank) for rank in ("kingdom", "phylum", "class_", "order", "family", "genus")]
    own = [recording.common_name, recording.scientific_name, recording.source_name, *recording.background_species]
    bare = [re.sub(r"\s*\([^)]*\)", "", name).strip() for name in own]
    return sorted(
        {name for name in [*own, *bare, *taxa, *written_names(recording.remarks)] if name}, key=len, reverse=True
    )


def written_names(remarks: str) -> list[str]:
    """Animals that the remarks write with capitals: "Great Tit", "Red-tailed Hawk", and "Dusky Velar in the background"."""
    phrase = r"\b[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)+"
    found = re.findall(phrase, remarks)
    behind = re.findall(rf"({phrase}) (?:in the |in )?background", remarks)
    return [name for name in found if name in behind or singular(name.split()[-1]) in listed("animals")]


@lru_cache(maxsize=20_000)
def name_pattern(name: str) -> re.Pattern:
    """Finds a name, its plural and possessive included, whatever its case, accents, quotes and hyphens."""
    flat = plain(name)
    head, last = flat[:-1], flat[-1:]
    endings = {"y": rf"(?:{_letter('y')}s?|ies)", "f": "(?:fs?|ves)"}
    ending = endings.get(last) or rf"{_spelt(last)}(?:e?s)?"
    before, _, word = flat.rpartition(" ")
    several = next((plural for plural, single in words()["irregular"].items() if single == word), "")
    if several:
        head, ending = f"{before} ".lstrip(), f"(?:{_spelt(word)}|{several})"
    return re.compile(rf"(?<!\w){_spelt(head)}{ending}(?:['’]s?)?(?!\w)", re.IGNORECASE)


def _spelt(text: str) -> str:
    parts = {" ": r"[\s-]*", "'": "['’]?"}
    words_of = ("".join(parts.get(letter) or _letter(letter) for letter in part) for part in text.split(" of "))
    return r"s?[\s-]*of[\s-]*".join(words_of)  # "Cocks-of-the-rock"


ACCENTED = {
    "a": "aáàâäãåā", "c": "cçč", "e": "eéèêëēě", "i": "iíìîïī", "n": "nñń", "o": "oóòôöõøō", "s": "sš", "u": "uúùûüū",
    "y": "yýÿ", "z": "zžź",
}  # fmt: skip


def _letter(letter: str) -> str:
    return f"[{ACCENTED[letter]}]" if letter in ACCENTED else re.escape(letter)


def has_name(text: str, name: str) -> bool:
    """Whether a text holds a species' name."""
    bare = re.sub(r"\s*\([^)]*\)", "", name).strip()
    return any(name_pattern(one).search(text.replace("Gray", "Grey").replace("gray", "grey")) for one in {name, bare})


def masked(text: str, known: Iterable[str]) -> str:
    """The text with every known name replaced by one mark, so that "Night Heron" tells no time of day."""
    text = text.replace("Gray", "Grey").replace("gray", "grey")
    for name in known:
        text = name_pattern(name).sub(MASK, text)
    return text


@dataclass(frozen=True)
class Token:
    """A word of a caption: as written, its stem, whether it begins a sentence, whether a denial stands before it, and whether
    nothing but a space parts it from the word before."""

    text: str
    stem: str
    first: bool
    denied: bool
    joined: bool


def tokens(text: str) -> list[Token]:
    """The words and numbers of a text in order; marks of masked names are none."""
    denied = [found.span() for found in DENIED.finditer(text)]
    out = []
    for found in WORD.finditer(text):
        before = text[: found.start()].rstrip(" \"'“(")
        first = not before or before[-1] in ".!?:\n"
        inside = any(low <= found.start() < high for low, high in denied)
        joined = bool(before) and (before[-1].isalnum() or text[: found.start()].endswith(("s' ", "s’ ")))
        out.append(Token(found.group(), stem(found.group()), first, inside, joined))
    return out
