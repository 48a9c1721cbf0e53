"""Makes a dump from an archive's public source, by the library's own script, where `infra/watch.yaml` looks for new dumps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from flows.dumps import NAME
from flows.dvc_graph import environment


def harvest(archive: str, name: str, options: dict[str, str], root: Path = Path()) -> str:
    """Run stages/harvest.py, its lines as they come, and return what to do next.

    options: those of the script, the empty ones left out. ValueError for a name that no dump can have, RuntimeError when the
    harvest broke off: the same command goes on from there.
    """
    if not NAME.match(name):
        raise ValueError(f"name {name!r}: use the archive and a date, in lower case, e.g. {archive}-2026-11.")
    out = Path("inbox") / archive / name
    words = ["--archive", archive, "--out", str(out)]
    for option, value in options.items():
        words += [f"--{option}", value] if value else []
    done = subprocess.run(
        [sys.executable, "-m", "stages.harvest", *words],
        cwd=root,
        env=environment(root),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        told = (done.stderr.strip().splitlines() or ["no message"])[-1].removeprefix("ERROR harvest: ")
        raise RuntimeError(f"{told}. What came is kept; the same command goes on from there.")
    if not (root / out).exists():
        return "Nothing is new."
    return f"Next: python -m flows add-dump {archive} {name} --source {out} --origin real"
