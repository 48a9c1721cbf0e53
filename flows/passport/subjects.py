"""The walk forward from a recording or a recordist: clips, captions, splits, versions, models and scores."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flows.ledger import Snapshot, Version
from flows.passport.backward import CARD, DATASET, PAIRS, Desk
from flows.passport.dumps import audio_path, captions_path, manifest_tables, manifests_path, shards_of
from flows.passport.forward import models_of
from flows.passport.links import ABSENT, CHECKED, TOLD, Link, joined
from flows.passport.shelf import fetch
from flows.passport.tables import column_values, rows_where

COLUMNS = {"recording": "recording_id", "recordist": "recorded_by"}
TOLD_OF_A_RECORDING = ("scientific_name", "common_name", "recorded_by", "license", "event_date", "country", "url")
ADDRESS = ("clip_id", "shard", "shard_sha256", "byte_offset", "byte_length")


@dataclass(frozen=True)
class Subject:
    """A recording or a recordist: kind, name, and the ids of the recordings meant."""

    kind: str
    name: str
    recordings: frozenset[str]


def places(desk: Desk) -> list[Snapshot]:
    """The working tree, and one place of every dataset version that stands elsewhere."""
    others = [version.best for version in desk.ledger.versions.values()]
    return [desk.ledger.here, *(one for one in others if one is not desk.ledger.here)]


def manifests(desk: Desk) -> dict[tuple[str, str], Snapshot]:
    """{(dump, md5 of its manifest): a snapshot that has it}"""
    found: dict[tuple[str, str], Snapshot] = {}
    for snapshot in places(desk):
        for name in snapshot.params.get("dumps", {}):
            if md5 := snapshot.lock.md5(manifests_path(name)):
                found.setdefault((name, md5), snapshot)
    return found


def find(desk: Desk, name: str) -> tuple[list[Subject], int, set[str]]:
    """(what goes by a name, how many manifests are not on this machine, all recordists met)"""
    ids: dict[str, set[str]] = {kind: set() for kind in COLUMNS}
    away, people = 0, set()
    for dump, snapshot in ((key[0], one) for key, one in manifests(desk).items()):
        folder = manifests_path(dump)
        joint = f"manifest of {dump} -> dvc.lock"
        tables = [desk.shelf.table(snapshot, f"{folder}/{one}.parquet", joint) for one in ("recordings", "rejected")]
        if None in tables:
            away += 1
            continue
        for kind, column in COLUMNS.items():
            ids[kind] |= {row["recording_id"] for row in rows_where(tables[0], ["recording_id"], column, {name})}
        ids["recording"] |= {
            row["recording_id"] for row in rows_where(tables[1], ["recording_id"], "recording_id", {name})
        }
        people |= set(column_values(tables[0], "recorded_by"))
    return [Subject(kind, name, frozenset(found)) for kind, found in ids.items() if found], away, people - {""}


def forward(desk: Desk, subject: Subject) -> Link:
    """The whole tree of a subject."""
    versions = [in_version(desk, version, subject) for version in desk.ledger.versions.values()]
    made = [in_manifest(desk, snapshot, name, subject) for (name, _), snapshot in manifests(desk).items()]
    links = [link for link in (*made, *versions) if link is not None]
    facts: dict = {"recordings": sorted(subject.recordings)}
    if subject.kind == "recordist":
        return Link(
            "recordist", subject.name, state=TOLD, note=_many(len(subject.recordings)), facts=facts, links=tuple(links)
        )
    told = next((link.facts["recordings"][0] for link in made if link and link.facts.get("recordings")), {})
    note = ", ".join(str(told[key]) for key in TOLD_OF_A_RECORDING if told.get(key))
    return Link("recording", subject.name, state=TOLD, note=note, facts=told or facts, links=tuple(links))


def in_manifest(desk: Desk, snapshot: Snapshot, dump: str, subject: Subject) -> Link | None:
    """What ingest and captioning made of a subject in one state of a dump; None where it has nothing of it."""
    folder, shelf = manifests_path(dump), desk.shelf
    recordings = shelf.table(snapshot, f"{folder}/recordings.parquet", f"manifest of {dump} -> dvc.lock")
    if recordings is None:
        return Link("manifest of", dump, state=ABSENT, note=f"{snapshot}: {fetch(snapshot, folder)}")
    ids = set(subject.recordings)
    rows = rows_where(recordings, ["recording_id", "dump", *TOLD_OF_A_RECORDING], "recording_id", ids)
    refused = _rows(desk, snapshot, f"{folder}/rejected.parquet", ["recording_id", "reason", "detail"], ids)
    if not rows and not refused:
        return None
    if card := _card_row(desk, snapshot, dump):
        manifest_tables(shelf, snapshot, dump, card)
    clips = _rows(desk, snapshot, f"{folder}/clips.parquet", ["recording_id", "offset_s", "duration_s", *ADDRESS], ids)
    links = [*clips_of(desk, snapshot, dump, clips, subject), *captions_of(desk, snapshot, dump, ids, subject)]
    note = "; ".join([f"match; {_many(len(rows))}", *_reasons(refused, "rejected by ingest")])
    facts = {"recordings": rows, "rejected": refused}
    sha = shelf.sha256(recordings)
    return Link("manifest of", dump, sha, note=f"{note}; {snapshot}", facts=facts, links=tuple(links))


def clips_of(desk: Desk, snapshot: Snapshot, dump: str, clips: list[dict], subject: Subject) -> list[Link]:
    """The shards that hold a subject's clips, checked; for one recording also each clip's place."""
    if not clips:
        return []
    shards = shards_of(desk.shelf, snapshot, dump, {clip["shard"]: clip["shard_sha256"] for clip in clips})
    if subject.kind == "recordist":
        facts = {**shards.facts, "clips": [clip["clip_id"] for clip in clips]}
        return [Link("shards of", dump, "", shards.state, f"{len(clips)} clips; {shards.note}", facts)]
    found = [
        Link(
            "clip",
            clip["clip_id"],
            clip["shard_sha256"],
            shards.state,
            f"{clip['offset_s']:.2f} s to {clip['offset_s'] + clip['duration_s']:.2f} s, in {audio_path(dump)}/{clip['shard']} "
            f"at byte {clip['byte_offset']}, {clip['byte_length']} bytes",
            clip,
        )
        for clip in clips
    ]
    return [shards, *found]


def captions_of(desk: Desk, snapshot: Snapshot, dump: str, ids: set[str], subject: Subject) -> list[Link]:
    """A subject's captions: each sentence of a recording, the counts of a recordist."""
    path = captions_path(dump)
    if not snapshot.lock.md5(path):
        return []
    joint = f"captions of {dump} -> dvc.lock"
    found = desk.shelf.table(snapshot, path, joint)
    if found is None:
        return [Link("captions of", dump, state=ABSENT, note=fetch(snapshot, path))]
    if card := _card_row(desk, snapshot, dump):
        desk.shelf.sha_is(found, card["captions_sha"], f"dataset -> captions of {dump}", "the card")
    columns = ["recording_id", "kind", "text", "status", "captioner", "model", "prompt_sha"]
    rows = rows_where(found, columns, "recording_id", ids)
    writers = Counter(" ".join(filter(None, (row["captioner"], row["model"], row["prompt_sha"][:16]))) for row in rows)
    note = "match; " + ", ".join(f"{n} by {who}" for who, n in writers.most_common())
    each = () if subject.kind == "recordist" else tuple(_caption(row) for row in rows)
    return [Link("captions of", dump, desk.shelf.sha256(found), note=note, links=each)]


def in_version(desk: Desk, version: Version, subject: Subject) -> Link | None:
    """A subject in a dataset version: its splits and refusals, and the models and scores; None where it is not in it."""
    snapshot, label = version.best, version.label
    pairs = desk.shelf.file(snapshot, PAIRS)
    if pairs is None:
        return Link("version", label, version.dataset_sha, ABSENT, f"not searched: {fetch(snapshot, PAIRS)}")
    desk.shelf.sha_is(pairs, version.dataset_sha, f"version {label} -> dataset", "its gate")
    ids = set(subject.recordings)
    rows = rows_where(pairs, ["recording_id", "split", "dump", *ADDRESS], "recording_id", ids)
    refused = _rows(desk, snapshot, f"{DATASET}/rejected.parquet", ["recording_id", "reason", "detail"], ids)
    if not rows and not refused:
        return None
    same_clips(desk, snapshot, rows)
    splits = Counter({row["recording_id"]: row["split"] for row in rows}.values())
    learnt = splits.get("train", 0)
    told = ", ".join(f"{split} {n}" for split, n in sorted(splits.items())) or "none"
    note = "; ".join(["pairs match", f"{_many(sum(splits.values()))} by split: {told}", *_reasons(refused, "left out")])
    heard = f"trained on it, with {_many(learnt)} of these" if learnt else "trained on it, with none of these"
    facts = {"splits": dict(splits), "clips": [row["clip_id"] for row in rows], "rejected": refused}
    links = tuple(models_of(desk, version, heard))
    return Link("version", label, version.dataset_sha, CHECKED, note, facts, links)


def same_clips(desk: Desk, snapshot: Snapshot, rows: list[dict]) -> None:
    """Each pair must lie where its manifest says, in the very shard. BrokenChainError names the first that does not."""
    for dump in sorted({row["dump"] for row in rows}):
        mine = [row for row in rows if row["dump"] == dump]
        path = desk.shelf.file(snapshot, f"{manifests_path(dump)}/clips.parquet")
        if path is None:
            continue
        clips = {
            row["clip_id"]: row for row in rows_where(path, list(ADDRESS), "clip_id", {row["clip_id"] for row in mine})
        }
        for row in mine:
            address = {key: row[key] for key in ADDRESS}
            joined(
                f"dataset -> clip {row['clip_id']}",
                PAIRS,
                _words(address),
                _words(clips.get(row["clip_id"])),
                str(path),
            )


def _card_row(desk: Desk, snapshot: Snapshot, dump: str) -> dict | None:
    if not snapshot.lock.md5(DATASET):
        return None
    card = desk.shelf.json(snapshot, CARD, "dataset -> card")
    return card["dumps"].get(dump) if card else None


def _rows(desk: Desk, snapshot: Snapshot, path: str, columns: list[str], ids: set[str]) -> list[dict]:
    found = desk.shelf.table(snapshot, path, f"{path} -> dvc.lock")
    return [] if found is None else rows_where(found, columns, "recording_id", ids)


def _reasons(refused: list[dict], what: str) -> list[str]:
    return [f"{n} {what}: {reason}" for reason, n in Counter(row["reason"] for row in refused).most_common()]


def _caption(row: dict) -> Link:
    return Link("caption", f'"{row["text"]}"', state=TOLD, note=f"{row['kind']}, {row['status']}", facts=row)


def _words(address: dict | None) -> str:
    return " ".join(str(value) for value in (address or {"no": "clip"}).values())


def _many(n: int) -> str:
    return f"{n} recording{'' if n == 1 else 's'}"
