"""Results for other programs: CSV, JSON, Raven selection tables, and a site by period detection history for occupancy models.

Shapes: N windows of the index.
"""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from biolingual.search.hits import Results
from biolingual.search.index import Index

ABOUT = ("query", "origin", "model_origin", "embedding_id")
RAVEN = (
    "Selection",
    "View",
    "Channel",
    "Begin Time (s)",
    "End Time (s)",
    "Low Freq (Hz)",
    "High Freq (Hz)",
    "Begin File",
    "Begin Path",
    "File Offset (s)",
    "Score",
    "Query",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def safe(text: str, is_path: bool = False) -> str:
    """Text that no spreadsheet takes for a formula: a path gets ./ in front, which names the same file, other text a quote."""
    return text if not text.startswith(FORMULA) else ("./" if is_path else "'") + text


def to_json(results: Results) -> str:
    """The results with all that they are of."""
    return json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n"


def to_csv(results: Results) -> str:
    """One line for each hit; what they are of stands in each line."""
    about = [safe(str(getattr(results, name))) for name in ABOUT]
    names = ("rank", "file", "start_s", "end_s", "score", "best_s", "windows", "site", "deployment", "recorded_at")
    lines = []
    for hit in results.hits:
        cells = [getattr(hit, name) for name in names]
        lines.append(
            [safe(one, name == "file") if isinstance(one, str) else one for name, one in zip(names, cells, strict=True)]
        )
    return _csv([[*names, *ABOUT], *([*line, *about] for line in lines)])


def to_raven(results: Results, index: Index) -> str:
    """A Raven selection table of all hits. Its times run through the recordings that have hits, opened together in path order."""
    names = sorted({hit.file for hit in results.hits})
    facts = {one["path"]: one for one in index.files}
    begins = dict(zip(names, np.cumsum([0.0, *(facts[name]["duration_s"] for name in names)]), strict=False))
    lines = ["\t".join(RAVEN)]
    for number, hit in enumerate(sorted(results.hits, key=lambda hit: (hit.file, hit.start_s)), 1):
        one = facts[hit.file]
        at = begins[hit.file]
        cells = [number, "Spectrogram 1", 1, f"{at + hit.start_s:.3f}", f"{at + hit.end_s:.3f}", 0]
        cells += [f"{one['sample_rate_hz'] / 2:.0f}", hit.file.rsplit("/", 1)[-1], hit.file, f"{hit.start_s:.3f}"]
        cells += [f"{hit.score:.4f}", results.query]
        lines.append("\t".join(" ".join(str(cell).split()) for cell in cells))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class History:
    """Detections by site and period. detected: [sites][periods], 1, 0, or None where nobody listened; hours: effort alike."""

    sites: list[str]
    periods: list[str]
    detected: list[list[int | None]]
    hours: list[list[float]]
    undated: int  # recordings without a date, left out

    def to_csv(self) -> str:
        """site, then a column for each period: 1, 0 or empty, as packages for occupancy models read it."""
        rows = [
            [safe(site), *("" if one is None else one for one in row)]
            for site, row in zip(self.sites, self.detected, strict=True)
        ]
        return _csv([["site", *self.periods], *rows])


def detection_history(index: Index, scores: np.ndarray, threshold: float, days: int = 1) -> History:
    """Scores [N] of a query -> whether each site had one at the threshold or above, in periods of `days` from the first day on."""
    if days < 1:
        raise ValueError(f"a period of {days} days is none. Give 1 or more.")
    dated = [number for number, one in enumerate(index.files) if one["status"] == "indexed" and one["recorded_at"]]
    undated = len(index.indexed) - len(dated)
    if not dated:
        raise ValueError(
            "no recording has a date. Give --metadata a CSV with file, site, date and time, and index again."
        )
    day = np.array([one["recorded_at"] or "NaT" for one in index.files], "datetime64[D]")
    first = day[dated].min()
    count = int((day[dated].max() - first).astype(int)) // days + 1
    sites = sorted({index.files[number]["site"] for number in dated})
    row_of = {site: row for row, site in enumerate(sites)}
    hours = np.zeros((len(sites), count))
    heard = np.zeros((len(sites), count), bool)
    peak = np.full(len(index.files), -np.inf, np.float32)
    np.maximum.at(peak, index.file_of, scores)
    for number in dated:
        cell = row_of[index.files[number]["site"]], int((day[number] - first).astype(int)) // days
        hours[cell] += index.files[number]["duration_s"] / 3600
        heard[cell] |= peak[number] >= threshold
    detected = [
        [int(one) if h > 0 else None for one, h in zip(*rows, strict=True)] for rows in zip(heard, hours, strict=True)
    ]
    return History(
        sites, [str(first + days * step) for step in range(count)], detected, np.round(hours, 4).tolist(), undated
    )


def write(text: str, path: str | Path) -> None:
    """Write a file whole or not at all."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8", newline="")
    os.replace(part, path)


def _csv(rows: list[list]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerows(rows)
    return buffer.getvalue()
