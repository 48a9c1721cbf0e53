"""Does today's code still make of a dump what its manifest says? Answered on a sample: a terabyte takes minutes."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from biolingual import fingerprints
from biolingual.archives import adapter
from biolingual.ingestion import outcome_of
from biolingual.marks import Mark
from biolingual.params import DumpRow, IngestParams
from biolingual.records import Caption, Clip, Recording, Rejected
from biolingual.shard_reader import Shards
from biolingual.tabular import rows
from biolingual.tombstones import WITHDRAWN


def recheck(
    dump: str, row: DumpRow, params: IngestParams, source: str, manifests: Path, shards: Shards, sample: int
) -> tuple[int, str]:
    """(records looked at, the first difference or ""): evenly spaced records are decoded anew and compared field by field,
    clip by clip, byte by byte with the manifest and the shards."""
    recordings = {one.recording_id: one for one in rows(manifests / "recordings.parquet", Recording)}
    rejected = {one.recording_id: one for one in rows(manifests / "rejected.parquet", Rejected)}
    clips: dict[str, list[Clip]] = {}
    for clip in rows(manifests / "clips.parquet", Clip):
        clips.setdefault(clip.recording_id, []).append(clip)
    beside = {
        "captions": _by_recording(manifests / "captions.parquet", Caption),
        "marks": _by_recording(manifests / "marks.parquet", Mark),
    }
    known_prints = fingerprints.read(manifests / "fingerprints.parquet")
    records = sorted(adapter(row.archive).read(source, row), key=lambda record: record.source_id)
    step = max(1, len(records) // sample)
    looked = 0
    for record in records[::step][:sample]:
        outcome = outcome_of(record, dump=dump, row=row, params=params)
        looked += 1
        identity = (outcome if isinstance(outcome, Rejected) else outcome.recording).recording_id
        known = rejected.get(identity)
        if known and known.reason == WITHDRAWN:
            continue
        if isinstance(outcome, Rejected):
            difference = "" if known == outcome else f"rejected as {outcome.reason}, before: {known and known.reason}"
        else:
            difference = _difference(outcome, recordings.get(identity), clips.get(identity, []), shards, dump)
            for name, known_rows in beside.items():
                if not difference and getattr(outcome, name) != known_rows.get(identity, []):
                    difference = f"has other {name} than before"
            if not difference and not np.array_equal(outcome.fingerprint, known_prints.get(identity)):
                difference = "has another fingerprint than before"
        if difference:
            return looked, f"{identity}: {difference}"
    if len(records) != len(recordings) + sum(one.recording_id not in recordings for one in rejected.values()):
        return (
            looked,
            f"the archive's reader finds {len(records)} records, the manifest has {len(recordings) + len(rejected)}",
        )
    return looked, ""


def _by_recording(path: Path, noun: type) -> dict[str, list]:
    """The rows of a table that is there only where it holds some, by recording."""
    found: dict[str, list] = {}
    for one in rows(path, noun) if path.is_file() else []:
        found.setdefault(one.recording_id, []).append(one)
    return found


def _difference(outcome, known: Recording | None, clips: list[Clip], shards: Shards, dump: str) -> str:
    if known is None:
        return "is a recording now, was none before"
    for field in dataclasses.fields(Recording):
        before, after = getattr(known, field.name), getattr(outcome.recording, field.name)
        if before != after:
            return f"{field.name} is {after!r}, was {before!r}"
    if len(clips) != len(outcome.clips):
        return f"has {len(outcome.clips)} clips, had {len(clips)}"
    for clip, (offset_s, duration_s, activity, flac) in zip(clips, outcome.clips, strict=True):
        if (clip.offset_s, clip.duration_s, clip.activity) != (offset_s, duration_s, activity):
            return f"{clip.clip_id} lies elsewhere in the recording"
        if shards.read(_Address(dump, clip)) != flac:
            return f"{clip.clip_id} has other bytes"
    return ""


class _Address:
    """A clip with its dump, as Shards reads it."""

    def __init__(self, dump: str, clip: Clip):
        self.dump = dump
        self.shard, self.shard_md5 = clip.shard, clip.shard_md5
        self.byte_offset, self.byte_length = clip.byte_offset, clip.byte_length
