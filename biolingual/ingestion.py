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

from biolingual import fingerprints, licences, marks, taxonomy, tombstones
from biolingual.archives import adapter
from biolingual.archives.source import SourceRecord
from biolingual.audio import UndecodableError
from biolingual.hearing import hear
from biolingual.parallel import Machine
from biolingual.params import DumpRow, IngestParams
from biolingual.partitions import kept_results, key_of
from biolingual.records import Caption, Clip, Recording, Rejected
from biolingual.storage import digest, exists
from biolingual.tabular import read_json, write_json, write_rows

STAGE = "ingest"
PARTITION = 32  # records; with two clips of 10 s each a worker sends back 40 MB


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
    """Write `sounds`/shard-*.tar and `manifests`/{recordings,clips,rejected}.parquet and ingest.json; returns the counts.

    fingerprints.parquet lies beside them. Sentences that the dump brings along go to `manifests`/captions.parquet, oddities
    of sounds that were taken to marks.parquet; each is there only where there are some. Recordings named in the file
    `withdrawn` are rejected, and no shard changes but those that held them.

    Both folders appear whole or not at all; what a killed run had decoded lies beside `sounds` and is not decoded again.
    ValueError when the dump is not what its row says.
    """
    source, found = verified(dump, row, source)
    adapter(row.archive).inspect(source, row)
    part, work = (sounds.with_name(f".{sounds.name}.{name}") for name in ("part", "work"))
    key = key_of(dump, row.model_dump(), params.model_dump(), found)
    shutil.rmtree(part, ignore_errors=True)
    gone = tombstones.read(withdrawn) if withdrawn else {}
    manifest = Manifest(tombstones.SteadyShards(part, params.shard_size_mb * 1_000_000))
    for outcome in _outcomes(dump, row, params, source, machine, work, key):
        identity = _identity(outcome)
        if identity in gone:
            manifest.leave_out(outcome)
            told = {"reason": tombstones.WITHDRAWN, "detail": gone.pop(identity)}
            outcome = Rejected(recording_id=identity, dump=dump, stage=STAGE, **told)
        manifest.add(outcome)
    if gone:
        raise ValueError(
            f"{withdrawn} names {', '.join(list(gone)[:5])}, which dump {dump} does not hold. Correct the ids."
        )
    shards = manifest.shards.close()
    _publish(part, sounds)
    manifest.write(manifests, shards)
    counts = {"dump": dump, "archive": row.archive, "origin": row.origin, "digest": found, **manifest.counts()}
    counts["shards"] = {name: sha for name, (sha, _) in shards.items()}
    write_json(counts, manifests / "ingest.json")
    shutil.rmtree(work, ignore_errors=True)
    return counts


class Manifest:
    """The tables of one dump as they grow, its clips going into `shards` meanwhile."""

    def __init__(self, shards: tombstones.SteadyShards):
        self.shards = shards
        self.recordings: list[Recording] = []
        self.rejected: list[Rejected] = []
        self.clips: list[tuple] = []  # what _clip takes, without the shards' hashes
        self.captions: list[Caption] = []
        self.marks: list[marks.Mark] = []
        self.fingerprints: list[tuple[str, np.ndarray]] = []

    def add(self, outcome: Decoded | Rejected) -> None:
        if isinstance(outcome, Rejected):
            self.rejected.append(outcome)
            return
        recording_id = outcome.recording.recording_id
        self.recordings.append(outcome.recording)
        self.captions += outcome.captions
        self.marks += outcome.marks
        self.fingerprints.append((recording_id, outcome.fingerprint))
        for position, (offset_s, duration_s, activity, flac) in enumerate(outcome.clips):
            clip_id = f"{recording_id}#{position}"
            member = self.shards.add(clip_id, flac)
            self.clips.append((clip_id, recording_id, offset_s, duration_s, activity, member))

    def leave_out(self, outcome: Decoded | Rejected) -> None:
        """Keep the place of its clips, so that those after it stay in their shards."""
        for *_, flac in outcome.clips if isinstance(outcome, Decoded) else []:
            self.shards.leave_out(len(flac))

    def counts(self) -> dict:
        return {
            "recordings": len(self.recordings),
            "rejected": len(self.rejected),
            "clips": len(self.clips),
            "hours": round(sum(one.duration_s for one in self.recordings) / 3600, 4),
        }

    def write(self, folder: Path, shards: dict[str, tuple[str, str]]) -> None:
        """shards: {name: (sha256, md5)}."""
        write_rows(self.recordings, Recording, folder / "recordings.parquet")
        write_rows((_clip(*clip, shards) for clip in self.clips), Clip, folder / "clips.parquet")
        write_rows(self.rejected, Rejected, folder / "rejected.parquet")
        fingerprints.write(self.fingerprints, folder / "fingerprints.parquet")
        for found, noun, name in ((self.captions, Caption, "captions"), (self.marks, marks.Mark, "marks")):
            (folder / f"{name}.parquet").unlink(missing_ok=True)  # a former run's: the folder outlives runs
            if found:
                write_rows(found, noun, folder / f"{name}.parquet")


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
    dump: str, row: DumpRow, params: IngestParams, source: str, machine: Machine, work: Path, key: str
) -> Iterator[Decoded | Rejected]:
    records = sorted(adapter(row.archive).read(source, row), key=lambda record: record.source_id)
    worker = functools.partial(_partition, dump=dump, row=row, params=params)
    seen: set[str] = set()
    for outcomes in kept_results(worker, records, PARTITION, work, key, machine):
        for outcome in outcomes:
            identity = _identity(outcome)
            if identity in seen:
                outcome = Rejected(recording_id=identity, dump=dump, stage=STAGE, reason="duplicate_id_in_dump")
            seen.add(identity)
            yield outcome


def _identity(outcome: Decoded | Rejected) -> str:
    return (outcome if isinstance(outcome, Rejected) else outcome.recording).recording_id


def _partition(records: list[SourceRecord], **given) -> list[Decoded | Rejected]:
    return [outcome_of(record, **given) for record in records]


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
    except UndecodableError as error:
        return reject(error.reason, error.detail)
    except FileNotFoundError:
        return reject("audio_missing", "the file was there when the dump was listed and is gone")
    # Last, so that a file's own fault is told before its label's.
    named = record.fields.get("common_name") or record.captions
    if taxon.problem and not (taxon.problem == "name_missing" and named):
        return reject(taxon.problem, record.fields.get("source_name") or "neither a scientific nor a common name")
    return outcome


def decoded(
    record: SourceRecord, recording_id: str, dump: str, row: DumpRow, params: IngestParams, licence: str, taxon
) -> Decoded:
    """Decode, check and cut one sound. UndecodableError says why it cannot be used."""
    declared = record.fields.get("declared_duration_s")
    heard = hear(record.audio, declared, params, record.slowed)
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
            "source_sample_rate_hz": heard.sample_rate_hz,
            "channels": heard.channels,
            "duration_s": round(heard.duration_s, 6),
            "declared_duration_s": declared,
            "audio_sha256": heard.sha256,
        }
    )
    captions = [
        Caption(recording_id=recording_id, kind="descriptive", text=text, status="ok", captioner=record.captioner)
        for text in record.captions
    ]
    found = [
        marks.Mark(recording_id=recording_id, mark=name, value=round(value, 6)) for name, value in heard.marks.items()
    ]
    return Decoded(recording, heard.clips, captions, found, heard.fingerprint)


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


def _publish(part: Path, final: Path) -> None:
    shutil.rmtree(final, ignore_errors=True)
    os.replace(part, final)
