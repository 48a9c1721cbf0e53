"""Known against unknown species, by how sure the model is."""

from dataclasses import replace

import numpy as np
import pytest

from biolingual.benchmarks import animalspeak_open_set as task
from biolingual.benchmarks.context import Context
from tests.benchmarks.toy_context import ToyEmbedder, clip, context, unit

TRAIN = [clip(f"t{number}", number, "train") for number in range(6)]  # 6 and 7 are never met


@pytest.fixture
def world(monkeypatch):
    """(pairs, embeddings): known recordings on their prompts, unknown ones between two; validation like the known."""
    known = [clip(f"k{number}-{n}", number) for number in range(6) for n in range(5)]
    unknown = [clip(f"u{number}-{n}", number, "test_unseen") for number in (6, 7) for n in range(10)]
    embeds = {one.clip_id: unit(int(one.common_name.split()[1])) + 0.02 * n for n, one in enumerate(known[:5])}
    embeds |= {one.clip_id: unit(int(one.common_name.split()[1])) for one in known[5:]}
    embeds |= {one.clip_id: unit(0) + unit(1 + n % 5) for n, one in enumerate(unknown)}
    embedder = ToyEmbedder({f"Bird {number}": unit(number) for number in range(8)})
    valid = [clip(f"v{number}", number, "valid") for number in range(6)]
    tuned = context(valid, {one.clip_id: unit(number) for number, one in enumerate(valid)}, embedder)
    monkeypatch.setattr(Context, "tuning", lambda self, origin, classes: (tuned, valid))
    return context([*TRAIN, *known, *unknown], embeds, embedder)


def test_unknown_sounds_between_prompts_are_told_from_known_ones_on_them(world):
    (found,) = task.scores(world)
    assert found.value == found.ci95[0] == 1.0 and found.chance == 0.5
    assert found.metrics["unknown_accepted"] == 0.0 and found.metrics["precision"] == 1.0
    assert found.metrics["share_known"] == 0.6 and found.n_classes == 6


def test_embeddings_dealt_anew_give_half_and_the_share_of_known_ones(world):
    tests = [one for one in world.embeds]
    areas, precisions = [], []
    for seed in range(20):
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(tests))
        dealt = {one: world.embeds[tests[other]] for one, other in zip(tests, order, strict=True)}
        (found,) = task.scores(replace(world, embeds=dealt))
        areas.append(found.value)
        precisions.append(found.metrics["precision"])
        assert found.ci95[0] <= found.value <= found.ci95[1]
    assert np.mean(areas) == pytest.approx(0.5, abs=0.06) and np.mean(precisions) == pytest.approx(0.6, abs=0.05)


def test_a_held_out_species_that_training_names_all_the_same_is_no_unknown_one(world):
    named = replace(world, pairs=[*world.pairs, clip("t6", 6, "train"), clip("t7", 7, "train")])
    assert task.scores(named) == []


def test_each_known_recordings_value_averages_to_the_area(world):
    told = []
    (found,) = task.scores(replace(world, items=told))
    assert len(told) == found.n == 30 and np.mean([one["value"] for one in told]) == pytest.approx(found.value)
