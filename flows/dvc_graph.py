"""Reads DVC's graph and runs one arm of it, through the dvc command alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from biolingual.processes import end_with_parent  # what every process of ours does; no science in it

NODE = re.compile(r'^"([^"]+)";$')
EDGE = re.compile(r'^"([^"]+)" -> "([^"]+)";$')
RUNNING: set[subprocess.Popen] = set()  # the dvc commands of this process, so that a cancelled flow can end them
GRACE_S = 10
BUSY = "it is being blocked by"  # what DVC says when another command holds a path
BUSY_POLL_S = 2
# DVC's advice, with the commands under it: no news of an arm.
HINTS = ("To track the changes with git", "To enable auto staging", "Use `dvc push`", "\tgit add ", "\tdvc config ")


class DvcError(RuntimeError):
    """A dvc command that failed; the text is dvc's own last lines."""


class BusyError(DvcError):
    """Another command is at work on the same files. DVC's --wait-for-lock waits for its own lock, not for that."""


@dataclass(frozen=True)
class Arm:
    """One node of the graph: "ingest@xeno_canto-2026-01", its stage "ingest", and the arms it waits for."""

    name: str
    upstream: tuple[str, ...]

    @property
    def stage(self) -> str:
        return self.name.split("@")[0]


def environment(root: Path = Path()) -> dict[str, str]:
    """This process's environment with its own Python first, so that `python` in dvc.yaml is the one that runs us.

    The project itself comes first on Python's path: a worktree runs its own code, not the installed checkout's.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    here = [str(root.resolve()), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PATH": path, "PYTHONPATH": os.pathsep.join(here), "PYTHONUNBUFFERED": "1"}


def dvc(*words: str, root: Path = Path()) -> str:
    """Run a dvc command in a checkout and return what it printed. DvcError carries its message.

    While another command is at work on the same files it waits, without an end: a training may take days.
    """
    waiting = False
    while True:
        try:
            return _dvc_once(*words, root=root)
        except BusyError as busy:
            if not waiting:
                print(f"waiting for another dvc command in this checkout: {busy}", flush=True)
            waiting = True
            time.sleep(BUSY_POLL_S)


def _dvc_once(*words: str, root: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        env=environment(root),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=end_with_parent,
    )
    if done.returncode:
        kind = BusyError if BUSY in done.stderr else DvcError
        raise kind(f"dvc {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def arms(target: str | None = None, root: Path = Path()) -> list[Arm]:
    """The arms of the graph (upstream of `target`, itself included), each after those it waits for."""
    return parse_dot(dvc("dag", "--dot", *([target] if target else []), root=root))


def stale(target: str | None = None, root: Path = Path(), allow_missing: bool = False) -> set[str]:
    """The arms that `dvc status` calls changed, by one command. With `allow_missing`, data that is merely not here is no change."""
    words = ["status", "--json", *(["--with-deps", target] if target else [])]
    # --wait-for-lock: another run may be writing dvc.lock just now.
    found = json.loads(dvc("--wait-for-lock", *words, root=root))
    return {_short(name) for name, changes in found.items() if not (allow_missing and _only_missing(changes))}


def _only_missing(changes: list) -> bool:
    """Whether each change of an arm is a file that is not on this machine."""
    states = [
        state
        for change in changes
        for kind, entries in (change.items() if isinstance(change, dict) else [(change, {"": change})])
        for state in (entries.values() if isinstance(entries, dict) and kind.startswith("changed ") else [kind])
    ]
    return all(state in ("deleted", "not in cache") for state in states)


def parse_dot(text: str) -> list[Arm]:
    """`dvc dag --dot` -> arms in an order that respects the edges."""
    upstream: dict[str, list[str]] = {}
    for line in map(str.strip, text.splitlines()):
        if node := NODE.match(line):
            upstream.setdefault(_short(node.group(1)), [])
        elif edge := EDGE.match(line):
            before, after = map(_short, edge.groups())
            upstream.setdefault(before, [])
            upstream.setdefault(after, []).append(before)
    ordered: dict[str, Arm] = {}

    def visit(name: str) -> None:
        if name not in ordered:
            for before in sorted(upstream[name]):
                visit(before)
            ordered[name] = Arm(name, tuple(sorted(upstream[name])))

    for name in sorted(upstream):
        visit(name)
    return list(ordered.values())


def _short(name: str) -> str:
    return name.removeprefix("dvc.yaml:")


def repro(
    arm: str,
    say: Callable[[str], None],
    root: Path = Path(),
    allow_missing: bool = False,
    timeout_s: float | None = None,
) -> bool:
    """Reproduce one arm, its output line by line to `say`; True when its stage ran or came from the run cache.

    DvcError with the last lines when it fails or takes longer than `timeout_s`. The dvc command ends with this process, and
    its stage with it. While another run works on the same files this one waits for it.
    """
    started, told = time.monotonic(), False
    while True:
        left = None if timeout_s is None else timeout_s - (time.monotonic() - started)
        try:
            return _repro_once(arm, say, root, allow_missing, left)
        except BusyError as error:
            if left is not None and left < BUSY_POLL_S:
                raise
            if not told:
                say(f"waiting for another run: {error}")
            told = True
            time.sleep(BUSY_POLL_S)


def _repro_once(arm: str, say: Callable[[str], None], root: Path, allow_missing: bool, timeout_s: float | None) -> bool:
    words = ["--wait-for-lock", "repro", "--single-item", *(["--allow-missing"] if allow_missing else []), arm]
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", *words],
        cwd=root,
        env=environment(root),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        preexec_fn=end_with_parent,
    )
    RUNNING.add(process)
    late = threading.Event()
    watchdog = threading.Timer(timeout_s or 0, lambda: (late.set(), end([process])))
    if timeout_s:
        watchdog.start()
    last: list[str] = []
    ran = busy = False
    try:
        for line in process.stdout:
            busy = busy or BUSY in line
            if busy:
                last.append(line.rstrip())
            elif line.strip() and not line.startswith(HINTS):
                say(line.rstrip())
                last = [*last[-19:], line.rstrip()]
                ran = ran or line.startswith("Running stage") or "is cached" in line
        if process.wait():
            if busy:
                raise BusyError(" ".join(" ".join(last).split()[-40:]))
            if late.is_set():
                raise DvcError(f"{arm} took longer than {round(timeout_s, 1):g} s (flows/policy.py) and was ended")
            raise DvcError(f"{arm} failed (exit code {process.returncode}):\n" + "\n".join(last))
        return ran
    finally:
        watchdog.cancel()
        if late.is_set():
            watchdog.join()  # all that the arm started has ended when we return
        end([process])
        RUNNING.discard(process)


def end(processes: Iterable[subprocess.Popen]) -> None:
    """End processes that still run and all that they started: SIGTERM, after a grace SIGKILL."""
    living = [process for process in processes if process.poll() is None]
    started = [child for process in living for child in _children(process.pid)]
    for process in [*living, *started]:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    for process in living:
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    deadline = time.monotonic() + GRACE_S
    while any(map(_lives, started)) and time.monotonic() < deadline:
        time.sleep(0.02)
    for child in filter(_lives, started):
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _lives(process: psutil.Process) -> bool:
    """Not by waiting for it: in a container nobody may reap what has lost its parent."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _children(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
