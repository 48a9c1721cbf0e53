"""Runs a script of stages/ that is no arm of the graph."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flows.dvc_graph import environment
from flows.git import without_credentials


def script(name: str, words: list[str], root: Path = Path()) -> str:
    """What `python -m stages.NAME` printed. RuntimeError with its last line when it fails."""
    command = [sys.executable, "-m", f"stages.{name}", *words]
    done = subprocess.run(command, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
    if done.returncode:
        told = done.stderr.strip().splitlines() or [f"stages.{name} ended with {done.returncode} and said nothing"]
        raise RuntimeError(without_credentials(told[-1].removeprefix(f"ERROR {name}: ")))
    return done.stdout.rstrip()
