"""Makes a checklist, the versioned table tables/<checklist>-<version>.csv that names are resolved by, from published taxonomies."""

from __future__ import annotations

import csv
import json
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from biolingual.archives.darwin_core_archive import Fault
from biolingual.checklist_sources import HIGHER, CommonName, Usage, rows
from biolingual.taxonomy import resolve

NAME = re.compile(r"^[a-z][a-z0-9_]*-[0-9a-z.]+$")
COLUMNS = ("taxon_id", "scientific_name", "common_name", *HIGHER, "synonyms", "names")
ENGLISH = {"en", "eng", "english"}
NO_LANGUAGE = {"", "und", "mul", "zxx"}  # band codes such as "AMCR" stand under "und"
LONGEST_CHAIN = 60  # ranks from a form up to its kingdom; more is a circle


@dataclass(frozen=True)
class Unresolved:
    """A name of the source that gives no row and no synonym, and why."""

    key: str
    name: str
    reason: str


def build(sources: list[str], within: str) -> tuple[list[dict[str, str]], list[Unresolved]]:
    """(rows of the table by name, what did not resolve). Only taxa below `within` (of any rank) are taken, "" takes all.

    The rows wait in a temporary file: Catalogue of Life has millions. A doubtful species gives way to an accepted one of its
    name and kingdom; a synonym stands with every species it may mean, so that kingdom and family can decide.
    """
    with closing(sqlite3.connect("")) as store:
        unresolved = list(_load(store, sources))
        taxonomy = _Taxonomy(store)
        species = list(taxonomy.species(within, unresolved))
        keys = {row["taxon_id"] for row in species}
        synonyms = taxonomy.synonyms(keys, {row["taxon_id"]: row["scientific_name"] for row in species}, unresolved)
        for row in species:
            row["synonyms"] = ";".join(sorted(synonyms.get(row["taxon_id"], ())))
            row["common_name"], row["names"] = taxonomy.names(row["taxon_id"])
    return sorted(species, key=lambda row: (row["scientific_name"], row["taxon_id"])), unresolved


def write(table: list[dict[str, str]], path: Path) -> None:
    """The table as `biolingual.taxonomy.checklist` reads it. ValueError for another name, or no rows."""
    if not NAME.match(path.stem) or path.suffix != ".csv":
        raise ValueError(f"{path.name}: call it <checklist>-<version>.csv in lower case, e.g. clements-2025.csv.")
    if not table:
        raise ValueError(f"{path}: there is no species to write. Is --within a taxon of this source?")
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    os.replace(part, path)


def _load(store: sqlite3.Connection, sources: list[str]) -> Iterator[Unresolved]:
    store.execute("CREATE TABLE usage (key TEXT PRIMARY KEY, name, rank, status, parent, accepted, ranks)")
    store.execute("CREATE TABLE name (key TEXT, language, name, preferred)")
    for source in sources:
        for row in rows(source):
            if isinstance(row, Fault):
                yield Unresolved(f"{row.location}:{row.line}", "", "malformed_row")
            elif isinstance(row, CommonName):
                store.execute("INSERT INTO name VALUES (?, ?, ?, ?)", (row.key, row.language, row.name, row.preferred))
            else:
                values = (row.key, row.name, row.rank, row.status, row.parent, row.accepted, json.dumps(row.ranks))
                if not store.execute("INSERT OR IGNORE INTO usage VALUES (?, ?, ?, ?, ?, ?, ?)", values).rowcount:
                    yield Unresolved(row.key, row.name, "key_twice")
    store.execute("CREATE INDEX of_taxon ON name (key)")
    store.execute("CREATE INDEX of_rank ON usage (rank, status)")


class _Taxonomy:
    """Walks the loaded names."""

    def __init__(self, store: sqlite3.Connection):
        self.store = store
        self.usage = lru_cache(100_000)(self._usage)

    def _usage(self, key: str) -> Usage | None:
        found = self.store.execute("SELECT * FROM usage WHERE key = ?", (key,)).fetchone()
        return Usage(*found[:6], ranks=json.loads(found[6])) if found else None

    def species(self, within: str, unresolved: list[Unresolved]) -> Iterator[dict[str, str]]:
        """A row for each species below `within`."""
        accepted: set[tuple[str, str]] = set()
        # "accepted" comes before "doubtful".
        wanted = (
            "SELECT key FROM usage WHERE rank = 'species' AND status IN ('accepted', 'doubtful') ORDER BY status, key"
        )
        for (key,) in self.store.execute(wanted).fetchall():
            usage = self.usage(key)
            ranks, fault = self.ranks(usage)
            if within and within.lower() not in (value.lower() for value in ranks.values()):
                if fault:
                    unresolved.append(Unresolved(key, usage.name, fault))
                continue
            problem = resolve(usage.name).problem
            twin = (usage.name.lower(), ranks.get("kingdom", ""))
            if problem or (usage.status == "doubtful" and twin in accepted):
                unresolved.append(Unresolved(key, usage.name, problem or "doubtful_beside_accepted"))
                continue
            accepted.add(twin)
            yield {"taxon_id": key, "scientific_name": usage.name, **{rank: ranks.get(rank, "") for rank in HIGHER}}

    def ranks(self, usage: Usage) -> tuple[dict[str, str], str]:
        """(the ranks above a name, what is wrong with its chain of parents): as the row gives them, then as its parents are."""
        ranks, at = {}, usage
        for _ in range(LONGEST_CHAIN):
            ranks = {**({at.rank: at.name} if at.rank in HIGHER else {}), **at.ranks, **ranks}
            if not at.parent or len(ranks) == len(HIGHER):
                return ranks, ""
            above = self.usage(at.parent)
            if above is None:
                return ranks, "" if ranks.get("kingdom") else "parent_missing"
            at = above
        return ranks, "parents_in_a_circle"

    def synonyms(self, keys: set[str], own: dict[str, str], unresolved: list[Unresolved]) -> dict[str, set[str]]:
        """Species -> its synonyms, and the names of its subspecies that do not begin like it."""
        found: dict[str, set[str]] = {}
        wanted = "SELECT key FROM usage WHERE status = 'synonym' OR (status != 'misapplied' AND rank NOT IN (%s)) ORDER BY key"
        higher = ",".join(f"'{rank}'" for rank in (*HIGHER, "species"))
        for (key,) in self.store.execute(wanted % higher).fetchall():
            usage = self.usage(key)
            target, fault = self.species_of(usage)
            if usage.status == "synonym" and fault:
                unresolved.append(Unresolved(key, usage.name, fault))
            elif target in keys and len(usage.name.split()) > 1 and ";" not in usage.name:
                begins = usage.name.lower().startswith(f"{own[target].lower()} ")
                if usage.name.lower() != own[target].lower() and not begins:
                    found.setdefault(target, set()).add(usage.name)
        return found

    def species_of(self, usage: Usage) -> tuple[str, str]:
        """(key of the species that a name belongs to, why there is none): its accepted name, then up to the species."""
        at = usage
        for _ in range(LONGEST_CHAIN):
            if at.rank == "species" and at.status in ("accepted", "doubtful"):
                return at.key, ""
            further = at.accepted if at.status == "synonym" else at.parent
            if not further:
                return "", "accepted_not_named" if at.status == "synonym" else ""
            above = self.usage(further)
            if above is None:
                return "", "accepted_missing"
            at = above
        return "", "names_in_a_circle"

    def names(self, key: str) -> tuple[str, str]:
        """(English name, JSON of one name for each other language), the preferred before the first."""
        found: dict[str, str] = {}
        listed = self.store.execute(
            "SELECT language, name FROM name WHERE key = ? ORDER BY NOT preferred, rowid", (key,)
        )
        for language, name in listed:
            code = "en" if language.lower() in ENGLISH else language.lower()
            if code not in NO_LANGUAGE and name.strip():
                found.setdefault(code, " ".join(name.split()))
        english = found.pop("en", "")
        return english, json.dumps(found, ensure_ascii=False, sort_keys=True) if found else ""
