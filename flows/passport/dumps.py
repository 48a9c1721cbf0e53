"""The part of the walk that belongs to one dump: captions -> manifest -> shards and source -> recordings."""

from __future__ import annotations

from flows.ledger import Snapshot
from flows.passport.links import ABSENT, CHECKED, TOLD, BrokenChainError, Link, joined
from flows.passport.shelf import Shelf, fetch, read_json
from flows.passport.tables import counted

CAPTIONER = ["captioner", "model", "prompt_sha"]


def captions(shelf: Shelf, snapshot: Snapshot, name: str, row: dict) -> Link:
    """The captions of a dump, who wrote them, and the manifest they were written from. `row` is the card's."""
    below = (manifest(shelf, snapshot, name, row),)
    path = shelf.file(snapshot, captions_path(name))
    if path is None:
        return Link("captions of", name, row["captions_sha"], ABSENT, fetch(snapshot, captions_path(name)), links=below)
    shelf.sha_is(path, row["captions_sha"], f"dataset -> captions of {name}", "the card")
    writers = [
        dict(zip([*CAPTIONER, "captions"], (*key, n), strict=True)) for key, n in counted(path, CAPTIONER).items()
    ]
    note = "match; " + "; ".join(_writer(one) for one in writers)
    return Link("captions of", name, row["captions_sha"], note=note, facts={"captioners": writers}, links=below)


def manifest(shelf: Shelf, snapshot: Snapshot, name: str, row: dict) -> Link:
    """The manifest of a dump, its shards and the dump it was read from. `row` is the card's."""
    folder = manifests_path(name)
    ingested = manifest_tables(shelf, snapshot, name, row)
    if ingested is None:
        return Link("manifest of", name, row["manifest_sha"], ABSENT, fetch(snapshot, folder))
    note = f"match; {row['recordings']} recordings, {row['rejected']} rejected"
    links = (shards_of(shelf, snapshot, name, ingested["shards"]), source(shelf, snapshot, name, row))
    return Link("manifest of", name, row["manifest_sha"], note=note, links=links)


def manifest_tables(shelf: Shelf, snapshot: Snapshot, name: str, row: dict) -> dict | None:
    """ingest.json of a dump, once recordings, clips and digest are found to be the card's. None when they are not here."""
    folder = manifests_path(name)
    for table, key in (("recordings.parquet", "manifest_sha"), ("clips.parquet", "clips_sha")):
        path = shelf.file(snapshot, f"{folder}/{table}")
        if path is None:
            return None
        shelf.sha_is(path, row[key], f"dataset -> manifest of {name} ({table})", "the card")
    ingested = shelf.json(snapshot, f"{folder}/ingest.json", f"manifest of {name} -> dvc.lock")
    joined(f"manifest -> dump {name}", f"{folder}/ingest.json", ingested["digest"], row["digest"], "the card")
    return ingested


def shards_of(shelf: Shelf, snapshot: Snapshot, name: str, shas: dict[str, str], only: set[str] | None = None) -> Link:
    """The audio of a dump: every shard that is here must be the manifest's."""
    wanted = {shard: sha for shard, sha in shas.items() if only is None or shard in only}
    away = []
    for shard, sha in wanted.items():
        path = shelf.file(snapshot, f"{audio_path(name)}/{shard}")
        if path is None:
            away.append(shard)
        else:
            shelf.sha_is(path, sha, f"manifest -> shard of {name}", "the manifest")
    note = f"{len(wanted) - len(away)} of {len(wanted)} match"
    if away:
        note += f"; {', '.join(away[:3])}{' ...' if len(away) > 3 else ''} {fetch(snapshot, audio_path(name))}"
    return Link("shards of", name, state=ABSENT if away else CHECKED, note=note, facts={"sha256": wanted})


def source(shelf: Shelf, snapshot: Snapshot, name: str, row: dict) -> Link:
    """The dump itself, by its digest, and what came of its sounds."""
    known = snapshot.params.get("dumps", {}).get(name)
    if known is None:
        raise BrokenChainError(
            f"broken: manifest -> dump {name}: params.yaml of {snapshot} has no row for it, although the dataset was made from it."
        )
    recordings = Link("recordings of", name, state=TOLD, note=_recordings(shelf, snapshot, name, row))
    state, note = _source_state(shelf, snapshot, name, known["source"], row["digest"])
    facts = {**known, "digest": row["digest"]}
    return Link("dump", name, row["digest"], state, f"{note} ({row['origin']}, {row['archive']})", facts, (recordings,))


def _source_state(shelf: Shelf, snapshot: Snapshot, name: str, place: str, digest: str) -> tuple[str, str]:
    if place.endswith(".json"):
        place = (snapshot.json(place) or read_json(shelf.root / place))["source"]
    if "://" in place:
        return ABSENT, f"{place} is not on this machine: its digest stands unchecked"
    if not (shelf.root / place).exists():
        return ABSENT, f"{place} is not on this machine: its digest stands unchecked"
    if snapshot.lock.md5(place) != shelf.ledger.here.lock.md5(place):
        return ABSENT, f"{place} stands here in another state than in {snapshot}: its digest stands unchecked"
    joined(f"manifest -> dump {name}", place, shelf.digest(place), digest, "the manifest's digest")
    return CHECKED, f"{place} matches"


def _recordings(shelf: Shelf, snapshot: Snapshot, name: str, row: dict) -> str:
    people = counted(shelf.file(snapshot, f"{manifests_path(name)}/recordings.parquet"), ["recorded_by"])
    named = len([who for (who,) in people if who])
    return f"{row['recordings']} by {named} recordists. Each has its own passport: python -m flows lineage RECORDING_ID"


def _writer(one: dict) -> str:
    model = f", model {one['model']}" if one["model"] else ""
    prompt = f", prompt {one['prompt_sha'][:16]}" if one["prompt_sha"] else ", no prompt"
    return f"{one['captions']} by {one['captioner']}{model}{prompt}"


def captions_path(name: str) -> str:
    return f"data/captions/{name}.parquet"


def manifests_path(name: str) -> str:
    return f"data/manifests/{name}"


def audio_path(name: str) -> str:
    return f"data/audio/{name}"
