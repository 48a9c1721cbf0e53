"""Numbers that others printed for BEANS (published.csv), given only beside scores of the same set by the same protocol."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from biolingual.benchmarks.beans.sets import sets

TABLE = Path(__file__).with_name("published.csv")


@dataclass(frozen=True)
class Published:
    """One printed cell. Protocols of others than BEANS have names of their own (perch_linear, mfcc_svm_hard ...)."""

    protocol: str
    model: str
    task: str
    metric: str
    value: float
    source: str


@lru_cache(maxsize=1)
def every() -> tuple[Published, ...]:
    """All rows of the table."""
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return tuple(Published(**(row | {"value": float(row["value"])})) for row in csv.DictReader(lines))


def within(name: str, protocol: str) -> list[Published]:
    """The rows that a score named `name` may stand beside: none for fixtures, own folders and made-up worlds."""
    if name not in sets() or not sets()[name].beans:
        return []
    return [row for row in every() if (row.task, row.protocol) == (name, protocol)]
