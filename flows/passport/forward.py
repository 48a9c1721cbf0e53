"""The walk forward: from a dataset version or a dump to every model that learnt from it and every score on it."""

from __future__ import annotations

from flows.ledger import Scored, Trained, Version
from flows.passport.backward import CARD, MODEL, PAIRS, Desk, dataset
from flows.passport.dumps import captions, manifests_path
from flows.passport.links import ABSENT, CHECKED, TOLD, Link
from flows.passport.shelf import fetch

UNSCORED = "UNSCORED: no model has a score on this version. It cannot be released. Run: dvc repro"


def version_both_ways(desk: Desk, version: Version) -> tuple[Link, tuple[str, ...]]:
    """(a dataset version with all behind it and all that came of it, the notes to read first)"""
    back = dataset(desk, version.best, version.dataset_sha, "version -> dataset", "reports/gate.json")
    scored = any(one.score["dataset_sha"] == version.dataset_sha for one in desk.ledger.scores)
    links = (*models_of(desk, version), *back.links)
    tree = Link("dataset", version.label, back.sha, back.state, back.note, back.facts, links)
    return tree, () if scored else (UNSCORED,)


def models_of(desk: Desk, version: Version, note: str = "") -> list[Link]:
    """Every model trained on a version, then every other one scored on it, each with its scores."""
    sha = version.dataset_sha
    on_it = [one for one in desk.ledger.scores if one.score["dataset_sha"] == sha]
    trained = [one for one in desk.ledger.models.values() if one.dataset_sha == sha]
    links = [model_link(desk, one, note or "trained on it") for one in trained]
    others = sorted({one.score["model_sha"] for one in on_it} - {one.model_sha for one in trained})
    for model_sha in others:
        known = desk.ledger.models.get(model_sha)
        if known:
            links.append(model_link(desk, known, "scored on it; trained on another version", sha))
        else:
            scores = tuple(score_link(desk, one) for one in on_it if one.score["model_sha"] == model_sha)
            links.append(Link("model", "not trained here", model_sha, TOLD, "scored on it", links=scores))
    return links


def model_link(desk: Desk, trained: Trained, note: str, only_on: str = "") -> Link:
    """A model with its scores: all of them, or those on one dataset version."""
    snapshot = trained.snapshots[0]
    weights = desk.shelf.file(snapshot, f"{MODEL}/model.safetensors")
    scores = [one for one in desk.ledger.scores if one.score["model_sha"] == trained.model_sha]
    links = tuple(score_link(desk, one) for one in scores if only_on in ("", one.score["dataset_sha"]))
    if weights is None:
        state, how = ABSENT, fetch(snapshot, MODEL)
    else:
        desk.shelf.sha_is(weights, trained.model_sha, "version -> model", "its training report")
        state, how = CHECKED, "weights match"
    unscored = "" if links else "; UNSCORED"
    facts = {"tags": list(trained.tags), "dataset_sha": trained.dataset_sha, "snapshot": str(snapshot)}
    return Link("model", trained.label, trained.model_sha, state, f"{note}; {how}{unscored}", facts, links)


def score_link(desk: Desk, one: Scored) -> Link:
    """One score with the version it was taken on."""
    score = one.score
    version = desk.ledger.versions.get(score["dataset_sha"])
    where = version.label if version else f"dataset {score['dataset_sha'][:16]}, unknown here"
    note = f"{score['primary']} {score['value']:.4f}, n = {score['n']}, on {where}; = dvc.lock of {one.snapshots[0]}"
    return Link("score", f"{score['task']} on {score['origin']} sounds", one.md5, note=note, facts=score)


def dump_both_ways(desk: Desk, name: str) -> Link:
    """A dump: what was made of it in each state that a version holds, then the versions, models and scores."""
    states: dict[tuple, Link] = {}
    versions = []
    for version in desk.ledger.versions.values():
        snapshot = version.best
        if name not in snapshot.params.get("dumps", {}):
            continue
        pairs = desk.shelf.file(snapshot, PAIRS)
        if pairs is None:
            note = fetch(snapshot, PAIRS)
            versions.append(Link("version", version.label, version.dataset_sha, ABSENT, f"names the dump; {note}"))
            continue
        desk.shelf.sha_is(pairs, version.dataset_sha, f"dump -> version {version.label}", "its gate")
        card = desk.shelf.json(snapshot, CARD, "dataset -> card")
        if row := card["dumps"].get(name):
            key = (row["manifest_sha"], row["captions_sha"])
            if key not in states:
                states[key] = captions(desk.shelf, snapshot, name, row)
            note = f"pairs match; {row['recordings']} recordings ingested for it"
            links = tuple(models_of(desk, version))
            versions.append(Link("version", version.label, version.dataset_sha, note=note, links=links))
    here = desk.ledger.here
    row = here.params.get("dumps", {}).get(name, {})
    ingested = "ingested" if here.lock.md5(manifests_path(name)) else "not ingested yet"
    note = f"a row of params.yaml, {ingested}" if row else "no row of the working tree's params.yaml; see the versions"
    note += "" if versions else "; in no dataset version"
    return Link("dump", name, state=TOLD, note=note, facts=dict(row), links=(*states.values(), *versions))
