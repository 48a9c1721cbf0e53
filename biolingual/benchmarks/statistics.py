"""What luck alone would do: intervals that respect groups, and tests between two models on the same items.

Shapes: n items.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def grouped_bootstrap(
    statistic: Callable[[np.ndarray], float], groups: np.ndarray, resamples: int, seed: int
) -> list[float]:
    """95 % percentile interval [low, high] of statistic(item numbers), whole groups drawn with replacement.

    `groups` [n] names the unit of resampling of each item, its recording say: clips of one recording are no independent
    evidence (the cluster bootstrap, Davison and Hinkley 1997, ch. 3.8). Draws for which the statistic is not finite are
    left out; ValueError when that is more than half of them.
    """
    members = _members(groups)
    draw = np.random.Generator(np.random.PCG64(seed))
    found = []
    for _ in range(resamples):
        chosen = draw.integers(0, len(members), len(members))
        value = statistic(np.concatenate([members[one] for one in chosen]))
        if np.isfinite(value):
            found.append(value)
    if len(found) * 2 < resamples:
        raise ValueError(f"{len(found)} of {resamples} resamples have a value: {len(members)} groups are too few.")
    return [float(np.percentile(found, 2.5)), float(np.percentile(found, 97.5))]


def mean_interval(values: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> list[float]:
    """`grouped_bootstrap` of the mean of `values` [n], from sums by group: as fast for a million items."""
    members = _members(groups)
    totals = np.array([values[one].sum() for one in members])
    sizes = np.array([len(one) for one in members])
    draw = np.random.Generator(np.random.PCG64(seed))
    means = []
    for _ in range(resamples):
        chosen = draw.integers(0, len(members), len(members))
        means.append(totals[chosen].sum() / sizes[chosen].sum())
    return [float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))]


def compare(ours: np.ndarray, theirs: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> dict[str, float]:
    """Two models on the same items [n], each value a hit or a part of one: difference, its interval, and p.

    p is of McNemar's exact test where all values are 0 or 1 and each item is its own group; else of the sign-flip
    permutation of each group's summed difference.
    """
    difference = ours.astype(float) - theirs.astype(float)
    low, high = mean_interval(difference, groups, resamples, seed)
    found = {"difference": float(difference.mean()), "low": low, "high": high, "n": len(difference)}
    hits = np.isin(ours, (0, 1)).all() and np.isin(theirs, (0, 1)).all()
    if hits and len(set(groups)) == len(groups):
        return found | {"p": mcnemar(int((difference > 0).sum()), int((difference < 0).sum()))}
    return found | {"p": sign_flip(difference, groups, resamples, seed)}


def mcnemar(only_ours: int, only_theirs: int) -> float:
    """Two-sided exact p of McNemar's test from the items only one of two models got right (McNemar 1947)."""
    from scipy.stats import binomtest

    n = only_ours + only_theirs
    return float(binomtest(only_ours, n).pvalue) if n else 1.0


def sign_flip(difference: np.ndarray, groups: np.ndarray, resamples: int, seed: int) -> float:
    """Two-sided p of a mean difference of 0, each group's sum having either sign by chance; at least 1 / (resamples + 1)."""
    sums = np.array([difference[one].sum() for one in _members(groups)])
    draw = np.random.Generator(np.random.PCG64(seed))
    reached = 0
    for _ in range(resamples):
        flipped = sums * draw.choice((-1, 1), len(sums))
        reached += abs(flipped.sum()) >= abs(sums.sum()) - 1e-12
    return (reached + 1) / (resamples + 1)


def _members(groups: np.ndarray) -> list[np.ndarray]:
    """The item numbers of each group, groups in the order of their names."""
    _, number = np.unique(np.asarray(groups), return_inverse=True)
    return np.split(np.argsort(number, kind="stable"), np.cumsum(np.bincount(number))[:-1])
