"""Who made what: a line in .runs/journal.jsonl for each arm that ran, for the passport. Local to a machine, not in the graph."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from flows.git import git

FILE = Path(".runs/journal.jsonl")
SPEED = Path("build/pretrain-speed.json")  # where the stage pretrain leaves what is of the machine


@dataclass
class Clock:
    seconds: float = 0.0


@contextlib.contextmanager
def timed() -> Iterator[Clock]:
    """Seconds of the block in the clock it yields."""
    clock, start = Clock(), time.monotonic()
    yield clock
    clock.seconds = round(time.monotonic() - start, 2)


def write(root: Path, arm: str, **run: object) -> None:
    """Append what an arm made (its outs by md5, from dvc.lock) and which run of which code made it."""
    line = {
        "arm": arm,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": git("rev-parse", "HEAD", root=root),
        "dirty": bool(git("status", "--porcelain", "--untracked-files=no", root=root)),
        "ray_job_id": _ray_job(root) if arm == "pretrain" else None,
        **run,
        "outs": outs(root, arm),
    }
    (root / FILE).parent.mkdir(parents=True, exist_ok=True)
    with open(root / FILE, "a", encoding="utf-8") as file:  # one write: two arms may end together
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def outs(root: Path, arm: str) -> dict[str, str]:
    """path -> md5 of what dvc.lock says an arm wrote."""
    from ruamel.yaml import YAML

    lock = YAML(typ="safe").load((root / "dvc.lock").read_text(encoding="utf-8"))
    return {out["path"]: out["md5"] for out in lock["stages"].get(arm, {}).get("outs", [])}


def _ray_job(root: Path) -> str | None:
    path = root / SPEED
    return json.loads(path.read_text(encoding="utf-8")).get("ray_job_id") if path.is_file() else None
