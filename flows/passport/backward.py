"""The walk back: score -> model -> dataset -> gate, captions -> manifest -> shards, dump -> recordings. Every joint by hash."""

from __future__ import annotations

from dataclasses import dataclass

from flows.ledger import GATE, SCORES, TRAINING, VALIDATION, Ledger, Snapshot, Version, md5
from flows.passport.dumps import captions
from flows.passport.links import ABSENT, CHECKED, TOLD, BrokenChainError, Link, joined
from flows.passport.runs import Runs
from flows.passport.shelf import Shelf, fetch

DATASET = "data/animalspeak"
PAIRS, CARD = f"{DATASET}/pairs.parquet", f"{DATASET}/card.json"
MODEL = "models/clap"


@dataclass(frozen=True)
class Desk:
    """What every walk needs at hand."""

    ledger: Ledger
    shelf: Shelf
    runs: Runs


def score_file(desk: Desk, snapshot: Snapshot, path: str) -> Link:
    """A score file, each of its scores with the model and dataset behind it."""
    joined("score file", path, md5(snapshot.read(path) or b""), snapshot.lock.out(path).md5, "dvc.lock")
    scores = snapshot.json(path)
    same_inputs(snapshot, path)
    links = [
        *made_by(desk, snapshot, path),
        *inputs(desk, snapshot, path),
        *(score(desk, snapshot, path, one) for one in scores.values()),
    ]
    return Link("score file", path, snapshot.lock.md5(path), note="= dvc.lock", links=tuple(links))


def score(desk: Desk, snapshot: Snapshot, path: str, one: dict) -> Link:
    """One score. It must be of the model and of the dataset version that stand beside it."""
    folder = snapshot.params["evaluate"]["model"]
    links = [model(desk, snapshot, folder, "score -> model", one["model_sha"], "the score's model_sha")]
    if _trained_on(snapshot) != one["dataset_sha"]:
        whose = "the score's dataset_sha"
        links.append(dataset(desk, snapshot, one["dataset_sha"], "score -> dataset", whose))
    low, high = one["ci95"]
    note = f"{one['primary']} {one['value']:.4f} [{low:.4f}, {high:.4f}], n = {one['n']}, chance {one['chance']:.4f}"
    name = f"{one['task']} on {one['origin']} sounds"
    return Link("score", name, snapshot.lock.md5(path), note=f"{note}; in {path}", facts=one, links=tuple(links))


def same_inputs(snapshot: Snapshot, path: str) -> None:
    """BrokenChainError when the arm behind a path read another state of an output than the one beside it."""
    for name, found in snapshot.lock.inputs(path).items():
        joined(f"score -> {name}", f"the {name} that {path} was made from", found, snapshot.lock.md5(name), "dvc.lock")


def inputs(desk: Desk, snapshot: Snapshot, path: str) -> list[Link]:
    """What a score was made from besides the model and the dataset, e.g. the embeddings that its task shares with others."""
    links = []
    for name, md5_ in snapshot.lock.inputs(path).items():
        if name not in (MODEL, DATASET):
            found = desk.shelf.table(snapshot, name, f"score -> {name}")
            state, note = (ABSENT, fetch(snapshot, name)) if found is None else (CHECKED, "= dvc.lock")
            links.append(Link("input", name, md5_, state, note))
    return links


def model(desk: Desk, snapshot: Snapshot, folder: str, joint: str, model_sha: str, whose: str) -> Link:
    """A model folder of a snapshot, back to the version it learnt from, which may be older than the one beside it."""
    if not snapshot.lock.md5(folder):
        raise BrokenChainError(f"broken: {joint}: {folder} is no output of dvc.lock: this model was not trained here.")
    training = report(snapshot, TRAINING, "model -> training report")
    report(snapshot, GATE, "dataset -> gate")
    weights = desk.shelf.file(snapshot, f"{folder}/model.safetensors")
    if weights is None:
        state, note = ABSENT, fetch(snapshot, folder)
    else:
        desk.shelf.sha_is(weights, model_sha, joint, whose)
        passport = desk.shelf.json(snapshot, f"{folder}/lineage.json", "model -> lineage.json")
        same_story(snapshot, f"{folder}/lineage.json", passport, training)
        state, note = CHECKED, f"weights match; heard {training['origin']} sounds"
    joined("model -> training report", TRAINING, training["model_sha"], model_sha, whose)
    trained = (training["dataset_sha"], "model -> dataset", "the model's dataset_sha")
    behind = dataset(desk, _place_of(desk, snapshot, training["dataset_sha"]), *trained)
    trained_model = desk.ledger.models.get(model_sha)
    tags = ", ".join(trained_model.tags) if trained_model else ""
    return Link(
        "model",
        f"{folder} {tags}".strip(),
        model_sha,
        state,
        note,
        {"tags": tags, "training": training, "snapshot": str(snapshot)},
        (*made_by(desk, snapshot, folder), *(made_by(desk, snapshot, MODEL) if folder != MODEL else ()), behind),
    )


def same_story(snapshot: Snapshot, path: str, passport: dict, training: dict) -> None:
    """lineage.json must name the training report's model and dataset; a release's also the scores beside it."""
    for key in ("model_sha", "dataset_sha"):
        joined("model -> lineage.json", f"{key} of {path}", passport[key], training[key], f"{key} of {TRAINING}")
    for one in passport.get("scores", []):
        file = f"{SCORES}/{one['task']}.json"
        told = (snapshot.json(file) or {}).get(one["origin"], {})
        joined("release -> score", f"{one['task']} of {path}", str(one["value"]), str(told.get("value")), file)


def dataset(desk: Desk, snapshot: Snapshot, sha: str, joint: str, whose: str) -> Link:
    """A dataset version as it stands in a snapshot, back to its recordings."""
    version = desk.ledger.versions.get(sha)
    label = version.label if version else f"in {snapshot}"
    gate = gate_of(snapshot, sha)
    pairs = desk.shelf.file(snapshot, PAIRS)
    if pairs is None:
        return Link("dataset", label, sha, ABSENT, fetch(snapshot, PAIRS), links=(gate,))
    desk.shelf.sha_is(pairs, sha, joint, whose)
    card = desk.shelf.json(snapshot, CARD, "dataset -> card")
    joined("dataset -> card", CARD, card["dataset_sha"], sha, "pairs.parquet")
    links = [gate, *made_by(desk, snapshot, DATASET)]
    links += [captions(desk.shelf, snapshot, name, row) for name, row in card["dumps"].items()]
    note = f"pairs match; {card['recordings']} recordings, {card['clips']} clips; {snapshot}"
    return Link("dataset", label, sha, note=note, facts={"by_origin": card["by_origin"]}, links=tuple(links))


def gate_of(snapshot: Snapshot, sha: str) -> Link:
    """The validation report and the gate, which must have been drawn for this very version."""
    gate = report(snapshot, GATE, "dataset -> gate")
    joined("dataset -> gate", GATE, gate["dataset_sha"], sha, "pairs.parquet")
    validation = report(snapshot, VALIDATION, "gate -> validation")
    counts = f"{validation.get('expectations', '?')} expectations, {validation.get('failed', '?')} broken"
    note = f"{'green' if gate['passed'] else 'RED'}; {counts}"
    return Link("gate", GATE, snapshot.lock.md5(GATE), note=note, facts={"passed": gate["passed"]})


def report(snapshot: Snapshot, path: str, joint: str) -> dict:
    """A report in git, which must be the one that dvc.lock names."""
    data = snapshot.read(path)
    if data is None:
        raise BrokenChainError(f"broken: {joint}: {snapshot} has no {path}. Run: dvc repro")
    joined(joint, f"{path} of {snapshot}", md5(data), snapshot.lock.out(path).md5, "dvc.lock")
    return snapshot.json(path)


def made_by(desk: Desk, snapshot: Snapshot, path: str) -> list[Link]:
    """The run that made an output, and the params it ran with."""
    params = [
        Link("params", section, state=TOLD, note=_values(values), facts={section: values})
        for section, values in snapshot.lock.params(path).items()
        if section != "dumps"
    ]
    return [desk.runs.link(snapshot, path), *params]


def version_of(desk: Desk, sha: str, joint: str) -> Version:
    """A dataset version by its sha. BrokenChainError when neither the working tree nor git has seen it."""
    version = desk.ledger.versions.get(sha)
    if version is None:
        raise BrokenChainError(
            f"broken: {joint}: no commit here has a dataset {sha[:16]}. Get the whole history: git fetch --all --tags "
            "(a shallow clone: --unshallow)."
        )
    return version


def _place_of(desk: Desk, snapshot: Snapshot, sha: str) -> Snapshot:
    return snapshot if snapshot.dataset_sha == sha else version_of(desk, sha, "model -> dataset").best


def _trained_on(snapshot: Snapshot) -> str:
    return snapshot.training.get("dataset_sha", "")


def _values(values: object) -> str:
    if not isinstance(values, dict):
        return str(values)
    return " ".join(f"{key}={value}" for key, value in values.items())
