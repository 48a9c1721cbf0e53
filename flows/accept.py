"""Takes a candidate into the branch people work on: its rows, then the graph is rebuilt. The lock is never hand-merged."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from flows import candidate, history
from flows.dumps import TOMBSTONES
from flows.dvc_graph import DvcError, arms, dvc, repro, stale
from flows.files import write
from flows.git import git, git_file, identity
from flows.watch import candidates

BUILT = ("check", "simulate", "ingest", "caption", "assemble", "validate", "embed", "evaluate")
OURS = ("params.yaml", "dvc.lock", "reports", "dumps", "tombstones")


def accept(branch: str, say: Callable[[str], None] = print) -> str:
    """Merge a candidate; returns the commit. ValueError when it is none, is in already, or the checkout has changes of its own.

    The dataset is rebuilt and the standing model scored on it; nothing is trained. A red gate or a failing arm undoes all.
    """
    name = _checked(branch)
    before = git("rev-parse", "HEAD")
    try:
        git(*identity(), "merge", "--quiet", "--no-ff", "--no-commit", "--strategy", "ours", branch)
        _take_row(branch, name)
        bring_up_to_date(say)
        if not candidate.gate(Path())["gate"]:
            raise ValueError(f"{branch}: the gate is red on this branch, see reports/validation.html of {branch}.")
        _take_reports(branch, name, say)
        git("add", "--all", "--", *(path for path in OURS if Path(path).exists()))
        git(*identity(), "commit", "--quiet", "-m", f"Accept {branch}")
    except BaseException:
        git("reset", "--hard", "--quiet", before)
        with contextlib.suppress(DvcError):  # what the cache does not hold, the next dvc repro makes
            dvc("checkout", "--force")
        raise
    git("branch", "-D", branch)
    return git("rev-parse", "HEAD")


def _checked(branch: str) -> str:
    if branch not in candidates():
        known = ", ".join(candidates()) or "none"
        raise ValueError(f"{branch} is no complete candidate. Candidates: {known}.")
    dirty = git("status", "--porcelain", "--untracked-files=no")
    if dirty:
        raise ValueError(f"the checkout has changes of its own; commit or restore them first:\n{dirty}")
    name = branch.removeprefix("dump/")
    if name in candidate.parameters(Path())["dumps"]:
        raise ValueError(f"dump {name} is in params.yaml already.")
    return name


def _take_row(branch: str, name: str) -> None:
    """The dump's line of params.yaml as the candidate wrote it, its tombstones, and its pointer file where it is remote."""
    theirs = git("show", f"{branch}:params.yaml")
    line = next(line for line in theirs.splitlines() if line.startswith(f"  {name}: "))
    params = Path("params.yaml")
    params.write_text(params.read_text(encoding="utf-8").rstrip("\n") + f"\n{line}\n", encoding="utf-8")
    pointer, tombstones = Path(f"dumps/{name}.json"), Path(TOMBSTONES.format(name))
    for path in (pointer, tombstones):
        text = git_file(branch, str(path))
        if text is not None or path == tombstones:  # a branch from an older release has none
            path.parent.mkdir(exist_ok=True)
            path.write_text(text or "", encoding="utf-8")
            git("add", "--", str(path))  # so that an undoing reset takes it away again


def bring_up_to_date(say: Callable[[str], None]) -> None:
    """Every arm up to the scores, but no training: what `dvc repro` of each would do, in the graph's order."""
    changed, planned = stale(), []
    for arm in arms():
        if arm.stage in BUILT and (arm.name in changed or {one.name for one in planned} & set(arm.upstream)):
            planned.append(arm)
            repro(arm.name, say)


def _take_reports(branch: str, name: str, say: Callable[[str], None]) -> None:
    result = candidate.RESULT.format(name)
    write(Path(result), git("show", f"{branch}:{result}") + "\n")
    theirs = history.read(git("show", f"{branch}:{history.FILE}"))
    history.add(Path(), [row for row in theirs if row["dump"] == name])
    git("add", "--", result, str(history.FILE))
    candidate.stage(Path(), "history", ["--history", str(history.FILE), "--page", str(history.PAGE)], say)
