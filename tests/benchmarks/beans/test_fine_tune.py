"""The whole tower is trained, the best checkpoint over epochs and rates is tested, and the rates go through one map."""

import numpy as np
import pytest
import torch

from biolingual.benchmarks.beans import fine_tune, scoring
from biolingual.parallel import Machine


def test_the_best_rate_on_valid_answers_for_the_sweep(bench, monkeypatch):
    one = bench("speech-commands", "fine_tune")
    one.learning_rates = (1e-5, 5e-5, 1e-4)
    reached = {1e-5: 0.5, 5e-5: 0.75, 1e-4: 0.75}
    n, classes = len(one.data.folds[0].test), len(one.data.classes)

    def swept(sweep):
        return reached[sweep.learning_rate], 3, np.full((n, classes), sweep.learning_rate)

    monkeypatch.setattr(fine_tune, "tune", swept)
    found = fine_tune.predict(one, one.data.folds[0])
    assert (found.scores == 5e-5).all() and found.chosen == "rate 5e-05, epoch 3 (valid 0.750)"


def test_the_tower_itself_learns(bench, monkeypatch):
    one = bench("speech-commands", "fine_tune")
    kept = []
    monkeypatch.setattr(fine_tune, "_answers", _remembering(kept, fine_tune._answers))
    before = one.embedder.model.audio_projection.linear1.weight.clone()
    one.learning_rates = (1e-3,)
    score = scoring.score(one)
    assert score.n == 12 and not torch.equal(kept[-1].clap.audio_projection.linear1.weight, before)
    assert torch.equal(one.embedder.model.audio_projection.linear1.weight, before)  # the bench's own model is untouched


def test_a_seed_gives_the_same_answers(bench):
    one = bench("speech-commands", "fine_tune")
    jobs = [fine_tune.Sweep(bench("speech-commands", "fine_tune"), one.data.folds[0], 1e-4) for _ in range(2)]
    first, second = (fine_tune.tune(job) for job in jobs)
    assert first[:2] == second[:2] and np.allclose(first[2], second[2], atol=1e-5)


@pytest.mark.slow
def test_rates_side_by_side_in_two_processes_give_the_same(bench):
    reached = []
    for workers in (1, 2):
        one = bench("speech-commands", "fine_tune")
        one.learning_rates, one.machine = (1e-4, 1e-3), Machine(workers=workers)
        reached.append(fine_tune.predict(one, one.data.folds[0]))
    assert reached[0].chosen == reached[1].chosen and np.allclose(reached[0].scores, reached[1].scores, atol=1e-4)


def _remembering(kept: list, answers):
    def remembered(model, mels, rows):
        kept.append(model)
        return answers(model, mels, rows)

    return remembered
