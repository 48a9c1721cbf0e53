"""BEANS' two numbers, accuracy and macro average precision, and their intervals by source.

Shapes: n units, C classes, G groups (files, or sources, whose units stand or fall together).
"""

from __future__ import annotations

import numpy as np


def accuracy(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Share of units whose highest score [n, C] is that of their class (`truth` bool [n, C]); the first of equals is chosen."""
    hits = truth[np.arange(len(scores)), scores.argmax(axis=1)]
    return float(np.average(hits, weights=weights))


def average_precision(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Sum over thresholds of precision times the gain in recall, for scores [n] and `truth` bool [n]; 0 without a positive.

    On untied scores this is BEANS' mean of the precisions at each positive. BEANS leaves the order of equal scores to an
    unstable sort; here equals share one threshold, as in scikit-learn, so that the order of files does not matter.
    """
    weights = np.ones(len(scores)) if weights is None else weights.astype(float)
    if not (weights * truth).any():
        return 0.0
    order = np.argsort(-scores, kind="stable")
    ranked, weight = scores[order], weights[order]
    last_of_equals = np.append(ranked[1:] != ranked[:-1], True)
    found = np.cumsum(weight * truth[order])[last_of_equals]
    seen = np.cumsum(weight)[last_of_equals]
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    return float((np.diff(found, prepend=0.0) * precision).sum() / found[-1])


def macro_average_precision(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Unweighted mean of `average_precision` over classes ([n, C] both); a class without a positive counts as 0, as in BEANS."""
    return float(np.mean([average_precision(scores[:, c], truth[:, c], weights) for c in range(truth.shape[1])]))


MEASURES = {"accuracy": accuracy, "map": macro_average_precision}


def runs(scores: np.ndarray) -> np.ndarray:
    """[R, n, C] of scores [n, C] or of R runs of them."""
    return scores if scores.ndim == 3 else scores[None]


def grouped_interval(
    name: str, scores: np.ndarray, truth: np.ndarray, groups: np.ndarray, resamples: int, seed: int
) -> list[float]:
    """95 % percentile interval [low, high] of MEASURES[name] when whole groups [n] are drawn with replacement.

    Of several runs ([R, n, C]) each resample takes one: the interval is that of a single run.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    member = np.unique(groups, return_inverse=True)[1]  # [n], numbers of groups
    count = member.max() + 1
    reached = []
    for _ in range(resamples):
        times = np.bincount(draw.integers(0, count, count), minlength=count)
        run = runs(scores)[draw.integers(len(runs(scores)))]
        reached.append(MEASURES[name](run, truth, times[member]))
    return [float(np.percentile(reached, 2.5)), float(np.percentile(reached, 97.5))]


def chance(name: str, truth: np.ndarray, seed: int, draws: int = 20) -> float:
    """What scores drawn at random reach: 1 / C for accuracy, the mean over some draws for average precision."""
    if name == "accuracy":
        return 1 / truth.shape[1]
    draw = np.random.Generator(np.random.PCG64(seed))
    return float(np.mean([macro_average_precision(draw.random(truth.shape), truth) for _ in range(draws)]))
