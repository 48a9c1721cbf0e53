"""The table of archives: what a dump holds, how to get one, whose licence counts (archives.csv), and which can be harvested."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from importlib.resources import files

from biolingual.archives.harvest import HARVESTERS


@dataclass(frozen=True)
class Entry:
    """One archive, in Markdown's words."""

    archive: str
    holds: str
    obtain: str
    licence: str
    harvestable: bool


def catalogue() -> list[Entry]:
    """Every archive that can be read, in the order of archives.csv."""
    with (files("biolingual.archives") / "archives.csv").open(encoding="utf-8", newline="") as lines:
        return [Entry(**row, harvestable=row["archive"] in HARVESTERS) for row in csv.DictReader(lines)]


def policy(allow_noncommercial: bool, allow_noderivatives: bool) -> str:
    """What becomes of each kind of licence, in a sentence."""
    taken = {"non-commercial": allow_noncommercial, "no derivatives": allow_noderivatives}
    words = [f"{kind} {'taken and told' if yes else 'refused'}" for kind, yes in taken.items()]
    return f"Licences: free ones taken, {', '.join(words)}, none or unknown refused (ingest.allow_* in params.yaml)."
