"""Intervals that respect groups, and tests between two models, against their definitions and by simulation."""

import numpy as np
import pytest

from biolingual.benchmarks import metrics, statistics


def clustered(seed: int, groups: int = 40, size: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Hits whose chance is each group's own: clips of an easy or a hard recording."""
    draw = np.random.Generator(np.random.PCG64(seed))
    chance = draw.beta(0.3, 0.3, groups)
    return (draw.random((groups, size)) < chance[:, None]).astype(float).ravel(), np.repeat(np.arange(groups), size)


def width(interval: list[float]) -> float:
    return interval[1] - interval[0]


def test_items_of_a_group_that_go_together_widen_the_interval():
    values, groups = clustered(0)
    grouped = statistics.mean_interval(values, groups, 500, 0)
    assert width(grouped) > 1.8 * width(metrics.bootstrap_interval(values, 500, 0))
    assert grouped[0] < values.mean() < grouped[1]


def test_the_grouped_interval_covers_what_the_naive_one_misses():
    covered = {"grouped": 0, "naive": 0}
    for world in range(100):
        values, groups = clustered(world)
        low, high = statistics.mean_interval(values, groups, 200, world)
        covered["grouped"] += low <= 0.5 <= high
        low, high = metrics.bootstrap_interval(values, 200, world)
        covered["naive"] += low <= 0.5 <= high
    assert covered["grouped"] >= 88 > covered["naive"] + 15


def test_each_item_its_own_group_is_the_plain_bootstrap():
    values = np.random.Generator(np.random.PCG64(1)).random(30)
    assert statistics.mean_interval(values, np.arange(30), 300, 5) == pytest.approx(
        metrics.bootstrap_interval(values, 300, 5)
    )


def test_the_fast_mean_equals_the_general_statistic():
    values, groups = clustered(2, groups=11, size=3)
    slow = statistics.grouped_bootstrap(lambda rows: float(values[rows].mean()), groups, 200, 9)
    assert statistics.mean_interval(values, groups, 200, 9) == pytest.approx(slow)


def test_a_statistic_that_most_draws_leave_without_a_value_is_refused():
    with pytest.raises(ValueError, match="3 groups are too few"):
        statistics.grouped_bootstrap(lambda rows: float("nan"), np.arange(3), 50, 0)


def test_mcnemars_p_by_hand():
    assert statistics.mcnemar(1, 9) == pytest.approx(2 * (1 + 10) / 2**10)
    assert statistics.mcnemar(5, 5) == 1.0 and statistics.mcnemar(0, 0) == 1.0


def test_two_models_on_the_same_items_differ_more_surely_than_their_intervals_say():
    draw = np.random.Generator(np.random.PCG64(3))
    theirs = (draw.random(200) < 0.6).astype(float)
    ours = np.maximum(theirs, draw.random(200) < 0.15)  # right wherever they are, and a little more
    intervals = [metrics.bootstrap_interval(one, 500, 0) for one in (ours, theirs)]
    found = statistics.compare(ours, theirs, np.arange(200), 500, 0)
    assert intervals[0][0] < intervals[1][1]  # they overlap
    better = int((ours > theirs).sum())
    assert found["p"] == statistics.mcnemar(better, 0) == pytest.approx(2 / 2**better)
    assert found["low"] > 0 and found["difference"] == pytest.approx((ours - theirs).mean())


def test_p_is_below_a_twentieth_in_a_twentieth_of_worlds_without_a_difference():
    draw = np.random.Generator(np.random.PCG64(4))
    groups = np.repeat(np.arange(30), 4)
    seen = 0
    for world in range(200):
        shared = np.repeat(draw.normal(size=30), 4)  # a group's difference goes either way, as one
        seen += statistics.sign_flip(shared + 0.1 * draw.normal(size=120), groups, 199, world) < 0.05
    assert 2 <= seen <= 20


def test_equal_models_have_no_difference():
    values = np.array([1.0, 0.0, 1.0])
    for groups in (np.arange(3), np.zeros(3)):
        found = statistics.compare(values, values, groups, 99, 0)
        assert (found["difference"], found["low"], found["high"], found["p"]) == (0, 0, 0, 1)
