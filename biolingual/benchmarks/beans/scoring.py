"""One protocol on one set: every fold predicted, and the Score with interval, chance, majority and published numbers.

Shapes: n units, C classes.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

from biolingual.benchmarks.beans import NEEDS_NO_MODEL, metrics, protocol, published
from biolingual.benchmarks.beans.bench import Bench
from biolingual.benchmarks.beans.layout import Data
from biolingual.records import Score
from biolingual.tabular import read_json


def score(bench: Bench) -> Score:
    """The Score of a protocol on a set; its interval draws whole source recordings (detection: files)."""
    data, params = bench.data, bench.params
    module = protocol(bench.protocol)
    if bench.protocol not in NEEDS_NO_MODEL:
        bench.embedder  # noqa: B018 - a missing model is told before any sound is read
    predictions = [module.predict(bench, fold) for fold in data.folds]
    rows = np.concatenate([fold.test for fold in data.folds])
    scores = np.concatenate([one.scores for one in predictions], axis=-2)
    truth, primary = data.truth[rows], data.row.primary
    groups = np.array([data.units[row].group for row in rows])
    value = float(np.mean([metrics.MEASURES[primary](run, truth) for run in metrics.runs(scores)]))
    low, high = metrics.grouped_interval(primary, scores, truth, groups, params.bootstrap, params.seed)
    others = {"chance": {primary: metrics.chance(primary, truth, params.seed)}, "majority": {primary: majority(data)}}
    unbeaten = [name for name, reached in others.items() if reached[primary] >= value]
    verdict = (
        f"{data.name} by {bench.protocol} on {data.origin} sounds: {primary} {value:.3f} [{low:.3f}, {high:.3f}], "
    )
    verdict += f"n = {len(rows)}; {'BELOW OR AT ' + ', '.join(unbeaten) if unbeaten else 'above chance and majority'}."
    needs_model = bench.protocol not in NEEDS_NO_MODEL
    further = {name: float(np.mean([one.metrics[name] for one in predictions])) for name in predictions[0].metrics}
    return Score(
        task=data.name,
        origin=data.origin,
        model_origin=model_origin(bench.model) if needs_model else data.origin,
        protocol=bench.protocol,
        metrics={primary: value, **further},
        primary=primary,
        value=value,
        chance=others["chance"][primary],
        ci95=[low, high],
        n=len(rows),
        n_classes=len(data.classes),
        prompt_template=predictions[0].prompt,
        classes_sha=hashlib.sha256(json.dumps(data.classes, ensure_ascii=False).encode()).hexdigest()[:16],
        dataset_sha=dataset_sha(data),
        model_sha=bench.embedder.model_sha if needs_model else "",
        embedding_id=bench.embedder.embedding_id if needs_model else "",
        seed=params.seed,
        verdict=verdict,
        baselines=others,
        notes=_notes(bench, [one.chosen for one in predictions]),
    )


def majority(data: Data) -> float:
    """What it reaches to answer with the training units' commonest class, or with each class as often as it is there."""
    scores = [np.tile(data.truth[fold.train].mean(axis=0), (len(fold.test), 1)) for fold in data.folds]
    rows = np.concatenate([fold.test for fold in data.folds])
    return metrics.MEASURES[data.row.primary](np.concatenate(scores), data.truth[rows])


def dataset_sha(data: Data) -> str:
    """Hash of the lists as they were read: units with their splits and classes."""
    digest = hashlib.sha256()
    for unit, truth in zip(data.units, data.truth, strict=True):
        labels = [data.classes[c] for c in np.flatnonzero(truth)]
        digest.update(json.dumps([unit.file, unit.start_s, unit.split, labels], ensure_ascii=False).encode())
    return digest.hexdigest()


def model_origin(model: str) -> str:
    """Of what sounds a model learnt: its lineage says it; one that is not ours learnt from real ones, for all we know."""
    lineage = Path(model) / "lineage.json"
    return read_json(lineage)["origin"] if lineage.is_file() else "real"


def _notes(bench: Bench, chosen: list[str]) -> str:
    said = []
    if bench.protocol not in NEEDS_NO_MODEL and model_origin(bench.model) != bench.data.origin:
        said.append(f"The model learnt from {model_origin(bench.model)} sounds.")
    said += [f"Chosen on valid: {'; '.join(dict.fromkeys(chosen))}." if any(chosen) else ""]
    rows = published.within(bench.data.name, bench.protocol)
    said.append(" ".join(f"Published: {one.model} {one.value:.3f} ({one.source})." for one in rows))
    if bench.data.name != bench.data.row.name and bench.data.row.beans:
        said.append(f"Not {bench.data.row.name} of BEANS: its published counts are not met.")
    return " ".join(text for text in said if text)
