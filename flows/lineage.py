"""The passport: from a score back to its dumps, every joint checked by hash."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from flows.dvc_graph import environment


class BrokenChainError(ValueError):
    """A joint of the passport that does not hold; the text begins with "broken:" and names it."""


@dataclass(frozen=True)
class Link:
    """One step of the walk: what it is, its hash, and how that was checked."""

    depth: int
    what: str
    sha: str
    note: str

    def __str__(self) -> str:
        return f"{'  ' * self.depth}{self.what}  {self.sha[:16]}  {self.note}"


def walk(score_file: Path, root: Path = Path()) -> list[Link]:
    """score -> model -> dataset -> dumps, as links in reading order. BrokenChainError names the first joint that fails."""
    lock = _lock(root)
    _joined(
        "score file",
        score_file.as_posix(),
        _md5(root / score_file),
        _locked_md5(lock, score_file.as_posix()),
        "dvc.lock",
    )
    links = []
    for origin, score in _json(root / score_file).items():
        value = f"{score['primary']} {score['value']:.4f}"
        links.append(
            Link(0, f"score {score['task']} on {origin} sounds: {value}", _md5(root / score_file), "= dvc.lock")
        )
        links += _model(root, score)
    return links


def _model(root: Path, score: dict) -> list[Link]:
    folder = root / _params(root)["evaluate"]["model"]
    weights = folder / "model.safetensors"
    _joined("score -> model", weights, _sha256(weights), score["model_sha"], "the score's model_sha")
    links = [
        Link(
            1,
            f"model {folder.relative_to(root)}",
            score["model_sha"],
            f"weights match; heard {score['model_origin']} sounds",
        )
    ]
    passport = folder / "lineage.json"
    if not passport.is_file():
        raise BrokenChainError(f"broken: {folder} has no lineage.json: this model was not trained here.")
    trained = _json(passport)
    _joined("model -> lineage.json", passport, trained["model_sha"], score["model_sha"], "the score's model_sha")
    return links + _dataset(root, trained["dataset_sha"], score["dataset_sha"])


def _dataset(root: Path, trained_on: str, scored_on: str) -> list[Link]:
    pairs = root / "data/animalspeak/pairs.parquet"
    found = _sha256(pairs)
    _joined("model -> dataset", pairs, found, trained_on, "the model's dataset_sha")
    _joined("score -> dataset", pairs, found, scored_on, "the score's dataset_sha")
    card = _json(root / "data/animalspeak/card.json")
    _joined("dataset -> card", "data/animalspeak/card.json", card["dataset_sha"], found, "pairs.parquet")
    gate = _json(root / "reports/gate.json")
    _joined("dataset -> gate", "reports/gate.json", gate["dataset_sha"], found, "pairs.parquet")
    note = f"{card['recordings']} recordings; gate {'green' if gate['passed'] else 'RED'}"
    links = [Link(2, "dataset data/animalspeak", found, note)]
    for name, dump in card["dumps"].items():
        links += _dump(root, name, dump)
    return links


def _dump(root: Path, name: str, dump: dict) -> list[Link]:
    manifests = root / "data/manifests" / name
    for table, key in (("recordings.parquet", "manifest_sha"), ("clips.parquet", "clips_sha")):
        _joined(f"dataset -> manifest of {name}", manifests / table, _sha256(manifests / table), dump[key], "the card")
    captions = root / "data/captions" / f"{name}.parquet"
    _joined(f"dataset -> captions of {name}", captions, _sha256(captions), dump["captions_sha"], "the card")
    ingested = _json(manifests / "ingest.json")
    _joined(f"manifest -> dump {name}", manifests / "ingest.json", ingested["digest"], dump["digest"], "the card")
    links = [
        Link(3, f"captions of {name}", dump["captions_sha"], "match"),
        Link(
            3,
            f"manifest of {name}",
            dump["manifest_sha"],
            f"match; {dump['recordings']} recordings, {dump['rejected']} rejected",
        ),
    ]
    here = 0
    for shard, sha in ingested["shards"].items():
        path = root / "data/audio" / name / shard
        if path.is_file():
            _joined(f"manifest -> shard of {name}", path, _sha256(path), sha, "the manifest")
            here += 1
    links.append(Link(4, f"audio of {name}", "", f"{here} of {len(ingested['shards'])} shards are here and match"))
    return [*links, _source(root, name, dump)]


def _source(root: Path, name: str, dump: dict) -> Link:
    row = _params(root)["dumps"].get(name)
    if row is None:
        raise BrokenChainError(f"broken: dump {name} has no row in params.yaml, although the dataset was made from it.")
    source = row["source"]
    if source.endswith(".json"):
        source = _json(root / source)["source"]
    if "://" not in source and not (root / source).exists():
        return Link(4, f"dump {name}", dump["digest"], f"{source} is not on this machine: its digest stands unchecked")
    found = _digest(root, source)
    _joined(f"manifest -> dump {name}", source, found, dump["digest"], "the manifest's digest")
    return Link(
        4,
        f"dump {name}",
        dump["digest"].removeprefix("sha256:"),
        f"{source} matches ({dump['origin']}, {dump['archive']})",
    )


def _joined(joint: str, where: object, found: str, expected: str, whose: str) -> None:
    if found != expected:
        raise BrokenChainError(f"broken: {joint}: {where} has {found[:23]}, {whose} says {expected[:23]}.")


def _lock(root: Path) -> dict:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load((root / "dvc.lock").read_text(encoding="utf-8"))


def _params(root: Path) -> dict:
    from ruamel.yaml import YAML

    return YAML(typ="safe").load((root / "params.yaml").read_text(encoding="utf-8"))


def _locked_md5(lock: dict, path: str) -> str:
    for stage in lock["stages"].values():
        for out in stage.get("outs", []):
            if out["path"] == path:
                return out["md5"]
    raise BrokenChainError(f"broken: dvc.lock does not know {path}: no stage wrote it. Run: dvc repro")


def _json(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BrokenChainError(f"broken: {path} cannot be read ({error}).") from error


def _hash(path: Path, algorithm: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, algorithm).hexdigest()
    except OSError as error:
        raise BrokenChainError(f"broken: {path} is missing. Bring it back: dvc checkout, or dvc pull.") from error


def _sha256(path: Path) -> str:
    return _hash(path, "sha256")


def _md5(path: Path) -> str:
    return _hash(path, "md5")


def _digest(root: Path, source: str) -> str:
    words = [sys.executable, "-m", "biolingual.cli", "digest", source]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False, cwd=root)
    if done.returncode:
        raise BrokenChainError(f"broken: {source} cannot be read: {done.stderr.strip()}")
    return done.stdout.strip()
