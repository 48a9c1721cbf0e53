"""What must hold before a model and its dataset become versions; every gate is looked at, and all that fail are told at once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from flows.dvc_graph import stale
from flows.git import git_file
from flows.versions import stages, versions

DATASET = Path("data/animalspeak/pairs.parquet")
MODEL = Path("models/clap/model.safetensors")
RELEASE = Path("models/biolingual")
SCORES = "reports/scores/{}.json"


@dataclass(frozen=True)
class Gate:
    """One condition of a release, whether it holds, and what was seen."""

    name: str
    passed: bool
    seen: str

    def __str__(self) -> str:
        return f"{'green' if self.passed else 'RED'} {self.name}: {self.seen}"


@dataclass(frozen=True)
class Subject:
    """What would be released: the model and dataset of this checkout, by hash; "" where there is none."""

    model: str
    dataset: str
    model_sha: str
    dataset_sha: str
    tasks: tuple[str, ...]
    max_regression: float

    @classmethod
    def of_checkout(cls) -> Subject:
        from ruamel.yaml import YAML

        params = YAML(typ="safe").load(Path("params.yaml").read_text(encoding="utf-8"))
        return cls(
            model=params["release"]["name"],
            dataset=params["release"]["dataset"],
            model_sha=sha256(MODEL),
            dataset_sha=sha256(DATASET),
            tasks=tuple(params["evaluate"]["tasks"]),
            max_regression=params["release"]["max_regression"],
        )


def look(subject: Subject, refused: Gate | None = None) -> list[Gate]:
    """Every gate, in the order a reader asks for them; `refused` stands for those on a release folder that was not made."""
    made = [up_to_date(), model(subject), parity(subject), liveness()] if refused is None else [refused]
    return [*made, validation(subject), scores(subject), regression(subject)]


def up_to_date() -> Gate:
    changed = sorted(stale(allow_missing=True))
    return Gate(
        "up to date", not changed, f"run dvc repro first, for {', '.join(changed)}" if changed else "dvc status"
    )


def validation(subject: Subject) -> Gate:
    gate = read(Path("reports/gate.json"))
    if gate is None or not subject.dataset_sha:
        return Gate("validation", False, "there is no validated dataset. Run: dvc repro validate")
    if gate["dataset_sha"] != subject.dataset_sha:
        seen = f"the verdict is of dataset {gate['dataset_sha'][:12]}, this one is {subject.dataset_sha[:12]}"
        return Gate("validation", False, seen)
    seen = f"dataset {subject.dataset_sha[:12]}" if gate["passed"] else "the gate is red: see reports/validation.html"
    return Gate("validation", gate["passed"], seen)


def model(subject: Subject) -> Gate:
    """The released weights are the trained ones, and those were trained on this dataset."""
    training = read(Path("reports/training.json")) or {}
    released = sha256(RELEASE / "model.safetensors")
    if not subject.model_sha or not training:
        return Gate("model", False, f"{MODEL} or reports/training.json is missing. Run: dvc repro")
    for what, found, expected in (
        ("reports/training.json is of model", training["model_sha"], subject.model_sha),
        ("the model was trained on dataset", training["dataset_sha"], subject.dataset_sha),
        (f"{RELEASE} holds model", released, subject.model_sha),
    ):
        if found != expected:
            return Gate("model", False, f"{what} {found[:12] or 'nothing'}, not {expected[:12]}. Run: dvc repro")
    return Gate("model", True, f"{subject.model_sha[:12]}, trained on this dataset")


def parity(subject: Subject) -> Gate:
    """The checkpoint, the release reloaded by plain transformers, and ONNX where it was exported, give one embedding."""
    found = read(RELEASE / "parity.json")
    if found is None or found["model_sha"] != subject.model_sha:
        return Gate("parity", False, f"{RELEASE}/parity.json is missing or of another model. Run: dvc repro")
    exports = {"transformers": found["transformers"]}
    if isinstance(found["onnx"], dict):
        exports["onnx"] = found["onnx"]
    bad = [f"{way} {tower}" for way, towers in exports.items() for tower, one in towers.items() if not one["passed"]]
    seen = f"{', '.join(exports)} within {found['tolerance']:g}"
    if "onnx" not in exports:
        seen += f"; onnx {found['onnx']}"
    return Gate("parity", not bad, f"{', '.join(bad)} not within {found['tolerance']:g}" if bad else seen)


def liveness() -> Gate:
    found = read(RELEASE / "parity.json")
    if found is None:
        return Gate("towers alive", False, f"{RELEASE}/parity.json is missing. Run: dvc repro")
    limit = found["max_mean_cosine"]
    told = ", ".join(f"{tower} {one['mean_cosine']:.2f}" for tower, one in found["liveness"].items())
    alive = all(one["passed"] and one["mean_cosine"] <= limit for one in found["liveness"].values())
    return Gate("towers alive", alive, f"mean cosine of unrelated inputs: {told}; the limit is {limit:g}")


def scores(subject: Subject) -> Gate:
    """Every task of evaluate.tasks has a score, of this model on this dataset."""
    faults, on_this_dataset = [], 0
    for task in subject.tasks:
        found = read(Path(SCORES.format(task))) or {}
        if not found:
            faults.append(f"{task} has none")
        for origin, score in found.items():
            on_this_dataset += score["dataset_sha"] == subject.dataset_sha
            for key, expected in (("model_sha", subject.model_sha), ("dataset_sha", subject.dataset_sha)):
                if score[key] != expected:
                    faults.append(f"{task} ({origin}) is of {key} {score[key][:12]}, not {expected[:12]}")
    if not on_this_dataset:
        faults.insert(0, f"UNSCORED: no score stands on dataset {subject.dataset_sha[:12]}")
    return Gate("scores", not faults, "; ".join(faults) or f"{len(subject.tasks)} tasks, of this model on this dataset")


def regression(subject: Subject) -> Gate:
    """No task's primary value fell below the last version's by more than the policy; one origin is never held against another."""
    known = versions(subject.model)
    if not known:
        return Gate("no regression", True, "there is no earlier version")
    faults, compared, apart = [], 0, []
    for task in subject.tasks:
        now = read(Path(SCORES.format(task))) or {}
        before = json.loads(git_file(known[-1].commit, SCORES.format(task)) or "{}")
        for origin in sorted(set(now) | set(before)):
            if origin not in now or origin not in before or now[origin]["primary"] != before[origin]["primary"]:
                apart.append(f"{task} on {origin} sounds")
                continue
            compared += 1
            value, earlier = now[origin]["value"], before[origin]["value"]
            if not value >= earlier - subject.max_regression:
                faults.append(f"{task} on {origin} sounds fell from {earlier:.3f} to {value:.3f}")
    policy = f"release.max_regression is {subject.max_regression:g}, the last version {known[-1].number}"
    seen = "; ".join(faults) or f"{compared} values compared"
    if apart:
        seen += f"; without a counterpart: {', '.join(apart)}"
    return Gate("no regression", not faults, f"{seen} ({policy})")


def table() -> list[str]:
    """The versions of model and dataset with their stages, newest first, and what this checkout holds."""
    subject = Subject.of_checkout()
    lines = []
    for name in (subject.model, subject.dataset):
        lines.append(name)
        within = stages(name)
        for version in reversed(versions(name)):
            marks = [stage for stage, number in within.items() if number == version.number]
            lines.append("  ".join([f"  {version.number}", version.date, version.commit[:9], *marks]))
    return [*lines, f"here: dataset {dataset_state(subject)}, model {subject.model_sha[:12] or 'none'}"]


def dataset_state(subject: Subject) -> str:
    """The checkout's dataset: its hash, its version if it has one, and UNSCORED while no score stands on it."""
    if not subject.dataset_sha:
        return "none"
    number = dataset_numbers(subject.dataset).get(subject.dataset_sha, "not released")
    found = [read(path) or {} for path in sorted(Path("reports/scores").glob("*.json"))]
    scored = any(one["dataset_sha"] == subject.dataset_sha for origins in found for one in origins.values())
    return f"{subject.dataset_sha[:12]} ({number})" + ("" if scored else " UNSCORED")


def dataset_numbers(name: str) -> dict[str, str]:
    """sha of a dataset -> the version it was released as."""
    found = {}
    for version in versions(name):
        gate = json.loads(git_file(version.commit, "reports/gate.json") or "{}")
        found.setdefault(gate.get("dataset_sha", ""), version.number)
    return found


def read(path: Path) -> dict | list | None:
    """A JSON file, None where it is missing. ValueError names a broken one."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}). Run: dvc repro") from error


def sha256(path: Path) -> str:
    """Of a file's content; "" where it is missing."""
    if not path.is_file():
        return ""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
