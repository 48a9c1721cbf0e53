"""Family, genus and species from one set of probabilities, and backing off where the species is unsure."""

import numpy as np
import pytest

from biolingual.benchmarks import animalspeak_hierarchical as task
from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import answers, species_of
from tests.benchmarks.toy_context import ToyEmbedder, clip, context, unit


def world(monkeypatch, embeds: dict[str, np.ndarray], pairs, valid_right: bool = True) -> Context:
    """Eight species; the validation clips are what `tuning` says, so that no audio is read."""
    made = context(pairs, embeds, ToyEmbedder({f"Bird {number}": unit(number) for number in range(8)}))
    valid = [clip(f"v{number}", number, "valid") for number in range(8)]
    heard = {one.clip_id: unit(number if valid_right else (number + 4) % 8) for number, one in enumerate(valid)}
    tuned = context(valid, heard, made.embedder)
    monkeypatch.setattr(Context, "tuning", lambda self, origin, classes: (tuned, valid))
    return made


TRAIN = [clip(f"t{number}", number, "train") for number in range(8)]


def test_a_sound_between_two_species_of_a_genus_is_the_genus_and_not_the_species(monkeypatch):
    between = unit(1) + 1.01 * unit(0)  # of species 1, a little nearer to its sister
    made = world(monkeypatch, {"r#0": between}, [*TRAIN, clip("r", 1)])
    classes = species_of(TRAIN)
    by_level = task.levels(answers(made, [clip("r", 1)], classes), classes, 10.0)
    assert [bool(by_level[level][0][0]) for level in task.LEVELS] == [False, True, True]
    sure = [by_level[level][1][0] for level in task.LEVELS]
    assert sure[0] < 0.6 < 0.95 < sure[1] < sure[2]
    level, right = task.back_off(by_level, 0.9)
    assert (task.LEVELS[level[0]], right[0], task.credit(level, right)[0]) == ("genus", True, pytest.approx(2 / 3))


def test_a_threshold_above_every_probability_answers_nothing_and_zero_answers_the_species():
    by_level = {"species": (np.array([1]), np.array([0.3])), "genus": (np.array([1]), np.array([0.5]))}
    by_level["family"] = (np.array([1]), np.array([0.7]))
    assert [task.back_off(by_level, one)[0][0] for one in (0.0, 0.4, 0.6, 0.8)] == [0, 1, 2, 3]
    assert [task.credit(*task.back_off(by_level, one))[0] for one in (0.0, 0.4, 0.6, 0.8)] == [1, 2 / 3, 1 / 3, 0]


def test_the_threshold_is_the_lowest_that_is_right_often_enough():
    sure, right = np.array([0.2, 0.4, 0.6, 0.8]), np.array([0, 0, 1, 1])
    by_level = {level: (right, sure) for level in task.LEVELS}
    assert task.choose_threshold(by_level) == pytest.approx(0.41)
    never = {level: (np.zeros(4), sure) for level in task.LEVELS}
    assert task.choose_threshold(never) == pytest.approx(0.8)


def test_the_score_of_a_perfect_model_and_of_one_whose_names_are_dealt_anew(monkeypatch):
    pairs = [clip(f"r{number}-{n}", number) for number in range(8) for n in range(5)]
    embeds = {one.clip_id: unit(int(one.common_name.split()[1])) for one in pairs}
    (found,) = task.scores(world(monkeypatch, embeds, [*TRAIN, *pairs]))
    assert found.value == found.metrics["species_top1"] == 1.0 and found.metrics["answered"] == 1.0
    draw = np.random.Generator(np.random.PCG64(0))
    dealt = dict(zip(embeds, draw.permutation(list(embeds.values())), strict=True))
    (shuffled,) = task.scores(world(monkeypatch, dealt, [*TRAIN, *pairs], valid_right=False))
    assert shuffled.metrics["species_top1"] < 0.3 < 1 and shuffled.metrics["family_top1"] == pytest.approx(
        0.5, abs=0.25
    )


def test_without_validation_recordings_there_is_no_threshold_and_no_score(monkeypatch):
    made = context([*TRAIN, clip("r", 1)], {"r#0": unit(1)}, ToyEmbedder({f"Bird {n}": unit(n) for n in range(8)}))
    made.embedder.of_sound = unit
    monkeypatch.setattr(ToyEmbedder, "audio", lambda self, sounds: np.zeros((len(list(sounds)), 8)))
    assert task.scores(made) == []
