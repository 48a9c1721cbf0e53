"""The metrics against their definitions, written out slowly."""

import json
import subprocess
import sys

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("n", "k", "at_a_time"), [(1000, 10, 64), (1000, 10, 7), (37, 10, 300), (6, 10, 256), (41, 1, 5)]
)
def test_ranking_by_parts_equals_ranking_all_at_once_ties_included(n, k, at_a_time):
    draw = np.random.Generator(np.random.PCG64(n))
    # Small whole numbers: products are exact, and a third of all similarities are tied.
    queries, items = (draw.integers(-2, 3, (rows, 8)).astype(np.float32) for rows in (150, n))
    labels, item_labels = draw.integers(0, 12, 150), draw.integers(0, 12, n)
    relevant = labels[:, None] == item_labels
    dense = metrics.ranked_relevance(queries @ items.T, relevant)[:, :k]
    found = metrics.first_relevant(queries, items, labels, item_labels, k, at_a_time)
    assert np.array_equal(found, dense)
    whole = metrics.average_precision_at_k(metrics.ranked_relevance(queries @ items.T, relevant), k)
    assert np.allclose(metrics.average_precision_at_k(found, k, relevant.sum(axis=1)), whole)


@pytest.mark.long
def test_retrieval_of_a_hundred_thousand_by_a_hundred_thousand_stays_below_two_gigabytes():
    done = subprocess.run([sys.executable, "-m", "tests.benchmarks.large_retrieval"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["peak_gb"] <= 2 and told["n"] == 100_000
    assert told["r1"] == 1.0  # each query is its item, slightly moved


def test_the_auroc_equals_scikit_learns_ties_included():
    from sklearn.metrics import roc_auc_score

    draw = np.random.Generator(np.random.PCG64(0))
    positive, negative = draw.integers(2, 9, 70) / 10, draw.integers(0, 7, 50) / 10
    expected = roc_auc_score(np.repeat([1, 0], [70, 50]), np.concatenate([positive, negative]))
    assert metrics.auroc(positive, negative) == pytest.approx(expected)
    assert metrics.placements(np.array([0.5]), np.array([0.1, 0.5, 0.9])).tolist() == [0.5]


def test_the_area_under_risk_and_coverage_by_hand():
    confidence, wrong = np.array([0.7, 0.9, 0.8]), np.array([0, 0, 1])
    assert metrics.risk_coverage_area(confidence, wrong) == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    # Equally sure: the wrong one counts first.
    assert metrics.risk_coverage_area(np.ones(2), np.array([0, 1])) == pytest.approx((1 + 1 / 2) / 2)


def test_probabilities_are_the_softmax_at_the_models_scale():
    from scipy.special import softmax

    similarity = np.array([[0.9, 0.1, -0.5], [0.0, 0.0, 0.0]], dtype=np.float32)
    assert np.allclose(metrics.probabilities(similarity, 20.0), softmax(20.0 * similarity.astype(float), axis=1))
    assert np.isfinite(metrics.probabilities(similarity, 1e6)).all()


def test_a_parents_probability_is_the_sum_of_its_classes():
    mass = metrics.mass_of_parents(np.array([[0.4, 0.35, 0.25]]), np.array([1, 0, 0]))
    assert np.allclose(mass, [[0.6, 0.4]])


def test_means_by_name_leave_out_what_has_none_and_keep_the_most_frequent():
    values = np.array([1, 0, 1, 1, 0])
    assert metrics.by_name(values, ["b", "a", "b", "", "b"]) == {
        "a": {"value": 0.0, "n": 1},
        "b": {"value": pytest.approx(2 / 3), "n": 3},
    }
    assert list(metrics.by_name(values, ["b", "a", "b", "", "b"], most=1)) == ["b"]


def test_mistakes_are_counted_and_right_answers_are_none():
    said, true = ["a", "b", "b", "c", "b"], ["a", "a", "a", "a", "b"]
    assert metrics.most_confused(said, true) == [["a", "b", 2], ["a", "c", 1]]
    assert metrics.most_confused(said, true, most=1) == [["a", "b", 2]]
