"""What differs between two versions of the dataset: recordings, species, licences, names, captions, and splits, which must not.

Made for a million recordings: one row of each version's recordings, joined by id.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from biolingual.dataset.sums import caption_sums
from biolingual.records import Pair
from biolingual.tabular import read_columns

TOLD = ("license", "scientific_name", "common_name", "split")
NAMES = {"license": "relicensed", "scientific_name": "renamed", "captions": "recaptioned", "split": "moved"}
SHOWN = 20  # ids in the report; the table holds all


def recordings(path: Path) -> pd.DataFrame:
    """A version's recordings: id, archive, origin, what is told of them, a hash of their captions, the seconds of their clips."""
    told = read_columns(path, Pair, ["recording_id", "archive", "origin", *TOLD, "duration_s"])
    captions = read_columns(path, Pair, ["captions"])["captions"].combine_chunks()
    told = told.append_column("captions", pa.array(caption_sums(captions)))
    one = ["archive", "origin", *TOLD, "captions"]
    found = told.group_by("recording_id", use_threads=False).aggregate(
        [*((name, "first") for name in one), ("duration_s", "sum")]
    )
    return found.rename_columns(
        [name.removesuffix("_first").removesuffix("_sum") for name in found.schema.names]
    ).to_pandas()


def difference(before: Path, after: Path) -> tuple[dict, pa.Table]:
    """(the report, a row for each recording that differs: recording_id, change, before, after)"""
    old, new = recordings(before), recordings(after)
    both = old.merge(new, on="recording_id", how="outer", suffixes=("_before", "_after"), indicator=True)
    rows = [_rows(both, both["_merge"] == "left_only", "removed", "scientific_name")]
    rows.append(_rows(both, both["_merge"] == "right_only", "added", "scientific_name"))
    stayed = both["_merge"] == "both"
    for column, change in NAMES.items():
        differs = stayed & (both[f"{column}_before"] != both[f"{column}_after"])
        rows.append(_rows(both, differs, change, column if column != "captions" else ""))
    table = pd.concat(rows, ignore_index=True)
    counts = {change: int((table["change"] == change).sum()) for change in ("added", "removed", *NAMES.values())}
    report = {
        "recordings": {"before": len(old), "after": len(new)},
        **counts,
        "hours": {"before": _hours(old), "after": _hours(new)},
        "species_gained": _gained(old, new),
        "species_lost": _gained(new, old),
        "added_by": {
            name: _by(both[both["_merge"] == "right_only"], f"{name}_after") for name in ("archive", "origin", "split")
        },
        "removed_by": {
            name: _by(both[both["_merge"] == "left_only"], f"{name}_before") for name in ("archive", "origin", "split")
        },
        "shown": {change: table[table["change"] == change]["recording_id"].head(SHOWN).tolist() for change in counts},
    }
    return report, pa.Table.from_pandas(table, preserve_index=False)


def text(report: dict) -> str:
    """The report in a few plain lines."""
    counted, hours = report["recordings"], report["hours"]
    lines = [
        f"recordings  {counted['before']} -> {counted['after']}: {report['added']} added, {report['removed']} removed",
        f"hours       {hours['before']:.2f} -> {hours['after']:.2f}",
        f"species     {len(report['species_gained'])} gained, {len(report['species_lost'])} lost",
        f"changed     {report['relicensed']} relicensed, {report['renamed']} renamed, {report['recaptioned']} recaptioned",
    ]
    for kind in ("gained", "lost"):
        if names := report[f"species_{kind}"][:SHOWN]:
            lines.append(f"  {kind}: {', '.join(names)}{' ...' if len(report[f'species_{kind}']) > SHOWN else ''}")
    moved = report["moved"]
    lines.append(f"splits      {'no recording moved' if not moved else f'{moved} RECORDINGS MOVED'}")
    return "\n".join([*lines, *(f"  {one}" for one in report["shown"]["moved"])])


def _rows(both: pd.DataFrame, mask: pd.Series, change: str, column: str) -> pd.DataFrame:
    some = both[mask]
    parts = {"recording_id": some["recording_id"], "change": change}
    for side in ("before", "after"):
        parts[side] = some[f"{column}_{side}"].fillna("").astype(str) if column else ""
    return pd.DataFrame(parts).sort_values("recording_id")


def _hours(frame: pd.DataFrame) -> float:
    return round(float(frame["duration_s"].sum()) / 3600, 4)


def _gained(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    return sorted(set(after["scientific_name"].unique()) - set(before["scientific_name"].unique()) - {""})


def _by(frame: pd.DataFrame, column: str) -> dict[str, int]:
    return {str(name): int(count) for name, count in frame[column].value_counts().sort_index().items() if count}
