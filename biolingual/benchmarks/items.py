"""What each item of a task reached, as a small table beside a score: what a paired test between two models needs.

Two models on the same recordings differ by less than their two intervals say: the recordings' difficulty is shared.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biolingual.benchmarks import statistics
from biolingual.records import Score
from biolingual.tabular import write_table

COLUMNS = ("origin", "item", "unit", "value")  # unit: what the bootstrap draws, the item itself or its recordist-day
ABOUT = b"score"
ALIKE = ("task", "primary", "dataset_sha", "classes_sha")  # what two tables must share for a comparison


def write(items: list[dict], scores: list[Score], path: Path) -> None:
    """The rows a Context collected, with what their scores were made from. ValueError for a task that tells no items."""
    if not items:
        raise ValueError(f"{scores[0].task} does not say what each item reached.")
    about = {score.origin: {key: getattr(score, key) for key in (*ALIKE, "model_sha")} for score in scores}
    table = pa.table({name: [row[name] for row in items] for name in COLUMNS})
    write_table(table.replace_schema_metadata({ABOUT: json.dumps(about)}), path)


def read(path: Path) -> tuple[pa.Table, dict[str, dict]]:
    """(the rows, origin -> what the score was made from). ValueError when the file is another table."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist. Write it with: python -m stages.items --task TASK ... --out {path}"
        )
    table = pq.read_table(path)
    about = (table.schema.metadata or {}).get(ABOUT)
    if about is None or table.column_names != list(COLUMNS):
        raise ValueError(f"{path} does not hold the items of a score. Write them with: python -m stages.items")
    return table, json.loads(about)


def compare(ours: Path, theirs: Path, resamples: int, seed: int) -> dict[str, dict]:
    """Origin -> the paired comparison of two models on a task. ValueError where it is not the same task, data and classes."""
    (own, about), (other, about_other) = read(ours), read(theirs)
    found = {}
    for origin in sorted(set(about) & set(about_other)):
        unlike = [key for key in ALIKE if about[origin][key] != about_other[origin][key]]
        if unlike:
            raise ValueError(
                f"{ours} and {theirs} cannot be compared on {origin} sounds: they differ in {', '.join(unlike)}. "
                "Score both models on one dataset version."
            )
        rows, rows_other = _rows(own, origin), _rows(other, origin)
        if rows.keys() != rows_other.keys():
            missing = len(rows.keys() ^ rows_other.keys())
            raise ValueError(f"{ours} and {theirs} do not hold the same {origin} items: {missing} are in one alone.")
        values, values_other = (np.array([one[item][1] for item in rows]) for one in (rows, rows_other))
        units = np.array([unit for unit, _ in rows.values()])
        found[origin] = {
            "task": about[origin]["task"],
            "primary": about[origin]["primary"],
            "ours": float(values.mean()),
            "theirs": float(values_other.mean()),
            **statistics.compare(values, values_other, units, resamples, seed),
        }
    if not found:
        raise ValueError(f"{ours} and {theirs} share no origin: simulated and real sounds are never compared.")
    return found


def _rows(table: pa.Table, origin: str) -> dict[str, tuple[str, float]]:
    """Item -> (unit, value), by name."""
    columns = (table[name].to_pylist() for name in COLUMNS)
    return {item: (unit, value) for of, item, unit, value in sorted(zip(*columns, strict=True)) if of == origin}
