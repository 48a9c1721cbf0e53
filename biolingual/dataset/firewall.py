"""Runs the leakage firewall over a dataset's dumps and the manifests of the benchmarks, fingerprints included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from biolingual import fingerprints
from biolingual.dataset.overlaps import OVERLAP, Overlap, overlaps, read_items, summary
from biolingual.duplicates import Duplicate, duplicates, sound_id
from biolingual.records import Recording
from biolingual.tabular import rows

PRINTS = "fingerprints.parquet"
COMPARED = ["recording_id", "source_recording", "url", "audio_sha256", "duration_s"]


class Named(NamedTuple):
    """As much of a recording as `sound_id` reads."""

    source_recording: str
    recording_id: str
    url: str


@dataclass(frozen=True)
class Found:
    """What met: the items of all benchmarks, the table of Overlap, and how many items of each have a fingerprint."""

    items: pa.Table
    table: pa.Table
    with_fingerprints: dict[str, int]

    @property
    def rows(self) -> list[Overlap]:
        return rows(self.table, Overlap)

    def summary(self, rejected: pa.Table) -> dict:
        """What the card says of it. rejected: what assemble left out."""
        left = rejected.filter(pc.equal(rejected["reason"], OVERLAP))["recording_id"].to_pylist()
        return summary(self.items, self.table, set(left), self.with_fingerprints)


def compare(recordings: pa.Table, manifests: Iterable[Path], benchmarks: Path, by_fingerprint: bool) -> Found:
    """Every recording against every item of `benchmarks`/*.parquet; their fingerprints, `stages.benchmark --manifest` writes
    beside them, in `benchmarks`/fingerprints/."""
    items = read_items(benchmarks)
    prints = read_prints(sorted((benchmarks / "fingerprints").glob("*.parquet"))) if by_fingerprint else {}
    task_of = dict(zip(items["item_id"].to_pylist(), items["task"].to_pylist(), strict=True)) if prints else {}
    counts = {task: sum(task_of.get(item) == task for item in prints) for task in set(task_of.values())}
    own = read_prints(folder / PRINTS for folder in manifests) if prints else {}
    return Found(items, overlaps(recordings, items, across(own, prints)), counts)


def read_prints(paths: Iterable[Path]) -> dict[str, np.ndarray]:
    """{id: words} of all the files that are there; a dump ingested before there were fingerprints has none."""
    found: dict[str, np.ndarray] = {}
    for path in paths:
        if path.is_file():
            found |= fingerprints.read(path)
    return found


def across(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> Iterator[tuple[str, str]]:
    """(one of ours, one of theirs) whose fingerprints match."""
    if not (ours and theirs):
        return
    index = _index(theirs)
    for name, words in ours.items():
        yield from ((name, match.id) for match in index.matches(words))


def alike(recordings: pa.Table, manifests: Iterable[Path], by_fingerprint: bool) -> list[Duplicate]:
    """What `duplicates` finds among recordings (columns of COMPARED) in their order; only those that share an archive's sound id
    or have a fingerprint are looked at."""
    prints = read_prints(folder / PRINTS for folder in manifests) if by_fingerprint else {}
    columns = [recordings[name].to_pylist() for name in ("source_recording", "recording_id", "url")]
    keys = pa.array([sound_id(Named(*values)) or None for values in zip(*columns, strict=True)], pa.string())
    shared = keys.value_counts()
    often = shared.field("values").filter(pc.greater(shared.field("counts"), 1))
    wanted = pc.is_in(keys, often.drop_null())
    if prints:
        wanted = pc.or_(wanted, pc.is_in(recordings["recording_id"], pa.array(list(prints))))
    told = recordings.select(COMPARED).filter(wanted).to_pylist()
    blank = {"origin": "", "dump": "", "archive": ""}
    return duplicates([Recording(**blank, **one) for one in told], prints)


def _index(prints: dict[str, np.ndarray]) -> fingerprints.Index:
    index = fingerprints.Index()
    for name, words in prints.items():
        index.add(name, words)
    return index
