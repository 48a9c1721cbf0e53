"""Each way a training can fail is named when it is planted, with its numbers, and not otherwise."""

import pytest

from biolingual.training.diagnosis import diagnose

HEALTHY = {
    "step": 300,
    "valid_loss": 1.0,
    "matched": 0.6,
    "unmatched": 0.05,
    "auc": 0.97,
    "t2a_r1": 0.7,
    "t2a_r10": 0.95,
    "t2a_chance": 0.04,
    "train_r1": 0.8,
    "zero_shot_top1": 0.8,
    "audio_cosine": 0.03,
    "text_cosine": 0.04,
    "clips": 100,
    "species": 24,
}
FALLING = [{"step": 20 * n, "loss": 3.0 * 0.9**n + 0.1, "gradient_norm": 1.0} for n in range(20)]


def names(history=FALLING, **changes) -> list[str]:
    return [one["name"] for one in diagnose(history, [HEALTHY, {**HEALTHY, "step": 380, **changes}])]


def evidence(history=FALLING, **changes) -> str:
    return diagnose(history, [HEALTHY, {**HEALTHY, "step": 380, **changes}])[0]["evidence"]


def test_a_healthy_training_has_no_finding():
    assert names() == []


@pytest.mark.parametrize("tower", ["audio", "text"])
def test_a_tower_that_says_the_same_of_everything_is_dead(tower):
    assert names(**{f"{tower}_cosine": 0.999, "auc": 0.5, "t2a_r1": 0.0, "train_r1": 0.0}) == [f"dead {tower} tower"]
    assert "0.999" in evidence(**{f"{tower}_cosine": 0.999})


def test_a_tower_of_nan_is_dead():
    assert names(audio_cosine=float("nan"), auc=float("nan")) == ["dead audio tower"]


def test_a_space_where_own_captions_are_no_closer_is_misaligned():
    assert names(auc=0.52, matched=0.11, unmatched=0.1, t2a_r1=0.04, train_r1=0.05) == ["misaligned space"]
    assert "0.110" in evidence(auc=0.52, matched=0.11, unmatched=0.1) and "52%" in evidence(auc=0.52)


def test_an_aligned_space_that_does_not_find_the_species_has_low_precision():
    assert names(auc=0.8, t2a_r1=0.1, train_r1=0.12) == ["low retrieval precision"]
    assert "10%" in evidence(auc=0.8, t2a_r1=0.1, train_r1=0.12)


def test_a_held_out_loss_that_rises_while_training_falls_is_overfitting():
    assert names(valid_loss=1.5) == ["overfitting to training species"]
    assert "from 1.000 (step 300) to 1.500" in evidence(valid_loss=1.5)


def test_knowing_training_clips_far_better_than_others_is_overfitting():
    assert names(train_r1=1.0, t2a_r1=0.5) == ["overfitting to training species"]


def test_a_loss_that_leaves_its_valley_is_divergence():
    history = FALLING[:-5] + [{**one, "loss": 4.0} for one in FALLING[-5:]]
    assert "divergence" in names(history) and "4.000" in evidence(history)


def test_a_gradient_that_explodes_is_divergence():
    history = [*FALLING[:-1], {**FALLING[-1], "gradient_norm": 1e4}]
    assert names(history) == ["divergence"] and "1e+04" in evidence(history)


def test_without_held_out_clips_the_curve_alone_is_judged():
    assert diagnose(FALLING, [{"step": 380}]) == []
