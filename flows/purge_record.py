"""reports/purged.json: what was withdrawn and purged, and which versions and models had seen it. People stand there as a hash."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from flows.files import write_json
from flows.ledger import PURGED
from flows.passport.links import TOLD, Link

FILE = Path(PURGED)


def add(kind: str, name: str, recordings: list[str], versions: list[dict], date: str, root: Path = Path()) -> None:
    """Append one takedown."""
    entry = {
        "date": date,
        "kind": kind,
        "name_sha256": _hash(name),
        "recordings": sorted(recordings),
        "versions": versions,
    }
    write_json(root / FILE, [*read(root), entry])


def read(root: Path = Path()) -> list[dict]:
    """Every takedown that was purged, oldest first."""
    path = root / FILE
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []


def of(name: str, root: Path = Path()) -> Link | None:
    """What is known of a recordist, licence or recording that was purged: the versions, models and scores that saw it."""
    links = []
    for entry in read(root):
        if entry["name_sha256"] != _hash(name) and name not in entry["recordings"]:
            continue
        links += [_version(one, entry["date"]) for one in entry["versions"]]
        kind = "recording" if name in entry["recordings"] else entry["kind"]
    if not links:
        return None
    return Link(kind, name, state=TOLD, note="purged; what is told here was recorded then", links=tuple(links))


def _version(version: dict, date: str) -> Link:
    scores = version["scores"]
    models = [
        Link(
            "model",
            one["name"],
            one["model_sha"],
            TOLD,
            one["how"],
            links=tuple(
                Link("score", score["name"], state=TOLD) for score in scores if score["model_sha"] == one["model_sha"]
            ),
        )
        for one in version["models"]
    ]
    told = ", ".join(f"{split} {n}" for split, n in sorted(version["splits"].items()))
    note = f"purged on {date}; recordings by split: {told or 'none'}"
    return Link("version", version["label"], version["dataset_sha"], TOLD, note, links=tuple(models))


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
