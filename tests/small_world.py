"""A copy of the working tree as its own git and DVC repository, with the graph's params shrunk: for tests that run the graph."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[1]
SMALL = {
    "simulate": {"n_recordings": 160},
    "model": {"audio_width": 16, "audio_depths": [1, 1, 1, 1], "audio_heads": [1, 2, 4, 8], "text_layers": 1},
    "pretrain": {
        "steps": 6,
        "global_batch_size": 8,
        "warmup_steps": 2,
        "batch_norm_clips": 16,
        "checkpoint_every": 3,
        "log_every": 1,
    },
    "evaluate": {"bootstrap": 50},
    "release": {"max_mean_cosine": 1.0, "max_regression": 1.0},  # six steps wake no tower
}


def clone(folder: Path, changes: dict[str, dict] | None = None) -> Path:
    """The tracked and untracked-not-ignored files of this tree in `folder`, committed, with params changed section by section."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    change_params(folder, SMALL if changes is None else changes)
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "a small world"]):
        subprocess.run(
            ["git", "-c", "user.name=test", "-c", "user.email=test@example.org", *words], cwd=folder, check=True
        )
    return folder


def copy(world: Path, folder: Path) -> Path:
    """Another repository with all that a built one holds: data, models, DVC cache."""
    shutil.copytree(world, folder, symlinks=True)
    return folder


def change_params(folder: Path, changes: dict[str, dict]) -> None:
    """Set keys of params.yaml, its comments kept."""
    yaml = YAML()
    yaml.width = 4096
    values = yaml.load((folder / "params.yaml").read_text())
    for section, keys in changes.items():
        values[section].update(keys)
    with open(folder / "params.yaml", "w") as file:
        yaml.dump(values, file)


def run(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess:
    """Run a command of the project's virtual environment in the copy; output captured."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        words,
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(folder), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def dvc(folder: Path, *words: str, **environment: str) -> str:
    """A dvc command that must succeed; its output."""
    done = run(folder, sys.executable, "-m", "dvc", *words, **environment)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def git(folder: Path, *words: str) -> str:
    """A git command that must succeed, by a committer of its own; its output."""
    done = run(folder, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
