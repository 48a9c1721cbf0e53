"""Within a species: is it song, alarm call or begging call? Zero-shot over the call types the species has in training.

The species is given, so that its name says nothing about the answer. Shapes: n recordings, C call types.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from biolingual.benchmarks import baselines, metrics
from biolingual.benchmarks.context import Context, Recordings, recordings
from biolingual.benchmarks.protocols import prompt, score
from biolingual.records import Pair, Score

TASK = "behaviour"
PROMPT = "{behaviour} of {a_common_name}."


def scores(context: Context) -> list[Score]:
    """One score per origin: the test_seen recordings of species with two call types or more; primary is top1."""
    context = replace(context, params=context.params.model_copy(update={"prompt_template": PROMPT}))
    return [one for origin in context.origins("test_seen") if (one := _score(context, origin)) is not None]


def call_types(train: list[Pair]) -> dict[str, list[str]]:
    """Species -> its call types in training, where they are two or more."""
    found: dict[str, set[str]] = {}
    for clip in train:
        if clip.behavior and clip.rank == "species":
            found.setdefault(clip.scientific_name, set()).add(clip.behavior)
    return {species: sorted(types) for species, types in sorted(found.items()) if len(types) > 1}


def prompt_of(behaviour: str, pair: Pair) -> str:
    """The sentence as captions say it: "Alarm call of a Dusky Velar." """
    return prompt(PROMPT.replace("{behaviour}", behaviour[:1].upper() + behaviour[1:]), pair)


def _score(context: Context, origin: str) -> Score | None:
    train = context.clips("train", origin)
    types = call_types(train)
    clips = context.asked("test_seen", origin)
    usable = [clip for clip in clips if clip.behavior in types.get(clip.scientific_name, ())]
    if not usable:
        return None
    items = recordings(context, usable)
    named = np.array([pair.scientific_name for pair in items.first])
    true = [pair.behavior for pair in items.first]
    reached = {name: np.zeros(len(named)) for name in ("model", "chance", "majority", "mfcc_logreg")}
    said = np.array([""] * len(named), dtype=object)
    for species in sorted(set(named)):
        rows, names = np.flatnonzero(named == species), types[species]
        asked = Recordings([items.first[row] for row in rows], items.embeds[rows], items.mfcc[rows])
        similarity = asked.embeds @ context.embedder.text([prompt_of(name, asked.first[0]) for name in names]).T
        target = np.array([names.index(pair.behavior) for pair in asked.first])
        reached["model"][rows] = metrics.top_k_hits(similarity, target, 1)
        reached["chance"][rows] = 1 / len(names)
        said[rows] = np.array(names, dtype=object)[similarity.argmax(axis=1)]
        if context.with_baselines:
            own = [clip for clip in train if clip.scientific_name == species and clip.behavior in names]
            reached["majority"][rows], reached["mfcc_logreg"][rows] = _baselines(context, own, asked, target, names)
    by_species = metrics.by_name(reached["model"], list(named))
    others = {name: {"top1": float(reached[name].mean())} for name in ("chance", "majority", "mfcc_logreg")}
    others["mfcc_logreg"]["trained"] = "on each species' clips of the training split"
    hits = reached["model"]
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="zero_shot",
        measured={
            "top1": float(hits.mean()),
            "macro_top1": float(np.mean([one["value"] for one in by_species.values()])),
            "species": float(len(by_species)),
        },
        primary="top1",
        chance=others["chance"]["top1"],
        per_item=hits,
        classes=sorted({name for species in set(named) for name in types[species]}),
        others=others if context.with_baselines else {},
        n_skipped=len({clip.recording_id for clip in clips}) - len(items.first),
        notes="The species is given. Chance is 1 / its number of call types, over the recordings.",
        ids=[pair.recording_id for pair in items.first],
        groups={"species": by_species, "behaviour": metrics.by_name(hits, true)},
        confused=metrics.most_confused(list(said), true),
    )


def _baselines(
    context: Context, train: list[Pair], asked: Recordings, target: np.ndarray, names: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Hits [n] of the species' most frequent call type in training, and of logistic regression on MFCCs."""
    labels = [clip.behavior for clip in train]
    most = names.index(max(names, key=labels.count))
    model = baselines.logistic_regression(context.mfcc(train), np.array(labels), context.params.seed)
    return target == most, metrics.top_k_hits(baselines.class_scores(model, asked.mfcc, names), target, 1)
