"""The passport: from a score, model, version, dump, recording or recordist to all behind it and all that came of it."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flows import purge_record
from flows.ledger import SCORES, TRAINING, Ledger
from flows.passport import backward, forward, subjects
from flows.passport.backward import Desk
from flows.passport.links import BrokenChainError, Link, Passport
from flows.passport.page import write_page, write_text
from flows.passport.runs import Runs
from flows.passport.shelf import Shelf

__all__ = ["BrokenChainError", "Passport", "passport", "write"]

TAG = re.compile(r"^[\w.-]+@v\d+\.\d+\.\d+\S*$")
KINDS = ("score", "model", "version", "dump", "recording", "recordist")


@dataclass(frozen=True)
class Answer:
    """One thing that goes by the name asked for, and the walk that tells of it: (tree, notes)."""

    kind: str
    walk: Callable[[], tuple[Link, tuple[str, ...]]]


def passport(what: str, root: Path = Path()) -> Passport:
    """The passport of WHAT; "recordist:NAME" and the like say which kind is meant.

    BrokenChainError names the first joint that fails. ValueError, in one line, when nothing goes by the name, or several
    things do. Nothing is written, and no network is used.
    """
    with Ledger(root) as ledger:
        desk = Desk(ledger, Shelf(ledger), Runs(ledger))
        kind, _, rest = what.partition(":")
        kind, name = (kind, rest) if kind in KINDS and rest else ("", what)
        found = [one for one in answers(desk, name) if kind in ("", one.kind)]
        if not found:
            raise ValueError(unknown(desk, what))
        if len(found) > 1:
            ways = ", ".join(f"{one.kind}:{name}" for one in found)
            raise ValueError(f"{what!r} names several things. Say which: {ways}")
        tree, notes = found[0].walk()
        return Passport(what, tree, ledger.history.head(), notes)


def write(found: Passport, as_json: str, html: Path | None) -> None:
    """Write a passport as JSON ("-": to the terminal) and as a page, where asked for."""
    text = json.dumps(found.as_json(), indent=1, ensure_ascii=False)
    if as_json == "-":
        print(text)
    elif as_json:
        write_text(text + "\n", Path(as_json))
    if html:
        write_page(found, html)


def answers(desk: Desk, name: str) -> list[Answer]:
    """Everything that goes by a name. Tables are searched only when it is neither a file, a folder nor a tag."""
    path = _relative(desk, name)
    here = desk.ledger.here
    if path.startswith(f"{SCORES}/") and here.read(path) is not None:
        return [Answer("score", lambda: (backward.score_file(desk, here, path), ()))]
    if path in here.lock.outs and path.startswith("models/"):
        return [Answer("model", lambda: (_model(desk, path), ()))]
    if TAG.match(name):
        return _tagged(desk, name)
    if gone := purge_record.of(name, desk.ledger.root):
        return [Answer(gone.kind, lambda: (gone, ()))]
    found = []
    if any(name in one.params.get("dumps", {}) for one in subjects.places(desk)):
        found.append(Answer("dump", lambda: (forward.dump_both_ways(desk, name), ())))
    for subject in subjects.find(desk, name)[0]:
        found.append(Answer(subject.kind, lambda subject=subject: (subjects.forward(desk, subject), ())))
    return found


def unknown(desk: Desk, what: str) -> str:
    """What is known, for one who asked for something that is not."""
    known = {
        "scores": [f"{SCORES}/{name}" for name in desk.ledger.here.names(SCORES)],
        "models": [path for path in desk.ledger.here.lock.outs if path.startswith("models/")],
        "versions": sorted(desk.ledger.history.tags()),
        "dumps": sorted({name for one in subjects.places(desk) for name in one.params.get("dumps", {})}),
    }
    _, away, people = subjects.find(desk, what)
    near = difflib.get_close_matches(what, sorted(people), n=5, cutoff=0.4) or sorted(people)[:5]
    recordists = f"recordists: {len(people)}, e.g. {', '.join(near) or 'none'}"
    listed = "; ".join(f"{kind}: {', '.join(names) or 'none'}" for kind, names in known.items())
    text = f"nothing here is called {what!r}. Known {listed}; {recordists}; recordings by their id."
    if away:
        text += (
            f" Not searched: {away} manifests that are not on this machine (dvc fetch --all-commits data/manifests)."
        )
    return text


def _tagged(desk: Desk, tag: str) -> list[Answer]:
    snapshot = desk.ledger.tagged(tag)
    if snapshot is None:
        return []
    name = tag.rpartition("@")[0]
    if name == snapshot.dataset_name:
        backward.gate_of(snapshot, snapshot.dataset_sha)
        version = backward.version_of(desk, snapshot.dataset_sha, f"tag {tag} -> dataset")
        return [Answer("version", lambda: forward.version_both_ways(desk, version))]
    if name == snapshot.model_name:
        return [Answer("version", lambda: (_model(desk, backward.MODEL, snapshot), ()))]
    raise ValueError(
        f"{tag} is on a commit whose dataset is called {snapshot.dataset_name} and whose model {snapshot.model_name}: "
        "the tag is of neither."
    )


def _model(desk: Desk, folder: str, snapshot=None) -> Link:
    """A model back to the recordings, and its scores on every version."""
    snapshot = snapshot or desk.ledger.here
    sha = backward.report(snapshot, TRAINING, "model -> training report")["model_sha"]
    back = backward.model(desk, snapshot, folder, "model -> weights", sha, f"{TRAINING} of {snapshot}")
    scores = [forward.score_link(desk, one) for one in desk.ledger.scores if one.score["model_sha"] == sha]
    return Link(back.kind, back.name, back.sha, back.state, back.note, back.facts, (*scores, *back.links))


def _relative(desk: Desk, name: str) -> str:
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(desk.ledger.root.resolve()):
        path = path.relative_to(desk.ledger.root.resolve())
    return path.as_posix()
