"""What a threshold is set on: validation clips alone, embedded now, few enough, and the same each time."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from biolingual.audio import to_flac
from biolingual.benchmarks.protocols import species_of
from tests.benchmarks.toy_context import SPECIES, ToyEmbedder, clip, context, unit


@pytest.fixture
def world():
    """Forty validation clips of eight species, the sound of each as loud as its species' number."""
    train = [clip(f"t{number}", number, "train") for number in range(8)]
    valid = [clip(f"v{number}-{n}", number, "valid") for number in range(8) for n in range(5)]
    others = [clip("r", 0), clip("x", 1, "valid", origin="simulated")]
    loud = {one.clip_id: np.full(1600, 0.1 * int(one.common_name.split()[1]), np.float32) for one in [*valid, *others]}
    embedder = ToyEmbedder({}, lambda waveform: unit(round(float(waveform.mean()) * 10)))
    made = context([*train, *valid, *others], {}, embedder, threshold_clips=12)
    return replace(made, shards=SimpleNamespace(read=lambda one: to_flac(loud[one.clip_id], 16000)))


def test_validation_clips_of_the_classes_are_embedded_and_no_more_than_params_say(world):
    classes = species_of([one for one in world.clips("train", "real") if one.scientific_name != SPECIES[3]])
    tuned, clips = world.tuning("real", classes)
    assert len(clips) == 12 and {one.split for one in clips} == {"valid"} and {one.origin for one in clips} == {"real"}
    assert SPECIES[3] not in {one.scientific_name for one in clips}
    assert set(tuned.embeds) == {one.clip_id for one in clips}
    for one in clips:
        assert tuned.embeds[one.clip_id][int(one.common_name.split()[1])] == 1.0
    assert not replace(world, with_baselines=True).tuning("real", classes)[0].with_baselines


def test_the_same_seed_takes_the_same_clips_and_another_others(world):
    classes = species_of(world.clips("train", "real"))
    taken = {one.clip_id for one in world.tuning("real", classes)[1]}
    assert taken == {one.clip_id for one in world.tuning("real", classes)[1]}
    other = replace(world, params=world.params.model_copy(update={"seed": world.params.seed + 1}))
    assert taken != {one.clip_id for one in other.tuning("real", classes)[1]}
    every = replace(world, params=world.params.model_copy(update={"threshold_clips": 1000}))
    assert len(every.tuning("real", classes)[1]) == 40


def test_the_logit_scale_is_the_factor_and_not_its_logarithm(world):
    assert world.logit_scale() == pytest.approx(10.0)
