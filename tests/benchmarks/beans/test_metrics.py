"""BEANS' metrics against scikit-learn and against themselves written out slowly."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biolingual.benchmarks.beans import metrics

ANY_SEED = st.integers(0, 2**32 - 1)
QUICK = settings(deadline=None, max_examples=50, derandomize=True, database=None)  # no deadline: machines are busy


def drawn(seed: int, n: int = 60, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Untied scores and labels of which some class may have no positive."""
    draw = np.random.Generator(np.random.PCG64(seed))
    return draw.permutation(n * classes).reshape(n, classes) / 7.0, draw.random((n, classes)) < draw.choice([0.02, 0.3])


@QUICK
@given(ANY_SEED)
def test_average_precision_is_scikit_learns_on_untied_scores(seed):
    from sklearn.metrics import average_precision_score

    scores, truth = drawn(seed)
    for c in np.flatnonzero(truth.any(axis=0)):
        expected = average_precision_score(truth[:, c], scores[:, c])
        assert metrics.average_precision(scores[:, c], truth[:, c]) == pytest.approx(expected, abs=1e-12)


@QUICK
@given(ANY_SEED)
def test_it_is_the_mean_of_the_precisions_at_each_positive(seed):
    scores, truth = drawn(seed)
    ranked = truth[np.argsort(-scores[:, 0]), 0]
    precisions = [ranked[: rank + 1].mean() for rank in np.flatnonzero(ranked)]
    assert metrics.average_precision(scores[:, 0], truth[:, 0]) == pytest.approx(np.mean(precisions or [0]))


@QUICK
@given(ANY_SEED)
def test_a_class_without_a_positive_counts_as_nothing_in_the_mean(seed):
    scores, truth = drawn(seed)
    truth[:, 1] = False
    own = [metrics.average_precision(scores[:, c], truth[:, c]) for c in (0, 2, 3)]
    assert metrics.macro_average_precision(scores, truth) == pytest.approx(sum(own) / 4)


@QUICK
@given(ANY_SEED)
def test_the_order_of_equal_scores_does_not_matter(seed):
    from sklearn.metrics import average_precision_score

    draw = np.random.Generator(np.random.PCG64(seed))
    scores, truth = draw.integers(0, 2, 50).astype(float), draw.random(50) < 0.2
    truth[0] = True
    order = draw.permutation(50)
    value = metrics.average_precision(scores, truth)
    assert value == pytest.approx(metrics.average_precision(scores[order], truth[order]))
    assert value == pytest.approx(average_precision_score(truth, scores))


@QUICK
@given(ANY_SEED)
def test_a_weight_of_two_is_the_unit_twice(seed):
    scores, truth = drawn(seed)
    times = np.random.Generator(np.random.PCG64(seed)).integers(0, 3, len(scores))
    twice, twice_true = np.repeat(scores, times, axis=0), np.repeat(truth, times, axis=0)
    assert metrics.macro_average_precision(scores, truth, times) == pytest.approx(
        metrics.macro_average_precision(twice, twice_true)
    )
    assert metrics.accuracy(scores, truth, times) == pytest.approx(metrics.accuracy(twice, twice_true))


def test_an_interval_by_source_is_wider_than_one_by_unit():
    draw = np.random.Generator(np.random.PCG64(0))
    right = np.repeat(draw.random(20) < 0.6, 20)  # twenty sources, all their units right or all wrong
    truth = np.stack([right, ~right], axis=1)
    scores = np.tile([1.0, 0.0], (400, 1))
    by_source = metrics.grouped_interval("accuracy", scores, truth, np.repeat(np.arange(20), 20), 300, 0)
    by_unit = metrics.grouped_interval("accuracy", scores, truth, np.arange(400), 300, 0)
    assert by_source[1] - by_source[0] > 3 * (by_unit[1] - by_unit[0])


def test_an_interval_of_several_runs_holds_what_each_of_them_reaches():
    truth = np.tile([True, False], (200, 1))
    runs = np.stack([np.tile([one, 0.5], (200, 1)) for one in (0.0, 1.0)])  # one always wrong, one always right
    assert metrics.grouped_interval("accuracy", runs, truth, np.arange(200), 100, 0) == [0.0, 1.0]


def test_chance_is_one_in_c_or_what_random_scores_reach():
    truth = np.random.Generator(np.random.PCG64(0)).random((2000, 3)) < 0.1
    assert metrics.chance("accuracy", truth, 0) == pytest.approx(1 / 3)
    assert metrics.chance("map", truth, 0) == pytest.approx(0.1, abs=0.02)
