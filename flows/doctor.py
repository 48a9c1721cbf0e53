"""Finds what a hard kill left behind, says who holds what, and frees what is dead. Nothing living is touched.

DVC keeps who reads and writes which path in .dvc/tmp/rwlock, as process ids; the kernel frees its other locks by itself. A
kill in the middle of a write can leave that file or dvc.lock cut off; both are restored here, before anything runs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from flows.files import write
from flows.git import git_file

TMP = Path(".dvc/tmp")
RWLOCK = TMP / "rwlock"
PATIENCE_S = 20
LOCK = Path("dvc.lock")
GOOD_LOCK = Path(".runs/dvc.lock")  # the last dvc.lock that a flow saw whole


@dataclass(frozen=True)
class Holder:
    """A process that holds a path of the graph in DVC's lock."""

    pid: int
    command: str
    path: str
    mode: str  # read | write
    alive: bool

    def __str__(self) -> str:
        state = "runs" if self.alive else "is dead"
        return f"{self.path}: {self.mode} by process {self.pid} ({self.command}), which {state}"


def holders(root: Path = Path()) -> list[Holder]:
    """Who DVC's lock file names; ValueError when the file is cut off."""
    path = root / RWLOCK
    if not path.is_file():
        return []
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is cut off: {error}") from error
    found = []
    for mode in ("write", "read"):
        for target, infos in held.get(mode, {}).items():
            for info in infos if isinstance(infos, list) else [infos]:
                if info:
                    found.append(Holder(info["pid"], info["cmd"], _shown(target, root), mode, is_dvc(info["pid"])))
    return found


def is_dvc(pid: int) -> bool:
    """Whether a living process is a dvc command: a recycled process id is not the one that took the lock."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and _runs_dvc(process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _runs_dvc(words: list[str]) -> bool:
    """`python -m dvc ...` or `.../bin/dvc ...`; not an editor that has dvc.yaml open."""
    return any(word == "dvc" or word.endswith("/dvc") for word in words)


def heal(root: Path = Path()) -> list[str]:
    """Free what dead processes hold and restore what a kill cut off; one line for each thing done.

    Each file is touched under the lock that dvc itself takes for it, so a living command is never cut in on.
    """
    if not (root / TMP).is_dir():
        return []
    with _held(root / TMP / "rwlock.lock") as mine:
        done = _heal_rwlock(root) if mine else []
    with _held(root / TMP / "lock") as mine:
        return done + (_heal_dvc_lock(root) if mine else [])


@contextlib.contextmanager
def _held(path: Path) -> Iterator[bool]:
    """Hold one of dvc's file locks; False when somebody living keeps it all the while."""
    deadline = time.monotonic() + PATIENCE_S
    with open(path, "a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.1)
        yield True


def _heal_rwlock(root: Path) -> list[str]:
    path = root / RWLOCK
    try:
        dead = [holder for holder in holders(root) if not holder.alive]
    except ValueError as error:
        path.unlink()
        return [f"{error}: removed; DVC writes it anew"]
    if not dead:
        return []
    gone = {holder.pid for holder in dead}
    held = json.loads(path.read_text(encoding="utf-8"))
    held["write"] = {target: info for target, info in held.get("write", {}).items() if info.get("pid") not in gone}
    readers = {
        target: [info for info in infos if info["pid"] not in gone] for target, infos in held.get("read", {}).items()
    }
    held["read"] = {target: infos for target, infos in readers.items() if infos}
    write(path, json.dumps(held))
    paths = {pid: [holder.path for holder in dead if holder.pid == pid] for pid in gone}
    commands = {holder.pid: holder.command for holder in dead}
    return [f"freed {_several(paths[pid])} of process {pid}, which is gone: {commands[pid]}" for pid in sorted(gone)]


def _heal_dvc_lock(root: Path) -> list[str]:
    path, good = root / LOCK, root / GOOD_LOCK
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    committed = git_file("HEAD", str(LOCK), root)
    if text.endswith("\n") and _arms(text) is not None and _arms(text) >= (_arms(committed or "") or set()):
        write(good, text)
        return []
    if good.is_file():
        write(path, good.read_text(encoding="utf-8"))
        return [f"{LOCK} was cut off: restored from {GOOD_LOCK}"]
    if committed is None:
        raise ValueError(f"{LOCK} is cut off and git does not know it. Delete it; the next run writes it anew.")
    write(path, committed)
    return [f"{LOCK} was cut off: restored from git"]


def _arms(lock: str) -> set[str] | None:
    """The arms of a lock's text; None where it is not whole YAML. A text cut at a line's end shows by the arms it lacks."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        stages = (YAML(typ="safe").load(lock) or {}).get("stages")
    except (YAMLError, AttributeError):
        return None
    if not isinstance(stages, dict) or not all(
        isinstance(stage, dict) and stage.get("outs") for stage in stages.values()
    ):
        return None
    return set(stages)


def processes(root: Path = Path()) -> list[psutil.Process]:
    """The dvc commands and stages that run in this checkout."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            ours = _runs_dvc(words) or any(word.startswith("stages.") for word in words)
            if ours and os.path.samefile(process.cwd(), root):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def report(root: Path = Path()) -> list[str]:
    """What `python -m flows doctor` prints: what was freed, then who is at work."""
    lines = [f"done: {line}" for line in heal(root)]
    lines += [f"at work: process {one.pid}: {' '.join(one.cmdline())[:120]}" for one in processes(root)]
    lines += [f"held: {holder}" for holder in holders(root)]
    return lines or ["nothing is held and nothing runs here"]


def _several(paths: list[str]) -> str:
    return ", ".join(paths[:3]) + (f" and {len(paths) - 3} more" if len(paths) > 3 else "")


def _shown(target: str, root: Path) -> str:
    return os.path.relpath(target, root.resolve()) if os.path.isabs(target) else target
