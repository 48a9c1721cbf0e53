"""Looks where dumps land and tells the new from the known, the half-written and the broken. Changes nothing but its own notes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from flows.dumps import NAME
from flows.dvc_graph import environment
from flows.files import write_json
from flows.git import git

FILE = Path("infra/watch.yaml")
NOTES = Path(".runs/watch.json")  # url -> what was said of it, so that the same thing is looked at and said once
UNFINISHED = re.compile(r"(^\.|\.(part|partial|tmp|crdownload|download)$)")
STATES = ("new", "known", "unfinished", "changed", "broken", "waiting")


@dataclass(frozen=True)
class Source:
    """One line of infra/watch.yaml."""

    archive: str
    kind: str  # folder | http | api
    location: str
    origin: str
    checklist: str
    license: str
    settle_s: float
    url: str = ""
    count: str = ""
    harvest: str = ""


@dataclass(frozen=True)
class Seen:
    """A dump that lies in a watched place, and what to make of it."""

    name: str
    url: str
    state: str  # one of STATES
    reason: str
    source: Source
    digest: str = ""
    signature: list = field(default_factory=list)


def sources(path: Path = FILE) -> list[Source]:
    """The watched places. ValueError names the line that is not one."""
    from ruamel.yaml import YAML

    if not path.is_file():
        raise ValueError(f"{path} does not exist: there is nothing to watch. See infra/watch.yaml of the project.")
    found = []
    for number, row in enumerate(YAML(typ="safe").load(path.read_text(encoding="utf-8"))["sources"], 1):
        try:
            source = Source(**{key: _filled(value) for key, value in row.items()})
        except TypeError as error:
            raise ValueError(f"{path}, source {number}: {str(error).replace('Source.__init__() ', '')}") from error
        if source.kind not in ("folder", "http", "api"):
            raise ValueError(f"{path}, source {number}: kind {source.kind!r} is not one of folder, http, api.")
        if source.kind == "http" and "://" in source.location:
            raise ValueError(
                f"{path}, source {number}: what is fetched lands in a folder here, not in {source.location}."
            )
        found.append(source)
    return found


def look(path: Path = FILE, notes: Path = NOTES) -> list[Seen]:
    """Every dump in every watched place. What was known, broken or changed before and is the same since is not said again."""
    from flows.fetch import refresh

    told = json.loads(notes.read_text(encoding="utf-8")) if notes.is_file() else {}
    rows, found = known_rows(), []
    for source in sources(path):
        if source.kind != "folder":
            found += refresh(source, told)
        try:
            landed = _landed(source.location)
        except ValueError as error:  # the other places are still looked at
            found.append(Seen(source.archive, source.location, "waiting", str(error), source))
            continue
        for item in landed:
            seen = judge(item, source, rows, told.get(item["url"], {}))
            if seen is not None:
                found.append(seen)
                if seen.state == "new":
                    rows[seen.name] = seen.digest  # the same content twice in one look is one dump
    write_json(notes, told | {one.url: _note(one) for one in found if one.state in ("known", "broken", "changed")})
    return found


def judge(item: dict, source: Source, rows: dict[str, str], note: dict) -> Seen | None:
    """What to make of one landed thing; None when it was said before and nothing has changed since."""
    name = item["name"].removesuffix(".zip").lower()
    # What the judgement rests on: another licence in watch.yaml, or a row that is gone again, is judged anew.
    signature = [item["files"], item["size"], item["newest"], source.archive, source.license, rows.get(name)]
    if note.get("signature") == signature:
        return None

    def seen(state: str, reason: str, digest: str = "") -> Seen:
        return Seen(name, item["url"], state, reason, source, digest, signature)

    if UNFINISHED.search(item["name"]):
        return seen("unfinished", "its name says that it is still being written")
    if item["files"] == 0 or time.time() - item["newest"] < source.settle_s:
        return seen("unfinished", f"it is empty or has changed within the last {source.settle_s:g} s")
    if not NAME.match(name):
        return seen("broken", f"its name must be the archive and a date in lower case, e.g. {source.archive}-2026-11")
    try:
        digest = inspected(source, item["url"])
    except ValueError as error:
        return seen("broken", str(error))
    if name in rows:
        if rows[name] not in ("", digest):
            reason = (
                "it has another content than the dump of this name: a dump is immutable, give the new state a new name"
            )
            return seen("changed", reason, digest)
        return seen("known", "it was seen before", digest)
    twin = next((other for other, known in rows.items() if known == digest), "")
    if twin:
        return seen("known", f"it is the same as {twin}", digest)
    return seen("new", "", digest)


def known_rows() -> dict[str, str]:
    """Dump -> digest over this branch and every candidate's."""
    from ruamel.yaml import YAML

    texts = [Path("params.yaml").read_text(encoding="utf-8")]
    texts += [git("show", f"{branch}:params.yaml") for branch in candidates()]
    return {name: row["digest"] for text in texts for name, row in YAML(typ="safe").load(text)["dumps"].items()}


def candidates() -> list[str]:
    """The branches dump/<name> whose candidate is complete, oldest first."""
    lines = git(
        "for-each-ref", "--sort=committerdate", "--format=%(refname:short)\t%(subject)", "refs/heads/dump/"
    ).splitlines()
    return [line.split("\t")[0] for line in lines if line.split("\t")[1].startswith("Candidate ")]


def inspected(source: Source, url: str) -> str:
    """The digest of a dump that its archive's reader takes. ValueError with the reader's one line when it refuses."""
    words = ["inspect-dump", source.archive, url, "--license", source.license]
    return json.loads(_biolingual(*words))["digest"]


def _landed(location: str) -> list[dict]:
    return json.loads(_biolingual("landed", location))


def _biolingual(*words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "biolingual.cli", *words],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ValueError((done.stderr.strip().splitlines() or ["no message"])[-1].removeprefix("ERROR: "))
    return done.stdout


def _filled(value):
    return re.sub(r"\$\{(\w+)\}", _variable, value) if isinstance(value, str) else value


def _variable(match: re.Match) -> str:
    if match.group(1) not in os.environ:
        raise ValueError(f"infra/watch.yaml asks for the environment variable {match.group(1)}, which is not set.")
    return os.environ[match.group(1)]


def _note(one: Seen) -> dict:
    return {"state": one.state, "reason": one.reason, "signature": one.signature}
