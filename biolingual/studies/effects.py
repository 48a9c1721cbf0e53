"""What a variant changes on the same recordings: paired differences to the study's first variant, for all and by taxon."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from biolingual.benchmarks import items
from biolingual.benchmarks.statistics import compare
from biolingual.records import Pair
from biolingual.training.selection import TAXA

RANKS = ("class", "family", "species")
MIN_ITEMS = 5  # of a taxon: an interval of fewer recordings says nothing


def effects(base: Path, other: Path, pairs: list[Pair], resamples: int, seed: int) -> list[dict]:
    """{origin, rank, taxon, difference, low, high, p, n}: `other` minus `base`, two tables of items of one task.

    Rank "all" first; then by taxon where the items are recordings. Items are paired by name and resampled by their unit.
    ValueError where the two do not hold the same items of the same dataset.
    """
    items.compare(other, base, 1, seed)  # the refusals
    taxon_of = {pair.recording_id: {rank: TAXA[rank](pair) for rank in RANKS} for pair in pairs}
    (ours, about), (theirs, _) = items.read(other), items.read(base)
    found = []
    for origin in sorted(about):
        names, units, values = _columns(ours, origin)
        _, _, values_base = _columns(theirs, origin)
        groups = {("all", ""): np.ones(len(names), dtype=bool)}
        for rank in RANKS:
            taxa = np.array([taxon_of.get(name, {}).get(rank, "") for name in names])
            groups |= {(rank, taxon): taxa == taxon for taxon in sorted(set(taxa) - {""})}
        for (rank, taxon), mine in groups.items():
            if mine.sum() >= MIN_ITEMS:
                told = compare(values[mine], values_base[mine], units[mine], resamples, seed)
                found.append({"origin": origin, "rank": rank, "taxon": taxon, **told})
    return found


def _columns(table, origin: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(item, unit, value) of one origin, in the order of the items' names."""
    rows = sorted((row["item"], row["unit"], row["value"]) for row in table.to_pylist() if row["origin"] == origin)
    item, unit, value = zip(*rows, strict=True)
    return np.array(item), np.array(unit), np.array(value, dtype=float)
