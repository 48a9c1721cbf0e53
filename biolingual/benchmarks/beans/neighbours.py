"""Probes without training: the nearest training units, and the mean of a few examples of each class.

Shapes: n units, m training units, D embedding, C classes, R draws of examples.
"""

from __future__ import annotations

import numpy as np

from biolingual.benchmarks.beans.bench import Bench, Prediction, first_best
from biolingual.benchmarks.beans.layout import Fold

NEIGHBOURS = (1, 5, 10, 20)
TEMPERATURE = 0.07  # a neighbour's vote is exp(cosine / temperature), as in Wu et al. 2018, arXiv 1805.01978
BLOCK = 1024
SHOTS = (1, 5, 10)
PRIMARY_SHOTS = 5
DRAWS = 10


def predict(bench: Bench, fold: Fold) -> Prediction:
    """`knn`, with the number of neighbours best on valid, or `few_shot`, which looks at no valid unit."""
    return _knn(bench, fold) if bench.protocol == "knn" else _few_shot(bench, fold)


def votes(embeds: np.ndarray, known: np.ndarray, truth: np.ndarray, k: int) -> np.ndarray:
    """Share of the votes of the k nearest of `known` [m, D] for each class, for `embeds` [n, D] and `truth` [m, C]: [n, C]."""
    k = min(k, len(known))
    found = []
    for start in range(0, len(embeds), BLOCK):
        cosine = embeds[start : start + BLOCK] @ known.T
        nearest = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
        weight = np.exp((np.take_along_axis(cosine, nearest, axis=1) - 1.0) / TEMPERATURE)
        share = weight / weight.sum(axis=1, keepdims=True)
        found.append(np.einsum("nk,nkc->nc", share, truth[nearest]))
    return np.concatenate(found)


def prototypes(embeds: np.ndarray, truth: np.ndarray, shots: int, draw: np.random.Generator) -> np.ndarray:
    """[C, D]: the normalised mean of `shots` training units of each class, or of all where there are fewer; zeros for none."""
    means = np.zeros((truth.shape[1], embeds.shape[1]))
    for c in range(truth.shape[1]):
        rows = np.flatnonzero(truth[:, c])
        if len(rows):
            mean = embeds[draw.permutation(rows)[:shots]].mean(axis=0)
            means[c] = mean / max(np.linalg.norm(mean), 1e-12)
    return means


def _knn(bench: Bench, fold: Fold) -> Prediction:
    embeds, truth = bench.embedded.clips, bench.data.truth
    known = embeds[fold.train], truth[fold.train]
    reached = [bench.measure(votes(embeds[fold.valid], *known, k), fold.valid) for k in NEIGHBOURS]
    best = first_best(reached)
    scores = votes(embeds[fold.test], *known, NEIGHBOURS[best])
    return Prediction(scores, chosen=f"k = {NEIGHBOURS[best]} (valid {reached[best]:.3f})")


def _few_shot(bench: Bench, fold: Fold) -> Prediction:
    embeds, truth = bench.embedded.clips, bench.data.truth
    further, primary = {}, None
    for shots in SHOTS:
        draw = np.random.Generator(np.random.PCG64(bench.params.seed))
        runs = np.stack(
            [embeds[fold.test] @ prototypes(embeds[fold.train], truth[fold.train], shots, draw).T for _ in range(DRAWS)]
        )
        reached = [bench.measure(run, fold.test) for run in runs]
        further |= {
            f"{shots}_shot": float(np.mean(reached)),
            f"{shots}_shot_low": float(np.percentile(reached, 2.5)),
            f"{shots}_shot_high": float(np.percentile(reached, 97.5)),
        }
        primary = runs if shots == PRIMARY_SHOTS else primary
    return Prediction(primary, metrics=further, chosen=f"{PRIMARY_SHOTS} examples a class, mean of {DRAWS} draws")
