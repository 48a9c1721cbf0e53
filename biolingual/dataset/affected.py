"""What a takedown touches: the recordings meant, their copies under other ids, and where their sounds and words lie."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from biolingual import licences

COPIES = ("duplicate_sound_id", "duplicate_fingerprint", "duplicate_audio", "duplicate_id")
READ = ["recording_id", "recorded_by", "rights_holder", "license", "audio_sha256", "duration_s"]


def affected(manifests: Path, captions: Path, rejected: Path, recordist: str, recording: str, licence: str) -> dict:
    """{dump: {recordings, copies, clips, shards {name: sha256}, captions, hours}} of every dump that holds some.

    One of recordist, recording and licence is given. A copy of a withdrawn sound under another id would step into its place in
    the next version, so it goes with it; where a licence is meant, a copy under another licence stays.
    """
    tables = {
        one.name: pq.read_table(one / "recordings.parquet", columns=READ)
        for one in sorted(manifests.iterdir())
        if (one / "recordings.parquet").is_file()
    }
    meant = {name: rows.filter(_meant(rows, recordist, recording, licence)) for name, rows in tables.items()}
    ids = {one for rows in meant.values() for one in rows["recording_id"].to_pylist()}
    sounds = pa.array({one for rows in meant.values() for one in rows["audio_sha256"].to_pylist()} - {""}, pa.string())
    known = set() if licence else _copies(rejected, ids)
    found = {}
    for name, rows in tables.items():
        mask = pc.is_in(rows["recording_id"], pa.array(list(ids | known), pa.string()))
        if not licence:
            mask = pc.or_(mask, pc.is_in(rows["audio_sha256"], sounds))
        mine = rows.filter(mask)
        if len(mine):
            found[name] = _in_dump(manifests / name, captions / f"{name}.parquet", mine, ids)
    return found


def _meant(rows: pa.Table, recordist: str, recording: str, licence: str) -> pa.ChunkedArray:
    if recordist:
        return pc.or_(pc.equal(rows["recorded_by"], recordist), pc.equal(rows["rights_holder"], recordist))
    if recording:
        return pc.equal(rows["recording_id"], recording)
    texts = rows["license"].unique().to_pylist()
    return pc.is_in(rows["license"], pa.array([text for text in texts if _is(text, licence)], pa.string()))


def _is(text: str, licence: str) -> bool:
    """Whether a licence is the one asked for: nc, nd or sa, or its family with or without its version."""
    found, asked = licences.parse(text), licences.parse(licence)
    if found is None:
        return text == licence
    if licence.lower() in ("nc", "nd", "sa"):
        return getattr(found, licence.lower())
    return asked is not None and found.family == asked.family and asked.version in ("", found.version)


def _copies(rejected: Path, ids: set[str]) -> set[str]:
    """Recordings that assemble left out as copies of these, and those that these were left out as copies of."""
    if not rejected.is_file():
        return set()
    rows = pq.read_table(rejected)
    copies = rows.filter(pc.is_in(rows["reason"], pa.array(COPIES))).select(["recording_id", "detail"]).to_pylist()
    forward = {one["recording_id"] for one in copies if one["detail"] in ids}
    return forward | {one["detail"] for one in copies if one["recording_id"] in ids and ":" in one["detail"]}


def _in_dump(manifest: Path, captions: Path, rows: pa.Table, ids: set[str]) -> dict:
    names = rows["recording_id"]
    clips = pq.read_table(manifest / "clips.parquet", columns=["recording_id", "shard", "shard_sha256"])
    clips = clips.filter(pc.is_in(clips["recording_id"], names.combine_chunks()))
    shards = clips.group_by(["shard", "shard_sha256"]).aggregate([]).sort_by("shard").to_pylist()
    said = 0
    if captions.is_file():
        said = pc.sum(
            pc.is_in(pq.read_table(captions, columns=["recording_id"])["recording_id"], names.combine_chunks())
        ).as_py()
    return {
        "recordings": sorted(names.to_pylist()),
        "copies": sorted(set(names.to_pylist()) - ids),
        "clips": len(clips),
        "shards": {one["shard"]: one["shard_sha256"] for one in shards},
        "captions": said or 0,
        "hours": round((pc.sum(rows["duration_s"]).as_py() or 0.0) / 3600, 4),
    }


def sound_files(records: object, prefix: str, ids: set[str]) -> list[str]:
    """The addresses of the sounds of some recordings in their dump. records: what its adapter reads."""
    return sorted(one.audio for one in records if one.audio and f"{prefix}{one.source_id}" in ids)
