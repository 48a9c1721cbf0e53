"""From an immutable dump to clips in shards and a manifest: every input record ends as a recording or as a reason."""

from __future__ import annotations

import dataclasses
import functools
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biolingual import audio, fingerprints, licences, marks, taxonomy, tombstones
from biolingual.archives import adapter
from biolingual.archives.source import SourceRecord
from biolingual.foreign_audio import decode_any
from biolingual.parallel import Machine, map_ordered
from biolingual.params import DumpRow, IngestParams
from biolingual.records import Caption, Clip, Recording, Rejected, read_json, write_json, write_rows
from biolingual.storage import digest, exists, open_url

STAGE = "ingest"
ROUNDED_S = 0.5  # archives give whole seconds
EXPANDED = 10  # by how much bats are slowed down for human ears


@dataclass(frozen=True)
class Decoded:
    """What a worker sends back: the recording with what decoding found, and its clips as (start_s, length_s, activity, FLAC)."""

    recording: Recording
    clips: list[tuple[float, float, float, bytes]]
    captions: list[Caption]
    marks: list[marks.Mark]
    fingerprint: np.ndarray  # uint32 [F]


def ingest(
    dump: str,
    row: DumpRow,
    params: IngestParams,
    source: str,
    manifests: Path,
    sounds: Path,
    machine: Machine,
    withdrawn: Path | None = None,
) -> dict:
    """Write `sounds`/shard-*.tar and `manifests`/{recordings,clips,rejected,fingerprints}.parquet and ingest.json; return counts.

    Sentences that the dump brings along go to `manifests`/captions.parquet, oddities of sounds that were taken to
    marks.parquet; each is there only where there are some. Recordings named in the file `withdrawn` are rejected, and no
    shard changes but those that held them.

    Both folders appear whole or not at all. ValueError when the dump is not what its row says.
    """
    source, found = verified(dump, row, source)
    adapter(row.archive).inspect(source, row)
    work = sounds.with_name(f".{sounds.name}.part")
    shutil.rmtree(work, ignore_errors=True)
    gone = tombstones.read(withdrawn) if withdrawn else {}
    writer = tombstones.SteadyShards(work, params.shard_size_mb * 1_000_000)
    recordings, rejected, clips, captions, marked, prints = [], [], [], [], [], []
    for outcome in _outcomes(dump, row, params, source, machine):
        identity = (outcome if isinstance(outcome, Rejected) else outcome.recording).recording_id
        if identity in gone:
            for *_, flac in getattr(outcome, "clips", []):
                writer.leave_out(len(flac))
            told = {"reason": tombstones.WITHDRAWN, "detail": gone.pop(identity)}
            outcome = Rejected(recording_id=identity, dump=dump, stage=STAGE, **told)
        if isinstance(outcome, Rejected):
            rejected.append(outcome)
            continue
        recordings.append(outcome.recording)
        captions += outcome.captions
        marked += outcome.marks
        prints.append((outcome.recording.recording_id, outcome.fingerprint))
        for position, (offset_s, duration_s, activity, flac) in enumerate(outcome.clips):
            clip_id = f"{outcome.recording.recording_id}#{position}"
            clips.append(
                (clip_id, outcome.recording.recording_id, offset_s, duration_s, activity, writer.add(clip_id, flac))
            )
    if gone:
        raise ValueError(
            f"{withdrawn} names {', '.join(list(gone)[:5])}, which dump {dump} does not hold. Correct the ids."
        )
    shards = writer.close()
    counts = {
        "dump": dump,
        "archive": row.archive,
        "origin": row.origin,
        "digest": found,
        "recordings": len(recordings),
        "rejected": len(rejected),
        "clips": len(clips),
        "hours": round(sum(one.duration_s for one in recordings) / 3600, 4),
        "shards": {name: sha for name, (sha, _) in shards.items()},
    }
    _publish(work, sounds)
    write_rows(recordings, Recording, manifests / "recordings.parquet")
    write_rows((_clip(*clip, shards) for clip in clips), Clip, manifests / "clips.parquet")
    write_rows(rejected, Rejected, manifests / "rejected.parquet")
    fingerprints.write(prints, manifests / "fingerprints.parquet")
    for found_rows, noun, name in ((captions, Caption, "captions"), (marked, marks.Mark, "marks")):
        (manifests / f"{name}.parquet").unlink(missing_ok=True)  # a former run's: the folder outlives runs
        if found_rows:
            write_rows(found_rows, noun, manifests / f"{name}.parquet")
    write_json(counts, manifests / "ingest.json")
    return counts


def verified(dump: str, row: DumpRow, source: str) -> tuple[str, str]:
    """(address of the dump, its digest). A dumps/<name>.json points at a remote dump. ValueError when the digest differs."""
    if source.endswith(".json"):
        source = read_json(Path(source))["source"]
    if not exists(source):
        raise ValueError(f"dump {dump}: {source} does not exist. Fix `source` in params.yaml or restore the folder.")
    found = digest(source)
    if row.digest and found != row.digest:
        raise ValueError(
            f"dump {dump}: {source} has changed since it was added ({found}, params.yaml says {row.digest}). "
            "A dump is immutable: restore it, or add the new state as a new dump."
        )
    return source, found


def _outcomes(
    dump: str, row: DumpRow, params: IngestParams, source: str, machine: Machine
) -> Iterator[Decoded | Rejected]:
    records = sorted(adapter(row.archive).read(source, row), key=lambda record: record.source_id)
    worker = functools.partial(outcome_of, dump=dump, row=row, params=params)
    seen: set[str] = set()
    for outcome in map_ordered(worker, records, machine):
        identity = outcome.recording_id if isinstance(outcome, Rejected) else outcome.recording.recording_id
        if identity in seen:
            outcome = Rejected(recording_id=identity, dump=dump, stage=STAGE, reason="duplicate_id_in_dump")
        seen.add(identity)
        yield outcome


def outcome_of(record: SourceRecord, *, dump: str, row: DumpRow, params: IngestParams) -> Decoded | Rejected:
    """One record decoded, or the reason why not. Runs in a worker process."""
    recording_id = f"{row.archive}:{record.source_id}"
    if row.archive == "folder":
        recording_id = f"folder:{dump}/{record.source_id}"
    if row.origin == "simulated":
        recording_id = f"simulated:{recording_id}"

    def reject(reason: str, detail: str = "") -> Rejected:
        return Rejected(recording_id=recording_id, dump=dump, stage=STAGE, reason=reason, detail=detail)

    if record.problem:
        return reject(record.problem, record.detail)
    licence = licences.parse(record.fields.get("license_source"))
    refusal = licences.refusal(
        licence, allow_noncommercial=params.allow_noncommercial, allow_noderivatives=params.allow_noderivatives
    )
    if refusal:
        return reject(refusal, f"licence as given: {record.fields.get('license_source') or '(none)'}")
    if not record.audio:
        return reject("audio_missing", "the dump names this sound but holds no file for it")
    names = {name: record.fields.get(name, "") for name in ("kingdom", "family")}
    taxon = taxonomy.resolve(record.fields.get("source_name", ""), row.checklist, **names)
    try:
        outcome = decoded(record, recording_id, dump, row, params, str(licence), taxon)
    except audio.UndecodableError as error:
        return reject(error.reason, error.detail)
    # Last, so that a file's own fault is told before its label's.
    named = record.fields.get("common_name") or record.captions
    if taxon.problem and not (taxon.problem == "name_missing" and named):
        return reject(taxon.problem, record.fields.get("source_name") or "neither a scientific nor a common name")
    return outcome


def decoded(
    record: SourceRecord, recording_id: str, dump: str, row: DumpRow, params: IngestParams, licence: str, taxon
) -> Decoded:
    """Decode, check and cut one sound. UndecodableError says why it cannot be used."""
    with open_url(record.audio) as file:
        sound = decode_any(file.read())
    declared = record.fields.get("declared_duration_s")
    if audio.peak_dbfs(sound.waveform) < params.silence_dbfs:
        raise audio.UndecodableError("silent", f"peak below {params.silence_dbfs} dBFS")
    if declared and sound.duration_s < params.truncated_share * (declared - ROUNDED_S):
        raise audio.UndecodableError("truncated", f"{sound.duration_s:.1f} s decoded of {declared:.1f} s declared")
    if declared and declared >= 2 and abs(sound.duration_s / EXPANDED - declared) <= ROUNDED_S:
        raise audio.UndecodableError("time_expanded", f"{sound.duration_s:.1f} s decoded of {declared:.1f} s declared")
    if sound.duration_s < params.min_duration_s:
        raise audio.UndecodableError("too_short", f"{sound.duration_s:.3f} s")
    names = {field.name for field in dataclasses.fields(Recording)}
    taxon_fields = {name: value for name, value in vars(taxon).items() if name in names and value}
    recording = Recording(
        **{
            **{name: value for name, value in record.fields.items() if value is not None},
            **taxon_fields,
            "recording_id": recording_id,
            "origin": row.origin,
            "dump": dump,
            "archive": row.archive,
            "license": licence,
            "source_sample_rate_hz": sound.sample_rate_hz,
            "channels": sound.channels,
            "duration_s": round(sound.duration_s, 6),
            "declared_duration_s": declared,
            "audio_sha256": audio.sound_sha256(sound),
        }
    )
    rate = params.sample_rate_hz
    found = {
        "dc_offset": marks.dc_offset(sound.waveform),
        "clipped": marks.clipped_share(sound.waveform),
        "test_tone": marks.tone_in_front_s(sound.waveform, sound.sample_rate_hz),
    }
    if found["test_tone"] > sound.duration_s - params.min_duration_s:
        raise audio.UndecodableError("test_tone", "a steady pure tone and nothing else")
    level = sound.waveform - np.float32(found["dc_offset"]) if found["dc_offset"] else sound.waveform
    waveform = audio.resample(level, sound.sample_rate_hz, rate)
    skipped = round(found["test_tone"] * rate)
    windows = [
        (start + skipped, stop + skipped, activity)
        for start, stop, activity in audio.activity_windows(
            waveform[skipped:], rate, params.clip_duration_s, params.max_clips_per_recording
        )
    ]
    return Decoded(
        recording,
        [
            (
                round(start / rate, 6),
                round((stop - start) / rate, 6),
                round(activity, 6),
                audio.to_flac(waveform[start:stop], rate),
            )
            for start, stop, activity in windows
        ],
        [
            Caption(recording_id=recording_id, kind="descriptive", text=text, status="ok", captioner=record.captioner)
            for text in record.captions
        ],
        [
            marks.Mark(recording_id=recording_id, mark=name, value=round(value, 6))
            for name, value in found.items()
            if value
        ],
        fingerprints.fingerprint(sound.waveform, sound.sample_rate_hz),
    )


def _clip(
    clip_id: str, recording_id: str, offset_s: float, duration_s: float, activity: float, member, shards: dict
) -> Clip:
    sha256, md5 = shards[member.shard]
    return Clip(
        clip_id=clip_id,
        recording_id=recording_id,
        offset_s=offset_s,
        duration_s=duration_s,
        shard=member.shard,
        shard_sha256=sha256,
        shard_md5=md5,
        byte_offset=member.byte_offset,
        byte_length=member.byte_length,
        activity=activity,
    )


def _publish(work: Path, final: Path) -> None:
    shutil.rmtree(final, ignore_errors=True)
    os.replace(work, final)
