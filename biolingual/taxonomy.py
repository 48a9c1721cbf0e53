"""Names as archives write them -> the accepted taxon of a versioned checklist, or the reason why there is none."""

import csv
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

PLACEHOLDERS = {"mystery mystery", "sonus naturalis", "identity unknown", "soundscape", "unknown", "unidentified"}
HUMAN = re.compile(r"homo(?: sapiens\b.*)?$", re.IGNORECASE)
ANIMAL_KINGDOMS = {"", "animalia", "metazoa"}
HYBRID = re.compile(r"(\s[x×]\s)|(^(?:×\s?|x\s))|\bhybrid\b|\bintergrade\b", re.IGNORECASE)
UNCERTAIN = re.compile(r"\b(spec|spp?|cf|aff|div|indet|complex|agg|group|nr|undescribed)\b\.?|/|\?", re.IGNORECASE)
# Of which subspecies it is stays open, not of which species: "Rhea pennata tarapacensis/garleppi", "... [elegans Group]".
SUBSPECIES_GROUP = re.compile(r"^([A-Z][a-z-]+ [a-z-]+) (?:\[[^\]]*\]|[a-z-]+(?:/[a-z-]+)+)$")
AUTHOR = re.compile(r"\s+\(?[A-Z][^,()]*,\s*\d{4}\)?")  # "Gryllus Linnaeus, 1758", "Turdus merula (Smith, 1900)"
SUBGENUS = re.compile(r"(?<=\w)\s+\([A-Z][a-z]+\)(?=\s+[a-z])")
MARKERS = {"kl.", "kl", "ssp.", "subsp.", "var.", "f.", "forma"}  # stand between the parts of a name and are none
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
def checklist(name: str) -> dict[str, list[Taxon]]:
    """The table `tables/<name>.csv` by lower-case scientific name and by synonym: homonyms of other kingdoms share a name.

    ValueError lists the tables there are.
    """
    folder = files("biolingual") / "tables"
    path = folder / f"{name}.csv"
    if not path.is_file():
        known = sorted(item.name.removesuffix(".csv") for item in folder.iterdir() if item.name.endswith(".csv"))
        raise ValueError(f"checklist {name!r} is not one of {known}. Put {name}.csv into biolingual/tables.")
    accepted: dict[str, list[Taxon]] = {}
    synonyms: dict[str, list[Taxon]] = {}
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
            accepted.setdefault(row["scientific_name"].lower(), []).append(taxon)
            for key in filter(None, row["synonyms"].split(";")):
                synonyms.setdefault(key.lower(), []).append(taxon)
    return {**synonyms, **accepted}  # an accepted name wins over a synonym that is spelt like it


def resolve(name: str, checklist_name: str = "", kingdom: str = "", family: str = "") -> Taxon:
    """The accepted taxon of a name as given; kingdom and family, where the source tells them, decide between homonyms.

    Placeholders ("Mystery mystery"), hybrids, uncertain names, plants and people give a Taxon without a scientific name and
    with a `problem`. With a checklist, a name outside it has the problem `name_not_in_checklist`; without one ("") the name
    is taken as given, its subspecies or domestic form dropped, and its rank read from its form.
    """
    given = " ".join((name or "").replace("_", " ").split())
    lowered = given.lower()
    if lowered in NOT_A_NAME:
        return Taxon(problem="name_missing")
    if lowered in PLACEHOLDERS:
        return Taxon(problem="name_placeholder")
    if HUMAN.match(given) or kingdom.strip().lower() not in ANIMAL_KINGDOMS:
        return Taxon(problem="not_an_animal")
    if HYBRID.search(given):
        return Taxon(problem="name_hybrid")
    given = SUBSPECIES_GROUP.sub(r"\1", given)
    if UNCERTAIN.search(given):
        return Taxon(problem="name_uncertain")
    words = _words(given)
    if checklist_name:
        table = checklist(checklist_name)
        found = table.get(lowered) or table.get(" ".join(words).lower()) or table.get(" ".join(words[:2]).lower())
        return _chosen(found or [], kingdom, family)
    return _as_given(words)


def _words(given: str) -> list[str]:
    """The parts of a name: no author, subgenus, quotes, "kl." or "ssp."."""
    bare = re.sub(r"['\"‘’“”]", "", SUBGENUS.sub("", AUTHOR.sub("", given)))
    return [word for word in bare.split() if word.lower() not in MARKERS] or given.split()


def _chosen(found: list[Taxon], kingdom: str, family: str) -> Taxon:
    """The one taxon that fits kingdom and family; what the source leaves open rules nothing out."""
    if not found:
        return Taxon(problem="name_not_in_checklist")
    fitting = [
        taxon
        for taxon in found
        if all(
            not told or not known or told.lower() == known.lower()
            for told, known in ((kingdom, taxon.kingdom), (family, taxon.family))
        )
    ]
    # Families move between checklists: one name without a homonym needs no proof by its family.
    fitting = fitting or (found if len(found) == 1 else [])
    if len(fitting) != 1:
        return Taxon(problem="name_ambiguous")
    chosen = fitting[0]
    return chosen if chosen.kingdom.lower() in ANIMAL_KINGDOMS else Taxon(problem="not_an_animal")


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
