"""From the files of a study's variants to its result: a table for each origin, differences, laws, and what was not run."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

import numpy as np

from biolingual.params import EvaluateParams
from biolingual.records import Pair
from biolingual.studies import laws
from biolingual.studies.effects import effects
from biolingual.studies.plans import AS_IS
from biolingual.tabular import read_json

FURTHER = (2.0, 4.0, 10.0)  # how many times the largest size a law is asked about
CURVE = 40  # sizes at which a law is drawn
TOLD = ("task", "origin", "model_origin", "primary", "value", "ci95", "chance", "n", "n_classes")
HASHES = ("dataset_sha", "model_sha", "embedding_id", "classes_sha")


def result(study: str, plan: dict, folder: Path, pairs: list[Pair], params: EvaluateParams) -> dict:
    """The result of a study from its plan and `folder`/VARIANT/{run.json, training.json, scores, items}.

    {study, question, axis, origins: origin -> {rows, effects, laws, spread}, not_run}. Sounds of different origins share
    nothing. A variant without a result is a row of `not_run` with its reason. ValueError where variants were made from
    different datasets or classes.
    """
    done, not_run = [], []
    for variant in plan["variants"]:
        reason = _reason(variant, folder)
        if reason:
            not_run.append({"variant": variant["name"], "changes": variant["changes"], "status": f"NOT RUN: {reason}"})
        else:
            done.append(variant)
    rows = [row for variant in done for row in _rows(variant, folder / variant["name"])]
    _same_ground(rows)
    found = _effects(plan, done, folder, pairs, params)
    origins = {}
    for origin in sorted({row["origin"] for row in rows}):
        own = [row for row in rows if row["origin"] == origin]
        origins[origin] = {
            "rows": own,
            "effects": [one for one in found if one["origin"] == origin],
            "laws": _laws(own, params) if plan["fitted"] else [],
            "spread": _spread(own),
        }
    told = {key: plan[key] for key in ("question", "axis")}
    return {"study": study, **told, "origins": origins, "not_run": not_run}


def _reason(variant: dict, folder: Path) -> str:
    """Why a variant has no result; "" when it has."""
    run = folder / variant["name"] / "run.json"
    if variant["not_run"]:
        return variant["not_run"]
    return read_json(run).get("failed", "") if run.is_file() else "it was not reached"


def _rows(variant: dict, folder: Path) -> list[dict]:
    training = read_json(folder / "training.json")
    about = {
        "variant": variant["name"],
        "status": "ok",
        "changes": variant["changes"],
        "x": variant["x"],
        "seed": training["seed"],
        "learnt_from": training["learnt_from"],
    }
    scores = [score for path in sorted((folder / "scores").glob("*.json")) for score in read_json(path).values()]
    return [about | {key: score[key] for key in (*TOLD, *HASHES)} for score in scores]


def _same_ground(rows: list[dict]) -> None:
    for key in ("dataset_sha", "classes_sha"):
        for (task, origin), own in groupby(sorted(rows, key=_task), key=_task):
            if len(found := {row[key] for row in own}) > 1:
                raise ValueError(
                    f"the variants of {task} on {origin} sounds differ in {key} ({', '.join(sorted(found))}): they cannot be "
                    "compared. Run the study again."
                )


def _task(row: dict) -> tuple[str, str]:
    return row["task"], row["origin"]


def _bases(plan: dict, done: list[dict]) -> dict[str, str]:
    """Variant -> the one it is compared to: as it is, and of its own seed where each was run with several."""
    names = [one["name"] for one in done]
    found = {}
    for name in names:
        seed = name.partition("-seed-")[2]
        base = f"{AS_IS}-seed-{seed}" if seed and f"{AS_IS}-seed-{seed}" in names else AS_IS
        if base in names and base != name:
            found[name] = base
    return found


def _effects(plan: dict, done: list[dict], folder: Path, pairs: list[Pair], params: EvaluateParams) -> list[dict]:
    found = []
    for name, base in _bases(plan, done).items():
        for path in sorted((folder / name / "items").glob("*.parquet")):
            before = folder / base / "items" / path.name
            for one in effects(before, path, pairs, params.bootstrap, params.seed):
                found.append({"variant": name, "compared_to": base, "task": path.stem, **one})
    return found


def _laws(rows: list[dict], params: EvaluateParams) -> list[dict]:
    """For each task the laws along x: at the sizes asked for, and as curves to draw."""
    found = []
    for (task, _), same in groupby(sorted(rows, key=_task), key=_task):
        own = list(same)
        sizes = [row["x"] for row in own]
        asked = [factor * max(sizes) for factor in FURTHER]
        drawn = np.geomspace(min(sizes), asked[-1], CURVE).tolist()
        fits = laws.extrapolate(
            sizes,
            [row["value"] for row in own],
            [row["ci95"] for row in own],
            own[0]["chance"],
            asked + drawn,
            params.bootstrap,
            params.seed,
        )
        found.append({"task": task, "asked": asked, "drawn": drawn, "laws": fits})
    return found


def _spread(rows: list[dict]) -> list[dict]:
    """Mean, standard deviation and extremes of runs that differ in their seed alone."""

    def alike(row: dict) -> tuple:
        return row["task"], str(sorted((k, str(v)) for k, v in row["changes"].items() if k != "pretrain.seed"))

    found = []
    for (task, _), same in groupby(sorted(rows, key=alike), key=alike):
        own = list(same)
        values = np.array([row["value"] for row in own])
        if len(values) > 1:
            told = {"mean": values.mean(), "sd": values.std(ddof=1), "least": values.min(), "most": values.max()}
            found.append(
                {"task": task, "variants": [row["variant"] for row in own], "runs": len(own)}
                | {key: float(value) for key, value in told.items()}
            )
    return found
