"""The difference of two dataset versions by their git revisions: their tables come from the checkout, DVC's cache or its remote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from flows.dvc_graph import DvcError, dvc
from flows.git import git
from flows.ledger import Ledger, Snapshot
from flows.passport.backward import PAIRS
from flows.passport.shelf import Shelf
from flows.script import script

FETCHED = Path("build/versions")


def difference(before: str, after: str, out: Path) -> str:
    """The report in words. ValueError where a version cannot be had; RuntimeError where a recording moved between splits."""
    with Ledger(Path()) as ledger:
        tables = [pairs(ledger, one) for one in (before, after)]
    words = ["--before", str(tables[0]), "--after", str(tables[1]), "--out", str(out)]
    names = ["--before-name", named(before), "--after-name", named(after)]
    told = script("difference", [*words, "--page", str(out.with_suffix(".html")), *names])
    moved = json.loads(out.read_text(encoding="utf-8"))["moved"]
    if moved:
        raise RuntimeError(
            f"{told}\n{moved} recordings moved between splits: the split rule or its params were changed."
        )
    return f"{told}\n{out}, {out.with_suffix('.html')}"


def named(revision: str) -> str:
    return "the working tree" if revision == "." else revision


def pairs(ledger: Ledger, revision: str) -> Path:
    """A version's pairs.parquet on this machine; fetched from the remote where it is not."""
    snapshot = at(ledger, revision)
    if not snapshot.lock.md5("data/animalspeak"):
        raise ValueError(f"{named(revision)} has no dataset: its dvc.lock knows no data/animalspeak.")
    found = Shelf(ledger).file(snapshot, PAIRS)
    if found is not None:
        return found
    target = FETCHED / snapshot.commit / "pairs.parquet"
    if not target.is_file():
        shutil.rmtree(target.parent, ignore_errors=True)
        target.parent.mkdir(parents=True)
        try:
            dvc("get", "--rev", snapshot.commit, "--out", str(target), ".", PAIRS)
        except DvcError as error:
            raise ValueError(f"the dataset of {named(revision)} is neither here nor in a remote: {error}") from error
    return target


def at(ledger: Ledger, revision: str) -> Snapshot:
    """The snapshot of a revision; "." is the working tree. ValueError when git knows no such thing."""
    if revision == ".":
        return ledger.here
    try:
        commit = git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    except RuntimeError as error:
        raise ValueError(f"git knows no revision {revision!r}. Versions: python -m flows versions") from error
    return ledger.at(commit)
