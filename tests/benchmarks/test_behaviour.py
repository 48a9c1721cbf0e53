"""Call types within a species: the species' name is in every prompt, so that only the call type can tell."""

from dataclasses import replace

import numpy as np
import pytest

from biolingual.benchmarks import behaviour
from tests.benchmarks.toy_context import SPECIES, ToyEmbedder, clip, context, unit

TYPES = {0: ("alarm call", "song"), 1: ("alarm call", "begging call", "song"), 2: ("song",)}
VECTORS = {"Alarm call": unit(0), "Begging call": unit(1), "Song": unit(2)}


@pytest.fixture
def world():
    """Species 0 with two call types, 1 with three, 2 with one; four test recordings of each, near the right prompt."""
    pairs, embeds = [], {}
    for number, types in TYPES.items():
        for type_ in types:
            pairs.append(clip(f"t{number}{type_}", number, "train", behavior=type_))
            for n in range(4):
                pairs.append(clip(f"r{number}{type_}{n}", number, behavior=type_))
                embeds[pairs[-1].clip_id] = VECTORS[type_.capitalize()]
    pairs.append(clip("silent", 0))
    return context(pairs, embeds, ToyEmbedder(VECTORS))


def test_only_species_with_a_choice_are_asked_and_chance_is_theirs(world):
    (found,) = behaviour.scores(world)
    assert found.n == 20 and found.n_skipped == 5  # one species has no choice, one recording no call type
    assert found.value == 1.0 and found.chance == pytest.approx((8 / 2 + 12 / 3) / 20)
    assert (
        "Begging call of a Bird 1." in world.embedder.asked and "Begging call of a Bird 0." not in world.embedder.asked
    )
    assert {name: one["n"] for name, one in found.groups["behaviour"].items()} == {
        "alarm call": 8,
        "begging call": 4,
        "song": 8,
    }


def test_a_mistake_lowers_its_species_and_its_call_type_alone(world):
    wrong = world.embeds | {f"r1song{n}#0": unit(1) for n in range(2)}
    (found,) = behaviour.scores(replace(world, embeds=wrong))
    assert found.value == 0.9 and found.confused == [["song", "begging call", 2]]
    assert found.groups["species"][SPECIES[0]]["value"] == 1.0
    assert found.groups["species"][SPECIES[1]]["value"] == pytest.approx(10 / 12)


def test_sounds_dealt_anew_are_at_chance(world):
    values = []
    for seed in range(40):
        order = np.random.Generator(np.random.PCG64(seed)).permutation(list(world.embeds))
        dealt = {one: world.embeds[other] for one, other in zip(world.embeds, order, strict=True)}
        values.append(behaviour.scores(replace(world, embeds=dealt))[0].value)
    # Of species 0 a begging call cannot be right, and loses by a tie: a little below 1 / the number of types.
    assert 0.28 < np.mean(values) < 0.45


def test_a_call_type_no_training_recording_has_is_skipped(world):
    more = clip("odd", 0, behavior="drumming")
    (found,) = behaviour.scores(replace(world, pairs=[*world.pairs, more]))
    assert found.n == 20 and found.n_skipped == 6
