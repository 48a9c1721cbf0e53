"""reports/history.csv: one row for each task and origin of each re-evaluation, the oldest first."""

from __future__ import annotations

import csv
import io
import os
from datetime import UTC, datetime
from pathlib import Path

FILE = Path("reports/history.csv")
PAGE = Path("reports/history.html")
COLUMNS = [
    "date",
    "dump",
    "base",
    "dataset",
    "model",
    "task",
    "origin",
    "metric",
    "before",
    "overall",
    "overall_low",
    "overall_high",
    "new",
    "new_low",
    "new_high",
    "new_n",
    "new_species",
    "new_species_low",
    "new_species_high",
    "new_species_n",
    "verdict",
    "retrain_advised",
]


def rows_of(dump: str, result: dict) -> list[dict]:
    """The rows of one re-evaluation; one row without scores where the gate was red."""
    shared = {
        "date": datetime.now(UTC).date().isoformat(),
        "dump": dump,
        "base": result["base"],
        "dataset": result["dataset_sha"][:12],
        "model": result["model_sha"][:12],
        "retrain_advised": "yes" if result["retrain_advised"] else "no",
    }
    return [shared | _row(one) for one in result["scores"]] or [shared | {"verdict": result["verdict"]}]


def _row(one: dict) -> dict:
    row = {"task": one["task"], "origin": one["origin"], "metric": one["primary"], "verdict": one["verdict"]}
    row["before"] = _digits(one["before"][0]) if one["before"] else ""
    for part in ("overall", "new", "new_species"):
        score = one[part]
        if score:
            row |= {part: _digits(score["value"]), f"{part}_low": _digits(score["ci95"][0])}
            row |= {f"{part}_high": _digits(score["ci95"][1]), f"{part}_n": score["n"]}
    return {key: value for key, value in row.items() if key in COLUMNS}


def _digits(value: float) -> str:
    return f"{value:.4f}"


def read(text: str) -> list[dict]:
    """The rows of a history file's text."""
    return list(csv.DictReader(io.StringIO(text)))


def add(root: Path, rows: list[dict]) -> None:
    """Add rows to a checkout's history; rows of the same dump are replaced, so that a second try leaves one."""
    path = root / FILE
    dumps = {row["dump"] for row in rows}
    kept = [row for row in read(path.read_text(encoding="utf-8")) if row["dump"] not in dumps] if path.is_file() else []
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with open(part, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows([*kept, *rows])
    os.replace(part, path)
