"""Retrieval both ways by parts equals the dense one, and the authors' variant is theirs."""

from dataclasses import replace

import numpy as np
import pytest

from biolingual.benchmarks import animalspeak_audio_to_text as task
from biolingual.benchmarks import animalspeak_retrieval as dense
from tests.benchmarks.toy_context import known_world, unit


def test_both_ways_equal_the_dense_computation():
    draw = np.random.Generator(np.random.PCG64(0))
    texts, sounds = (draw.standard_normal((n, 16)).astype(np.float32) for n in (20, 300))
    labels = np.concatenate([np.arange(20), draw.integers(0, 20, 280)])
    found, hits = task.measure(texts, sounds, np.arange(20), labels)
    expected, _ = dense.measure(texts @ sounds.T, np.arange(20)[:, None] == labels)
    assert found == pytest.approx(expected) and hits.mean() == pytest.approx(expected["a2t_p1"])


def test_a_scores_text_to_audio_is_that_of_the_retrieval_task():
    world = known_world(n=5, noise=0.6)
    (ours,), (theirs,) = task.scores(world), dense.scores(world)
    assert ours.metrics["t2a_map10"] == pytest.approx(theirs.value) and 0 < ours.value < 1
    assert ours.value == ours.metrics["a2t_r1"] and ours.chance == 1 / 8 and ours.n == 40


def test_the_authors_recall_is_divided_by_all_relevant_recordings():
    texts = np.stack([unit(0), unit(0), unit(1)])
    sounds = np.stack([unit(0), 0.9 * unit(0), unit(1)])
    found = task.authors_measure(texts, sounds, np.array([0, 0, 1]))
    assert found["authors_t2a_p1"] == 1.0
    assert found["authors_t2a_r1"] == pytest.approx((1 / 2 + 1 / 2 + 1) / 3) and found["authors_t2a_r5"] == 1.0


def test_captions_dealt_anew_are_at_chance():
    world = known_world(n=5, noise=0.0)
    values = []
    for seed in range(30):
        order = np.random.Generator(np.random.PCG64(seed)).permutation(list(world.embeds))
        dealt = {one: world.embeds[other] for one, other in zip(world.embeds, order, strict=True)}
        values.append(task.scores(replace(world, embeds=dealt))[0].value)
    assert np.mean(values) == pytest.approx(1 / 8, abs=0.03)
