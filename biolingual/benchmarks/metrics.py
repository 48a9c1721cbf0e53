"""The numbers of the benchmarks and their intervals.

Shapes: n items, C classes, Q queries, D embedding, B queries at a time, P parents of classes.
"""

from __future__ import annotations

from collections import Counter

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


def average_precision_at_k(relevant: np.ndarray, k: int, counts: np.ndarray | None = None) -> np.ndarray:
    """[Q] from `relevant` bool [Q, n] in ranked order: mean of precision at each relevant rank <= k, over min(k, relevant).

    `counts` [Q] are the relevant items of each query where `relevant` holds the first k ranks alone. A query without any
    relevant item gives 0 (Manning et al. 2008, ch. 8.4, cut at k).
    """
    top = relevant[:, :k]
    precision = np.cumsum(top, axis=1) / np.arange(1, top.shape[1] + 1)
    found = np.minimum(relevant.sum(axis=1) if counts is None else counts, k)
    return np.where(found > 0, (precision * top).sum(axis=1) / np.maximum(found, 1), 0.0)


def recall_at_k(relevant: np.ndarray, k: int) -> np.ndarray:
    """[Q]: is any relevant item among the first k? (the R@k of image-text retrieval)"""
    return relevant[:, :k].any(axis=1).astype(float)


def ranked_relevance(similarity: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """`relevant` [Q, n] reordered by falling `similarity` [Q, n]; among equals the irrelevant come first."""
    order = np.lexsort((relevant, -similarity), axis=1)
    return np.take_along_axis(relevant, order, axis=1)


def first_relevant(
    queries: np.ndarray,
    items: np.ndarray,
    query_labels: np.ndarray,
    item_labels: np.ndarray,
    k: int,
    queries_at_a_time: int = 256,
) -> np.ndarray:
    """bool [Q, k]: is the item at each of the first k ranks relevant, which is to bear the query's label?

    Equals `ranked_relevance(queries @ items.T, equal labels)[:, :k]` of float32 embeddings [Q, D] and [n, D], ties
    included. Memory is that of [B, n], never of [Q, n].
    """
    k = min(k, len(items))
    out = np.zeros((len(queries), k), dtype=bool)
    for start in range(0, len(queries), queries_at_a_time):
        rows = slice(start, start + queries_at_a_time)
        similarity = queries[rows] @ items.T  # [B, n]
        # At least k items reach the k-th highest of the maxima of n/4k stretches: a cheap pass that leaves few to sort.
        stretch = max(1, len(items) // (4 * k))
        highest = np.maximum.reduceat(similarity, np.arange(0, len(items), stretch), axis=1)
        enough = np.partition(highest, -k, axis=1)[:, -k]
        row, column = np.nonzero(similarity >= enough[:, None])
        relevant = query_labels[rows][row] == item_labels[column]
        order = np.lexsort((relevant, -similarity[row, column], row))
        rank = np.arange(len(row)) - np.searchsorted(row, row)  # rows are sorted, so is row[order]
        out[start + row[rank < k], rank[rank < k]] = relevant[order][rank < k]
    return out


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """Share of pairs in which the positive has the higher score, ties half: the area under the ROC curve."""
    return float(placements(positive, negative).mean())


def placements(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """For each positive, the share of negatives below it, ties half; their mean is the AUROC (Hanley and Hajian-Tilaki 1997)."""
    ordered = np.sort(negative)
    below, up_to = np.searchsorted(ordered, positive, "left"), np.searchsorted(ordered, positive, "right")
    return (below + up_to) / (2 * len(negative))


def risk_coverage_area(confidence: np.ndarray, wrong: np.ndarray) -> float:
    """AURC: mean, over every number of items answered from the surest on, of the share of wrong ones among them.

    Among equally sure items the wrong ones come first (Geifman and El-Yaniv 2017, arXiv 1705.08500).
    """
    order = np.lexsort((~wrong.astype(bool), -confidence))
    return float((np.cumsum(wrong[order]) / np.arange(1, len(order) + 1)).mean())


def probabilities(similarity: np.ndarray, logit_scale: float) -> np.ndarray:
    """[n, C]: softmax of the cosines times the factor they were trained with."""
    logits = logit_scale * similarity.astype(np.float64)
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def mass_of_parents(probability: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """[n, P]: the probability [n, C] of each parent's classes, summed; `parent` [C] numbers the parents from 0."""
    member = np.zeros((len(parent), parent.max() + 1))
    member[np.arange(len(parent)), parent] = 1
    return probability @ member


def by_name(values: np.ndarray, names: list[str], most: int = 200) -> dict[str, dict[str, float]]:
    """name -> {value: mean, n} over the items [n] of that name; the `most` names with the most items, "" left out."""
    found = {name: [] for name in sorted(set(names)) if name}
    for value, name in zip(values, names, strict=True):
        if name:
            found[name].append(value)
    kept = sorted(sorted(found, key=lambda name: -len(found[name]))[:most])
    return {name: {"value": float(np.mean(found[name])), "n": len(found[name])} for name in kept}


def most_confused(said: list[str], true: list[str], most: int = 10) -> list[list]:
    """[true, said, how often] of the most frequent mistakes, the most frequent first."""
    wrong = Counter(pair for pair in zip(true, said, strict=True) if pair[0] != pair[1])
    return [[*pair, n] for pair, n in sorted(wrong.items(), key=lambda one: (-one[1], one[0]))[:most]]


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
