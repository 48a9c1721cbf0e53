"""The numbers of the benchmarks and their intervals.

Shapes: n items, C classes, Q queries.
"""

from __future__ import annotations

import numpy as np


def top_k_hits(similarity: np.ndarray, target: np.ndarray, k: int) -> np.ndarray:
    """bool [n]: is the right class of each row of `similarity` [n, C] among its k highest? Ties count against the class."""
    own = similarity[np.arange(len(target)), target][:, None]
    better = (similarity > own).sum(axis=1)
    tied = (similarity == own).sum(axis=1) - 1
    return better + tied < k


def macro_accuracy(hits: np.ndarray, target: np.ndarray) -> float:
    """Mean over classes of the share of hits within the class; classes without an item are left out."""
    return float(np.mean([hits[target == one].mean() for one in np.unique(target)]))


def average_precision_at_k(relevant: np.ndarray, k: int) -> np.ndarray:
    """[Q] from `relevant` bool [Q, n] in ranked order: mean of precision at each relevant rank <= k, over min(k, relevant).

    A query without any relevant item gives 0 (Manning et al. 2008, ch. 8.4, cut at k).
    """
    top = relevant[:, :k]
    precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    found = np.minimum(relevant.sum(axis=1), k)
    return np.where(found > 0, (precision * top).sum(axis=1) / np.maximum(found, 1), 0.0)


def recall_at_k(relevant: np.ndarray, k: int) -> np.ndarray:
    """[Q]: is any relevant item among the first k? (the R@k of image-text retrieval)"""
    return relevant[:, :k].any(axis=1).astype(float)


def ranked_relevance(similarity: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """`relevant` [Q, n] reordered by falling `similarity` [Q, n]; among equals the irrelevant come first."""
    order = np.lexsort((relevant, -similarity), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def bootstrap_interval(values: np.ndarray, resamples: int, seed: int) -> list[float]:
    """95 % percentile interval [low, high] of the mean of `values` [n], each a unit of resampling."""
    draw = np.random.Generator(np.random.PCG64(seed))
    means = np.array([values[draw.integers(0, len(values), len(values))].mean() for _ in range(resamples)])
    return [float(np.percentile(means, 2.5)), float(np.percentile(means, 97.5))]


def chance_interval(
    predicted: np.ndarray, target: np.ndarray, n_classes: int, resamples: int, seed: int
) -> list[float]:
    """95 % of the accuracies that the same predictions reach when class names are dealt anew.

    Predictions cluster (a whole species may go to one wrong class), so a binomial interval around 1 / C is too narrow.
    """
    draw = np.random.Generator(np.random.PCG64(seed))
    reached = [(draw.permutation(n_classes)[predicted] == target).mean() for _ in range(resamples)]
    return [float(np.percentile(reached, 2.5)), float(np.percentile(reached, 97.5))]
