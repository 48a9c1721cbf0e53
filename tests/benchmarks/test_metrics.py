"""The metrics against their definitions, written out slowly."""

import numpy as np

from biolingual.benchmarks import metrics


def test_ties_count_against_the_right_class():
    similarity = np.array([[0.5, 0.5, 0.1], [0.9, 0.2, 0.1], [0.1, 0.2, 0.3]])
    target = np.array([0, 0, 1])
    assert metrics.top_k_hits(similarity, target, 1).tolist() == [False, True, False]
    assert metrics.top_k_hits(similarity, target, 2).tolist() == [True, True, True]


def test_macro_accuracy_weighs_classes_alike():
    hits, target = np.array([1, 1, 1, 0]), np.array([0, 0, 0, 1])
    assert metrics.macro_accuracy(hits, target) == 0.5


def test_average_precision_equals_its_slow_twin():
    draw = np.random.Generator(np.random.PCG64(0))
    relevant = draw.random((50, 30)) < 0.2
    relevant[0] = False

    def slow(row: np.ndarray, k: int) -> float:
        found, total = 0, 0.0
        for rank, hit in enumerate(row[:k], start=1):
            if hit:
                found += 1
                total += found / rank
        return total / min(k, row.sum()) if row.any() else 0.0

    assert np.allclose(metrics.average_precision_at_k(relevant, 10), [slow(row, 10) for row in relevant])


def test_ranking_puts_the_relevant_last_among_equals():
    ranked = metrics.ranked_relevance(np.array([[0.5, 0.5, 0.9]]), np.array([[True, False, False]]))
    assert ranked.tolist() == [[False, False, True]]


def test_the_bootstrap_interval_holds_the_mean_and_narrows_with_n():
    draw = np.random.Generator(np.random.PCG64(0))
    small, large = draw.random(50) < 0.7, draw.random(5000) < 0.7
    low, high = metrics.bootstrap_interval(small.astype(float), 500, 0)
    assert low < small.mean() < high
    near = metrics.bootstrap_interval(large.astype(float), 500, 0)
    assert near[1] - near[0] < (high - low) / 5


def test_the_chance_interval_of_clustered_predictions_is_wider_than_a_binomial_one():
    target = np.repeat(np.arange(20), 10)
    scattered = np.random.Generator(np.random.PCG64(0)).integers(0, 20, 200)
    clustered = (target + 1) % 20
    wide = metrics.chance_interval(clustered, target, 20, 500, 0)
    narrow = metrics.chance_interval(scattered, target, 20, 500, 0)
    assert wide[0] <= 0.05 <= wide[1] and narrow[0] <= 0.05 <= narrow[1]
    assert wide[1] - wide[0] > narrow[1] - narrow[0]
