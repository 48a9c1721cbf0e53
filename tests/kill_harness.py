"""Hard kills at random moments, for every part of the project that claims to survive them.

A `Victim` says which processes to look for; `strike` kills one of them with SIGKILL at a given moment of a running command.
What must hold afterwards is the caller's to say.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_S = 0.05


@dataclass(frozen=True)
class Victim:
    """A kind of process and how to recognise it by its command line."""

    name: str
    is_one: Callable[[list[str]], bool]


STAGE = Victim("stage", lambda words: any(word.startswith("stages.") for word in words))
DVC = Victim("dvc", lambda words: "dvc" in words and "repro" in words)
WORKER = Victim("worker", lambda words: "prefect" in words and "worker" in words and "start" in words)
SERVER = Victim("server", lambda words: "prefect" in words and "server" in words and "start" in words)
FLOW = Victim("flow run", lambda words: any("flow_engine" in word or word == "prefect.engine" for word in words))


def processes(folder: Path, victim: Victim | None = None) -> list[psutil.Process]:
    """The living processes that work in `folder`, of one kind or of all."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            inside = Path(process.cwd()) == folder.resolve() and process.status() != psutil.STATUS_ZOMBIE
            if inside and process.pid != os.getpid() and (victim is None or victim.is_one(process.cmdline())):
                found.append(process)
    return found


def strike(folder: Path, victim: Victim, after_s: float, command: subprocess.Popen, draw: random.Random) -> str:
    """Wait `after_s`, then SIGKILL one process of the kind (the first that appears while `command` runs); says what died."""
    time.sleep(after_s)
    while True:
        if living := processes(folder, victim):
            chosen = draw.choice(sorted(living, key=lambda process: process.pid))
            with contextlib.suppress(psutil.NoSuchProcess):
                words = " ".join(chosen.cmdline())
                os.kill(chosen.pid, signal.SIGKILL)
                return f"{victim.name} ({words[-90:]})"
        if command.poll() is not None:
            return f"{victim.name}: none was left, the command had ended"
        time.sleep(POLL_S)


def orphans(folder: Path) -> list[str]:
    """Stages in `folder` that no dvc command is above: they have outlived it."""
    found = []
    for process in processes(folder, STAGE):
        with contextlib.suppress(psutil.NoSuchProcess):
            if not any(DVC.is_one(parent.cmdline()) for parent in process.parents()):
                found.append(" ".join(process.cmdline()))
    return found


def no_orphans_within(folder: Path, seconds: float) -> bool:
    """Whether every stage has a living dvc above it, at the latest after `seconds`."""
    deadline = time.monotonic() + seconds
    while orphans(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


@contextlib.contextmanager
def running(words: list[str], folder: Path, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen]:
    """A command in the background with its log; ended with the block."""
    with open(log, "ab") as file:
        process = subprocess.Popen(words, cwd=folder, env=environment, stdout=file, stderr=file)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def kill_all(found: list[psutil.Process]) -> None:
    """SIGKILL processes and wait until they are gone."""
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=20)
