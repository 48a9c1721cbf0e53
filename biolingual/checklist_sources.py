"""The taxonomies that checklists are made from, in their own formats, as one kind of row.

eBird/Clements: CSV. GBIF, Catalogue of Life and iNaturalist: Darwin Core Archive with a Taxon core and VernacularName tables
(https://dwc.tdwg.org/text/). Catalogue of Life: ColDP with NameUsage and VernacularName tables (https://github.com/CatalogueOfLife/coldp).
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field

from biolingual.archives.darwin_core_archive import DarwinCoreArchive, Fault, container
from biolingual.storage import list_files, open_url

HIGHER = ("kingdom", "phylum", "class", "order", "family", "genus")
BIRDS = {"kingdom": "Animalia", "phylum": "Chordata", "class": "Aves"}
OF_A_SPECIES = {"issf", "form", "domestic"}  # what eBird reports as a species; a hybrid, slash or spuh is none


@dataclass(frozen=True)
class Usage:
    """One name as its source lists it. status: "accepted", "doubtful", "synonym" or "misapplied"; ranks: those above, if given."""

    key: str
    name: str  # without author
    rank: str
    status: str
    parent: str = ""
    accepted: str = ""
    ranks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CommonName:
    """A name in a language, as the source codes it ("en", "deu"); preferred ones come first."""

    key: str
    language: str
    name: str
    preferred: bool = False


Row = Usage | CommonName | Fault


def rows(url: str) -> Iterator[Row]:
    """Every name of a taxonomy, and every line that is none. ValueError when its format is not one of those above."""
    files = dict(list_files(url))
    unpacked = "nameusage" in map(_stem, files)  # maybe the one file of its folder
    if not unpacked and len(files) == 1 and next(iter(files)).lower().endswith(".csv"):
        yield from _ebird(next(iter(files.values())))
        return
    names, opened = (list(files), lambda name: open_url(files[name])) if unpacked else container(url)
    tables = {_stem(name): name for name in names if "__MACOSX" not in name}
    if "nameusage" in tables:
        yield from _coldp(tables, opened)
    elif any(name.rsplit("/", 1)[-1] == "meta.xml" for name in names):
        yield from _darwin_core(DarwinCoreArchive(url))
    else:
        raise ValueError(
            f"{url} is no taxonomy we read: eBird's CSV, a Darwin Core Archive with a Taxon core, or ColDP with a NameUsage table."
        )


def _stem(name: str) -> str:
    return name.rsplit("/", 1)[-1].rpartition(".")[0].lower()


def _ebird(url: str) -> Iterator[Row]:
    with open_url(url) as file:
        reader = csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))
        missing = {"CATEGORY", "SPECIES_CODE", "PRIMARY_COM_NAME", "SCI_NAME", "FAMILY"} - set(reader.fieldnames or ())
        if missing:
            raise ValueError(f"{url} is no eBird taxonomy: it has no column {', '.join(sorted(missing))}.")
        for row in reader:
            key, name, category = row["SPECIES_CODE"], row["SCI_NAME"], row["CATEGORY"]
            family = row["FAMILY"].partition(" (")[0]  # "Struthionidae (Ostriches)"
            ranks = {**BIRDS, "order": row.get("ORDER") or row.get("ORDER1") or "", "family": family}
            if category == "species":
                yield Usage(key, name, "species", "accepted", ranks={**ranks, "genus": name.split()[0]})
                yield CommonName(key, "en", row["PRIMARY_COM_NAME"], preferred=True)
            elif category in OF_A_SPECIES and row["REPORT_AS"]:
                yield Usage(key, name, "subspecies", "synonym", accepted=row["REPORT_AS"])


def _darwin_core(archive: DarwinCoreArchive) -> Iterator[Row]:
    faults: list[Fault] = []
    for row in archive.rows("Taxon", faults):
        yield Usage(
            key=_key(row["id"]),
            name=_canonical(row),
            rank=row.get("taxonRank", "").lower(),
            status=_status(row.get("taxonomicStatus", "")),
            parent=_key(row.get("parentNameUsageID", "")),
            accepted=_key(row.get("acceptedNameUsageID", "")),
            ranks={rank: row[rank] for rank in HIGHER if row.get(rank)},
        )
    if any(part.row_type == "VernacularName" for part in archive.parts):
        for row in archive.rows("VernacularName", faults):
            preferred = row.get("isPreferredName", "").lower() in ("true", "1")
            yield CommonName(_key(row["id"]), row.get("language", ""), row.get("vernacularName", ""), preferred)
    yield from faults


def _key(text: str) -> str:
    """iNaturalist writes addresses: https://www.inaturalist.org/taxa/3 is 3."""
    return text.rsplit("/", 1)[-1] if "://" in text else text


def _canonical(row: dict[str, str]) -> str:
    """The name without its author: GBIF has it whole, Catalogue of Life in parts, others with the author beside it."""
    if row.get("canonicalName"):
        return row["canonicalName"]
    parts = (row.get("genericName"), row.get("specificEpithet"), row.get("infraspecificEpithet"))
    if parts[0] and parts[1]:
        return " ".join(part for part in parts if part)
    name, author = row.get("scientificName", ""), row.get("scientificNameAuthorship", "")
    return name.removesuffix(author).strip() if author else name


def _status(text: str) -> str:
    lowered = text.lower()
    if "misapplied" in lowered:
        return "misapplied"
    if "synonym" in lowered or lowered in ("not accepted", "invalid", "bare name"):
        return "synonym"
    return "doubtful" if "doubtful" in lowered or "provisional" in lowered else "accepted"


def _coldp(tables: dict[str, str], opened) -> Iterator[Row]:
    for row in _table(tables["nameusage"], opened):
        if isinstance(row, Fault):
            yield row
            continue
        status = _status(row.get("status", ""))
        parent = row.get("parentID", "")
        yield Usage(
            key=row["ID"],
            name=row.get("scientificName", ""),
            rank=row.get("rank", "").lower(),
            status=status,
            parent=parent,
            accepted=parent if status == "synonym" else "",  # a synonym's parent is the accepted name
            ranks={rank: row[rank] for rank in HIGHER if row.get(rank)},
        )
    if "vernacularname" in tables:
        for row in _table(tables["vernacularname"], opened):
            if isinstance(row, Fault):
                yield row
            else:
                preferred = row.get("preferred", "").lower() in ("true", "1")
                yield CommonName(row["taxonID"], row.get("language", ""), row.get("name", ""), preferred)


def _table(name: str, opened) -> Iterator[dict[str, str] | Fault]:
    """Rows by column, without the prefix of "col:ID"; tab-separated tables have no quotes."""
    csv.field_size_limit(sys.maxsize)
    tabs = not name.lower().endswith(".csv")
    with opened(name) as file:
        lines = io.TextIOWrapper(file, encoding="utf-8-sig", newline="\n" if tabs else "")
        reader = (line.rstrip("\r\n").split("\t") for line in lines) if tabs else csv.reader(lines)
        header = [column.removeprefix("col:") for column in next(reader, [])]
        for number, cells in enumerate(reader, 2):
            if len(cells) != len(header):
                yield Fault(name, number, f"{name} line {number} has {len(cells)} columns, its header {len(header)}")
            else:
                yield dict(zip(header, cells, strict=True))
