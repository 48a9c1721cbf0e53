"""Names as archives write them -> the accepted taxon of a versioned checklist, or the reason why there is none."""

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

PLACEHOLDERS = {"mystery mystery", "sonus naturalis", "identity unknown", "soundscape", "unknown", "unidentified"}
HYBRID = re.compile(r"(\s[x×]\s)|(^(?:×\s?|x\s))|\bhybrid\b|\bintergrade\b", re.IGNORECASE)
UNCERTAIN = re.compile(r"\b(spec|sp|cf|aff|div|indet)\b\.?|/|\?", re.IGNORECASE)
VOWEL_SOUND = re.compile(r"(?!eu|ewe|one|uni|ural|ute)[aeiou]", re.IGNORECASE)  # "a European Robin", "an Elk"
NOT_A_NAME = {"", "-", "?", "nan", "[]"}
CLASSES_BY_SUFFIX = {"idae": "family", "formes": "order"}
RANKS = ("kingdom", "phylum", "class", "order", "family", "genus", "species")


@dataclass(frozen=True)
class Taxon:
    """An accepted taxon; `problem` is "" or the reason code for which the name gives no species caption."""

    scientific_name: str = ""
    common_name: str = ""
    taxon_id: str = ""
    checklist: str = ""
    checklist_version: str = ""
    kingdom: str = ""
    phylum: str = ""
    class_: str = ""
    order: str = ""
    family: str = ""
    genus: str = ""
    rank: str = ""
    problem: str = ""


@cache
def checklist(name: str) -> dict[str, Taxon]:
    """The table `tables/<name>.csv` by lower-case scientific name and by synonym. KeyError-free: ValueError says the choices."""
    folder = files("biolingual") / "tables"
    path = folder / f"{name}.csv"
    if not path.is_file():
        known = sorted(item.name.removesuffix(".csv") for item in folder.iterdir() if item.name.endswith(".csv"))
        raise ValueError(f"checklist {name!r} is not one of {known}. Put {name}.csv into biolingual/tables.")
    table = {}
    with path.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            taxon = Taxon(
                scientific_name=row["scientific_name"],
                common_name=row["common_name"],
                taxon_id=row["taxon_id"],
                checklist=name.rpartition("-")[0],
                checklist_version=name.rpartition("-")[2],
                kingdom=row["kingdom"],
                phylum=row["phylum"],
                class_=row["class"],
                order=row["order"],
                family=row["family"],
                genus=row["genus"],
                rank="species",
            )
            for key in (row["scientific_name"], *filter(None, row["synonyms"].split(";"))):
                table[key.lower()] = taxon
    return table


def resolve(name: str, checklist_name: str = "") -> Taxon:
    """The accepted taxon of a name as given.

    Placeholders ("Mystery mystery"), hybrids and uncertain names give a Taxon without a scientific name and with a
    `problem`. With a checklist, a name outside it has the problem `name_not_in_checklist`; without one ("") the name is
    taken as given, its subspecies dropped, and its rank read from its form.
    """
    given = " ".join((name or "").replace("_", " ").split())
    lowered = given.lower()
    if lowered in NOT_A_NAME:
        return Taxon(problem="name_missing")
    if lowered in PLACEHOLDERS:
        return Taxon(problem="name_placeholder")
    if HYBRID.search(given):
        return Taxon(problem="name_hybrid")
    if UNCERTAIN.search(given):
        return Taxon(problem="name_uncertain")
    words = given.split()
    if checklist_name:
        table = checklist(checklist_name)
        taxon = table.get(lowered) or table.get(" ".join(words[:2]).lower())
        return taxon or Taxon(problem="name_not_in_checklist")
    return _as_given(words)


def _as_given(words: list[str]) -> Taxon:
    head = words[0].capitalize()
    if len(words) >= 2:
        return Taxon(scientific_name=f"{head} {words[1].lower()}", genus=head, rank="species")
    for suffix, rank in CLASSES_BY_SUFFIX.items():
        if head.endswith(suffix):
            return replace(Taxon(scientific_name=head, rank=rank), **{rank: head})
    # One word without a tell-tale ending may be a genus or a class: its rank stays unknown.
    return Taxon(scientific_name=head)


def with_article(name: str) -> str:
    """The name with its article: "a Dusky Velar", "an Evening Querl"."""
    return f"{'an' if VOWEL_SOUND.match(name) else 'a'} {name}"
