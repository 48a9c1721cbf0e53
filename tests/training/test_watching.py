"""The held-out measures on planted similarities, and on a model whose clips all sound alike to it."""

import numpy as np
import pytest
import torch

from biolingual.model import build
from biolingual.training import watching
from biolingual.training.diagnosis import diagnose
from tests.training.test_loop import made_batches

NAMES = np.array(["a", "a", "b", "c"])


def test_a_query_is_answered_when_a_clip_of_its_species_is_among_the_nearest():
    similarity = np.array([[0, 0.9, 0.5, 0.4], [0.2, 0.1, 0.5, 0.4], [0, 0, 0.3, 0.4], [0.9, 0.8, 0.7, 0.6]])
    assert watching.retrieved(similarity, NAMES, 1) == 1 / 4
    assert watching.retrieved(similarity, NAMES, 2) == 2 / 4
    assert watching.retrieved(similarity, NAMES, 4) == 1.0


def test_ties_count_against_the_model():
    assert watching.retrieved(np.ones((4, 4)), NAMES, 1) == 0.0


def test_two_clips_of_one_species_are_neither_matched_nor_unmatched():
    found = watching.similarities(np.where(NAMES[:, None] == NAMES, 0.8, -0.2), NAMES)
    assert np.isclose(found["matched"], 0.8) and np.isclose(found["unmatched"], -0.2) and found["auc"] == 1.0
    assert sum(found["matched_histogram"]) == 4 and sum(found["unmatched_histogram"]) == 10


def test_similarities_that_say_nothing_are_right_half_of_the_time():
    assert watching.similarities(np.zeros((4, 4)), NAMES)["auc"] == 0.5


def test_the_mean_cosine_is_that_of_different_species():
    vectors = torch.nn.functional.normalize(
        torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), dim=1
    ).numpy()
    pairs = [vectors[i] @ vectors[j] for i in range(4) for j in range(4) if NAMES[i] != NAMES[j]]
    assert np.isclose(watching.mean_cosine(vectors, NAMES), np.mean(pairs), atol=1e-6)
    assert watching.mean_cosine(vectors, np.array(["a"] * 4)) == 0.0


def test_the_watched_clips_are_the_same_each_time_and_cover_the_split():
    assert watching.evenly(5, 10).tolist() == [0, 1, 2, 3, 4]
    assert watching.evenly(100, 3).tolist() == [0, 50, 99] or watching.evenly(100, 3).tolist() == [0, 49, 99]


@pytest.fixture
def model_and_batches(tmp_path, params):
    batches, tokenizer = made_batches(tmp_path, params)
    torch.manual_seed(0)
    return build(params.model, params.frontend.mel_bins, len(tokenizer)), batches


def test_watching_leaves_the_model_as_it_was_and_gives_equal_numbers_twice(model_and_batches, params):
    model, batches = model_and_batches
    model.train()
    first = watching.watch(model, batches, batches, params.pretrain)
    assert model.training and first == watching.watch(model, batches, batches, params.pretrain)
    assert first["t2a_r1"] == first["train_r1"] and first["clips"] == 24 and first["species"] == 6


def test_a_tower_killed_in_the_model_is_found_by_watching_it(model_and_batches, params):
    model, batches = model_and_batches
    with torch.no_grad():
        model.audio_projection.linear2.weight.zero_()
        model.audio_projection.linear2.bias.fill_(1.0)
    found = diagnose([], [{"step": 1, **watching.watch(model, batches, batches, params.pretrain)}])
    assert "dead audio tower" in [one["name"] for one in found]


def test_a_split_without_clips_is_not_watched(model_and_batches, params):
    model, batches = model_and_batches
    batches.pairs = batches.pairs[:1]
    assert watching.watch(model, batches, batches, params.pretrain) == {}
