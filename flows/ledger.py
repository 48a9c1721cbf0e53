"""The ledger: what git's history and the working tree know of every dataset version, model and score."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flows.passport.history import Commit, History
from flows.passport.links import BrokenChainError
from flows.passport.locks import Lock, parse_lock, parse_yaml

LOCK, PARAMS = "dvc.lock", "params.yaml"
GATE, VALIDATION, TRAINING = "reports/gate.json", "reports/validation.json", "reports/training.json"
SCORES, PROVENANCE, PURGED = "reports/scores", "reports/provenance.json", "reports/purged.json"
DATASET_NAME = "animalspeak"  # of the dataset's tags, in versions whose params.yaml has no release.dataset


@dataclass(frozen=True)
class Snapshot:
    """One state of the lock, the params and the reports: a commit, or the working tree (commit "")."""

    commit: str
    branch: str
    tags: tuple[str, ...]
    read: Callable[[str], bytes | None]
    names: Callable[[str], list[str]]

    def __str__(self) -> str:
        if not self.commit:
            return "the working tree"
        where = ", ".join(self.tags) or self.branch
        return f"commit {self.commit[:8]} ({where})" if where else f"commit {self.commit[:8]}"

    @cached_property
    def lock_bytes(self) -> bytes:
        return self.read(LOCK) or b""

    @cached_property
    def lock(self) -> Lock:
        return parse_lock(self.lock_bytes)

    @cached_property
    def params(self) -> dict:
        return parse_yaml(self.read(PARAMS) or b"")

    @cached_property
    def dataset_sha(self) -> str:
        return (self.json(GATE) or {}).get("dataset_sha", "")

    @cached_property
    def training(self) -> dict:
        return self.json(TRAINING) or {}

    @property
    def dataset_name(self) -> str:
        return self.params.get("release", {}).get("dataset", DATASET_NAME)

    @property
    def model_name(self) -> str:
        return self.params.get("release", {}).get("name", "")

    def json(self, path: str) -> dict | list | None:
        """A JSON file of the snapshot; None where it has none."""
        data = self.read(path)
        try:
            return None if data is None else json.loads(data)
        except ValueError as error:
            raise BrokenChainError(f"broken: {path} of {self} cannot be read ({error}).") from error

    def md5(self, path: str) -> str:
        """The md5 of a file of git; "" where the snapshot has none."""
        data = self.read(path)
        return "" if data is None else md5(data)

    def holds(self, path: str) -> bool:
        """Whether a file of git is the one that the snapshot's dvc.lock names."""
        return self.md5(path) == self.lock.md5(path) != ""


@dataclass(frozen=True)
class Version:
    """A dataset version: its sha, its tags, and where it stands, the best place first."""

    dataset_sha: str
    snapshots: tuple[Snapshot, ...]
    tags: tuple[str, ...]
    purged: str = ""  # the date on which its data was removed for a takedown

    @property
    def best(self) -> Snapshot:
        return self.snapshots[0]

    @property
    def label(self) -> str:
        name = ", ".join(self.tags) or f"untagged {self.dataset_sha[:8]} ({self.best})"
        return f"{name}, purged {self.purged}" if self.purged else name


@dataclass(frozen=True)
class Trained:
    """A trained model: its weights' sha, the version it learnt from, its tags, and where it stands."""

    model_sha: str
    dataset_sha: str
    snapshots: tuple[Snapshot, ...]
    tags: tuple[str, ...]

    @property
    def label(self) -> str:
        return ", ".join(self.tags) or f"untagged {self.model_sha[:8]} ({self.snapshots[0]})"


@dataclass(frozen=True)
class Scored:
    """One score: its fields, its file with md5, and the snapshots that hold it."""

    score: dict
    file: str
    md5: str
    snapshots: tuple[Snapshot, ...]


class Ledger:
    """Every snapshot, the working tree first, then commits from the newest. Offline; close() ends the git process."""

    def __init__(self, root: Path):
        self.root = root
        self.history = History(root)

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_) -> None:
        self.history.close()

    @cached_property
    def here(self) -> Snapshot:
        """The working tree."""
        return Snapshot("", "", (), self._read, self._names)

    @cached_property
    def snapshots(self) -> list[Snapshot]:
        return [self.here, *map(self._snapshot, self.history.commits(LOCK, PARAMS, "reports"))]

    @cached_property
    def versions(self) -> dict[str, Version]:
        """{dataset_sha: Version}, the newest first. A snapshot whose gate is not its lock's says nothing of a version."""
        found = _standing(self.snapshots, lambda one: one.dataset_sha, GATE)
        gone = {sha: entry["date"] for entry in self.here.json(PURGED) or [] for sha in map(_sha, entry["versions"])}
        return {sha: Version(sha, ones, _tags(ones, "dataset_name"), gone.get(sha, "")) for sha, ones in found.items()}

    @cached_property
    def models(self) -> dict[str, Trained]:
        """{model_sha: Trained}, the newest first."""
        found = _standing(self.snapshots, lambda one: one.training.get("model_sha", ""), TRAINING)
        return {
            sha: Trained(sha, ones[0].training["dataset_sha"], ones, _tags(ones, "model_name"))
            for sha, ones in found.items()
        }

    @cached_property
    def scores(self) -> list[Scored]:
        """Every score that the lock beside it vouches for. BrokenChainError when a score here is not the lock's;
        a commit's is left out: what its arm wrote is not what was committed, so it is no score."""
        files = sorted({f"{SCORES}/{name}" for one in self.snapshots for name in one.names(SCORES)})
        found = []
        for file in (name for name in files if name.endswith(".json")):
            if self.here.read(file) is not None and not self.here.holds(file):
                raise BrokenChainError(f"broken: score file: {file} is not what dvc.lock says. Run: dvc repro")
            for sum_, ones in _standing(self.snapshots, lambda one, file=file: one.md5(file), file).items():
                found += [Scored(score, file, sum_, ones) for score in ones[0].json(file).values()]
        return found

    def first_with(self, md5: str) -> Snapshot | None:
        """The oldest commit whose dvc.lock names an md5: when a result came into git."""
        wanted = md5.encode()
        return next((one for one in reversed(self.snapshots[1:]) if wanted in one.lock_bytes), None)

    def tagged(self, tag: str) -> Snapshot | None:
        """The commit of a version tag."""
        return next((one for one in self.snapshots if tag in one.tags), None)

    def at(self, sha: str) -> Snapshot:
        """A commit, whatever it changed."""
        known = next((one for one in self.snapshots if one.commit == sha), None)
        return known or self._snapshot(Commit(sha, 0, "", ()))

    def _snapshot(self, commit: Commit) -> Snapshot:
        return Snapshot(
            commit.sha,
            commit.branch,
            commit.tags,
            lambda path: self.history.read(commit.sha, path),
            lambda folder: self.history.names(commit.sha, folder),
        )

    def _read(self, path: str) -> bytes | None:
        return (self.root / path).read_bytes() if (self.root / path).is_file() else None

    def _names(self, folder: str) -> list[str]:
        return sorted(one.name for one in (self.root / folder).glob("*"))


def scores_on(root: Path, dataset_sha: str) -> list[dict]:
    """Every score on a dataset version, in the working tree or in git: the Score's fields and where it stands.

    An empty list means UNSCORED: such a version cannot be released. BrokenChainError when a score here is not dvc.lock's.
    """
    with Ledger(root) as ledger:
        return [
            {**one.score, "file": one.file, "md5": one.md5, "commit": one.snapshots[0].commit}
            for one in ledger.scores
            if one.score["dataset_sha"] == dataset_sha
        ]


def _sha(version: dict) -> str:
    return version["dataset_sha"]


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def _standing(snapshots: list[Snapshot], key: Callable[[Snapshot], str], path: str) -> dict[str, tuple[Snapshot, ...]]:
    """{key: snapshots}: the working tree first, then tagged commits, then the others, each from the newest.

    The first of each, and every tagged one, has a lock that vouches for `path`; reading every commit's lock would be slow.
    """
    groups: dict[str, list[Snapshot]] = {}
    for one in snapshots:
        if name := key(one):
            groups.setdefault(name, []).append(one)
    found = {}
    for name, ones in groups.items():
        ordered = [one for one in ones if not one.tags or one.holds(path)]
        ordered.sort(key=lambda one: (bool(one.commit), not one.tags))
        first = next((at for at, one in enumerate(ordered) if one.holds(path)), len(ordered))
        if ordered[first:]:
            found[name] = tuple(ordered[first:])
    return found


def _tags(snapshots: list[Snapshot], name: str) -> tuple[str, ...]:
    return tuple(sorted({tag for one in snapshots for tag in one.tags if tag.rpartition("@")[0] == getattr(one, name)}))
