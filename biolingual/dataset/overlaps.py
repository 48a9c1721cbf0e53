"""The leakage firewall: which recordings a benchmark, or a test split of our own, holds too.

A sound is known again by the id of its source, by the hash of what it decodes to, by its fingerprint, and by who recorded on
that day: one recordist's day is one individual, one place, one microphone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from biolingual.records import BenchmarkItem
from biolingual.tabular import check_columns, schema

OVERLAP = "benchmark_overlap"  # the reason of what left train for it
KEYS = ("source_id", "audio", "fingerprint", "recordist_day")
NEEDED = ("recording_id", "archive", "source_recording", "audio_sha256", "recorded_by", "event_date")


@dataclass(frozen=True, kw_only=True)
class Overlap:
    """A recording that a benchmark's item holds too, and by what it was known again."""

    recording_id: str
    task: str
    item_id: str
    item_split: str
    key: str


def read_items(folder: Path) -> pa.Table:
    """The items of every benchmarks/*.parquet, as `stages.benchmark --manifest` writes them; no file, no row."""
    import pyarrow.parquet as pq

    tables = [schema(BenchmarkItem).empty_table()]
    for path in sorted(folder.glob("*.parquet")):
        found = pq.read_table(path)
        check_columns(path, found.schema.names, BenchmarkItem)
        tables.append(found)
    return pa.concat_tables(tables, promote_options="default").combine_chunks()


def overlaps(recordings: pa.Table, items: pa.Table, alike: Iterable[tuple[str, str]] = ()) -> pa.Table:
    """A row of Overlap for each recording, item and key that meet. recordings: the columns of NEEDED; alike: (recording_id,
    item_id) whose fingerprints match."""
    ids = recordings["recording_id"]
    source, named = (
        recordings["source_recording"],
        pc.binary_join_element_wise(recordings["archive"], recordings["source_recording"], ":"),
    )
    source = pc.if_else(pc.match_substring(source, ":"), source, named)
    source = pc.if_else(pc.equal(recordings["source_recording"], ""), "", source)
    ours = [
        ("source_id", pc.replace_substring_regex(ids, "^simulated:", "")),
        ("source_id", source),
        ("audio", recordings["audio_sha256"]),
        ("recordist_day", days(recordings)),
    ]
    theirs = {
        "source_id": pc.replace_substring_regex(items["source_id"], "^simulated:", ""),
        "audio": items["audio_sha256"],
        "recordist_day": days(items),
    }
    found = [_joined(ids, values, theirs[key], items, key) for key, values in ours]
    couples = list(alike)
    pairs = pa.table({"recording_id": [one for one, _ in couples], "item_id": [item for _, item in couples]})
    if couples:
        told = items.select(["item_id", "task", "split"]).rename_columns(["item_id", "task", "item_split"])
        met = pairs.join(told, "item_id", join_type="inner")
        found.append(_as_overlaps(met.append_column("key", pa.array(["fingerprint"] * len(met), pa.string()))))
    whole = pa.concat_tables(found)
    whole = whole.group_by(whole.schema.names).aggregate([]).select(schema(Overlap).names)
    return whole.sort_by([(name, "ascending") for name in whole.schema.names]).cast(schema(Overlap))


def days(rows: pa.Table) -> pa.ChunkedArray:
    """ "ada marr|2024-05-01" where recordist and whole date are known, else ""."""
    who = pc.utf8_lower(pc.replace_substring_regex(pc.utf8_trim_whitespace(rows["recorded_by"]), r"\s+", " "))
    day = pc.utf8_slice_codeunits(rows["event_date"], 0, 10)
    known = pc.and_(pc.not_equal(who, ""), pc.match_substring_regex(day, r"^\d{4}-\d{2}-\d{2}$"))
    return pc.if_else(known, pc.binary_join_element_wise(who, day, "|"), "")


def summary(items: pa.Table, met: pa.Table, left: set[str], with_fingerprints: dict[str, int]) -> dict:
    """What was compared and found: {task: {items, compared: {key: items that have it}, found: {key: recordings}, left: those
    that left train or valid}}. left: the ids of all that did. What is found and stayed is in a test split, or was refused."""
    told = {}
    for task in sorted(set(items["task"].to_pylist())):
        mine, theirs = met.filter(pc.equal(met["task"], task)), items.filter(pc.equal(items["task"], task))
        columns = {"source_id": theirs["source_id"], "audio": theirs["audio_sha256"], "recordist_day": days(theirs)}
        compared = {key: pc.sum(pc.not_equal(column, "")).as_py() or 0 for key, column in columns.items()}
        found = {key: set(mine.filter(pc.equal(mine["key"], key))["recording_id"].to_pylist()) for key in KEYS}
        met_at_all = set().union(*found.values())
        told[task] = {
            "items": len(theirs),
            "compared": {**compared, "fingerprint": with_fingerprints.get(task, 0)},
            "found": {key: len(ones) for key, ones in found.items()},
            "left": len(met_at_all & left),
        }
    return told


def within(recordings: pa.Table) -> dict:
    """Our own test splits against train: recordings of each that share a sound, a source or a recordist's day with train.

    By the split rule a day is one place's: the same recordist may stand in both on one day, elsewhere. That is told here, and
    `clean` scores can leave it out.
    """
    train = recordings.filter(pc.equal(recordings["split"], "train"))
    keys = {
        "audio": lambda rows: rows["audio_sha256"],
        "source_id": lambda rows: rows["source_recording"],
        "recordist_day": days,
    }
    told = {}
    for split in sorted(one for one in set(recordings["split"].unique().to_pylist()) if one.startswith("test")):
        tests = recordings.filter(pc.equal(recordings["split"], split))
        told[split] = {"recordings": len(tests)}
        for name, of in keys.items():
            known = of(train).unique()
            values = of(tests)
            met = pc.and_(pc.is_in(values, known.filter(pc.not_equal(known, ""))), pc.not_equal(values, ""))
            told[split][name] = pc.sum(met).as_py() or 0
    return told


def _joined(
    ids: pa.ChunkedArray, ours: pa.ChunkedArray, theirs: pa.ChunkedArray, items: pa.Table, key: str
) -> pa.Table:
    wanted = pc.and_(pc.is_in(ours, theirs.unique()), pc.not_equal(ours, ""))
    left = pa.table({"recording_id": ids.filter(wanted), "value": ours.filter(wanted)})
    right = pa.table(
        {"value": theirs, "item_id": items["item_id"], "task": items["task"], "item_split": items["split"]}
    )
    met = left.join(right, "value", join_type="inner")
    return _as_overlaps(met.append_column("key", pa.array([key] * len(met), pa.string())))


def _as_overlaps(met: pa.Table) -> pa.Table:
    return met.select(schema(Overlap).names).cast(pa.schema([(name, pa.string()) for name in schema(Overlap).names]))
