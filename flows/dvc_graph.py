"""Reads DVC's graph and runs one arm of it, through the dvc command alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

NODE = re.compile(r'^"([^"]+)";$')
EDGE = re.compile(r'^"([^"]+)" -> "([^"]+)";$')


class DvcError(RuntimeError):
    """A dvc command that failed; the text is dvc's own last lines."""


@dataclass(frozen=True)
class Arm:
    """One node of the graph: "ingest@xeno_canto-2026-01", its stage "ingest", and the arms it waits for."""

    name: str
    upstream: tuple[str, ...]

    @property
    def stage(self) -> str:
        return self.name.split("@")[0]


def environment() -> dict[str, str]:
    """This process's environment with its own Python first, so that `python` in dvc.yaml is the one that runs us."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1"}


def dvc(*words: str) -> str:
    """Run a dvc command and return what it printed. DvcError carries its message."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words], env=environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise DvcError(f"dvc {' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def arms(target: str | None = None) -> list[Arm]:
    """The arms of the graph (upstream of `target`, itself included), each after those it waits for."""
    return parse_dot(dvc("dag", "--dot", *([target] if target else [])))


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


def repro(arm: str, say: Callable[[str], None]) -> None:
    """Reproduce one arm, its output line by line to `say`. DvcError with the last lines when it fails.

    The child is ended when this thread is interrupted; dvc in turn is the parent its stage dies with.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "--wait-for-lock", "repro", "--single-item", arm],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    last: list[str] = []
    try:
        for line in process.stdout:
            if line.strip():
                say(line.rstrip())
                last = [*last[-19:], line.rstrip()]
        if process.wait():
            raise DvcError(f"{arm} failed (exit code {process.returncode}):\n" + "\n".join(last))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
