"""Taking recordings out of the dataset: what is affected, the tombstones, the next version, and the end of the old data."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from flows import purge_record
from flows.dvc_graph import dvc, environment, repro
from flows.git import git, identity
from flows.ledger import Ledger
from flows.passport import subjects
from flows.passport.backward import Desk
from flows.passport.links import ABSENT, Link
from flows.passport.runs import Runs
from flows.passport.shelf import Shelf
from flows.script import script

FOUND = Path("build/takedown.json")
AT_ONCE = 500  # ids in one command
Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What is to go: one of the three."""

    recordist: str = ""
    recording: str = ""
    licence: str = ""

    @property
    def kind(self) -> str:
        return next((name for name, value in asdict(self).items() if value), "")

    @property
    def name(self) -> str:
        return self.recordist or self.recording or self.licence

    def words(self) -> list[str]:
        return [f"--{self.kind}", self.name]


@dataclass(frozen=True)
class Affected:
    """What a takedown touches. dumps: as stages.affected tells it; versions: {dataset_sha, label, models, scores}."""

    wanted: Wanted
    dumps: dict[str, dict]
    versions: list[dict] = field(default_factory=list)
    unsearched: list[str] = field(default_factory=list)

    @property
    def recordings(self) -> list[str]:
        return [one for told in self.dumps.values() for one in told["recordings"]]


def takedown(wanted: Wanted, reason: str, write: bool, say: Say) -> Affected:
    """Say what is affected and the plan; write the tombstones unless told not to. ValueError when nothing is meant."""
    if sum(bool(one) for one in asdict(wanted).values()) != 1:
        raise ValueError("give one of --recordist NAME, --recording ID and --licence nc.")
    places = ["--manifests", "data/manifests", "--captions", "data/captions", "--animalspeak", "data/animalspeak"]
    script("affected", [*places, "--out", str(FOUND), *wanted.words()])
    found = Affected(wanted, json.loads(FOUND.read_text(encoding="utf-8")), *seen_by(wanted))
    for line in told(found):
        say(line)
    if write:
        for name, one in found.dumps.items():
            for line in withdraw(name, one["recordings"], reason):
                say(line)
        say("plan for the next version: " + ", ".join(plan(found)))
    return found


def seen_by(wanted: Wanted) -> tuple[list[dict], list[str]]:
    """(versions that hold some of them, each with models and scores; versions that are not on this machine)"""
    ids = frozenset(one for told in json.loads(FOUND.read_text()).values() for one in told["recordings"])
    with Ledger(Path()) as ledger:
        desk = Desk(ledger, Shelf(ledger), Runs(ledger))
        subject = subjects.Subject("recordist", wanted.name, ids)
        walks = [(one, subjects.in_version(desk, one, subject)) for one in ledger.versions.values()]
    held = [(version, link) for version, link in walks if link is not None]
    away = [version.label for version, link in held if link.state == ABSENT]
    return [_version(version, link) for version, link in held if link.state != ABSENT], away


def _version(version, link: Link) -> dict:
    models = [one for one in link.links if one.kind == "model"]
    return {
        "dataset_sha": version.dataset_sha,
        "label": version.label,
        "splits": link.facts["splits"],
        "models": [{"model_sha": one.sha, "name": one.name, "how": one.note.split(";")[0]} for one in models],
        "scores": [{"name": score.name, "model_sha": one.sha} for one in models for score in one.links],
    }


def told(found: Affected) -> list[str]:
    """What is affected, a line each."""
    lines = [f"{found.wanted.kind} {found.wanted.name}: {len(found.recordings)} recordings"]
    for name, one in found.dumps.items():
        copies = f" ({len(one['copies'])} of them copies under other ids)" if one["copies"] else ""
        shards = ", ".join(one["shards"]) or "no shard"
        lines.append(
            f"  dump {name}: {len(one['recordings'])} recordings{copies}, {one['hours']:.3f} h, {one['clips']} clips in {shards}, "
            f"{one['captions']} captions"
        )
    for version in found.versions:
        splits = (
            ", ".join(f"{split} {n}" for split, n in sorted(version["splits"].items())) or "left out of every split"
        )
        lines.append(f"  version {version['label']}: {splits}")
        lines += [f"    model {one['name']}: {one['how']}" for one in version["models"]]
        lines += [f"    score {one['name']}" for one in version["scores"]]
    return [*lines, *(f"  version {one}: not on this machine, not searched" for one in found.unsearched)]


def plan(found: Affected) -> list[str]:
    """The arms that make the next version, in order."""
    return [*(f"{stage}@{name}" for stage in ("ingest", "caption") for name in found.dumps), "assemble", "validate"]


def withdraw(dump: str, ids: list[str], reason: str) -> list[str]:
    """Rows of tombstones/<dump>.csv, by the library's own command; what it printed."""
    said = []
    for start in range(0, len(ids), AT_ONCE):
        words = [
            sys.executable,
            "-m",
            "biolingual.cli",
            "withdraw",
            dump,
            *ids[start : start + AT_ONCE],
            "--reason",
            reason,
        ]
        done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or done.stdout.strip())
        said += done.stdout.splitlines()
    return said


def purged(found: Affected, confirm: Callable[[str], object] | None, say: Say) -> str:
    """Make the next version, commit it with the record of what saw the withdrawn sounds, then remove every object that no
    present output needs, from DVC's cache and remote, after showing it. Nothing is removed where `confirm` raises."""
    for name, one in found.dumps.items():
        redact(name, one, say)
    for arm in plan(found):
        repro(arm, say)
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    purge_record.add(found.wanted.kind, found.wanted.name, found.recordings, found.versions, today)
    git("add", "--", "tombstones", "dvc.lock", "reports")
    message = f"Withdraw {len(found.recordings)} recordings"
    git(*identity(), "commit", "--quiet", "-m", message, "-m", "Earlier versions of the dataset are purged.")
    where = dvc("remote", "list").split()
    if where:
        dvc("push", "--jobs", "8")
    words = ["gc", "--workspace", *(["--cloud"] if where else [])]
    shown = dvc(*words, "--dry", "--force").strip()
    say(shown)
    say("Data of every version but this one goes, the weights of earlier models too; git keeps what is known of them.")
    if confirm:
        confirm("Remove all that from cache" + (" and remote?" if where else "?"))
    dvc(*words, "--force")
    left = still_there(found)
    if left:
        raise RuntimeError(f"objects of withdrawn sounds are still there: {', '.join(left)}")
    return f"{message}: purged. Machines that streamed shards keep theirs in BIOLINGUAL_SHARD_CACHE: empty it there."


def redact(name: str, one: dict, say: Say) -> None:
    """Take the sounds out of a dump that the graph itself wrote and DVC keeps; another dump is its owner's to redact."""
    files = [path for path in map(Path, one["files"]) if path.is_file()]
    if not files:
        return
    arm = f"simulate@{name}"
    with Ledger(Path()) as ledger:
        kept = bool(ledger.here.lock.md5(one["source"]))
    if not kept:
        say(f"dump {name}: {len(files)} sound files in {one['source']} are yours to remove; no later ingest takes them")
        return
    for path in files:
        path.unlink()
    dvc("commit", "--force", arm)
    say(f"dump {name}: {len(files)} sound files removed, recorded by dvc commit {arm}")


def still_there(found: Affected) -> list[str]:
    """Shards that held a withdrawn clip, by content, in DVC's cache or in the working tree."""
    old = {sha for one in found.dumps.values() for sha in one["shards"].values()}
    with Ledger(Path()) as ledger:
        shelf = Shelf(ledger)
        objects = [path for path in (shelf.cache / "files/md5").glob("??/*") if path.stat().st_size >= 1024]
        return [
            shelf.shown(path) for path in [*objects, *Path("data/audio").glob("*/*.tar")] if shelf.sha256(path) in old
        ]
