"""The contrastive losses against obvious twins, and two processes against one."""

import numpy as np
import torch

from biolingual.loss import contrastive_loss, rows_of, sigmoid_loss
from tests.training.test_exact import assert_same, processes


def embeds(n: int, seed: int) -> torch.Tensor:
    values = torch.randn(n, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=1)


def slow_loss(audio, text, scale, labels=None) -> float:
    """Row by row in numpy, as one would explain it."""
    audio, text = audio.numpy().astype(float), text.numpy().astype(float)
    total = 0.0
    for one, other in ((audio, text), (text, audio)):
        for i in range(len(one)):
            logits = [
                scale * one[i] @ other[j] for j in range(len(one)) if labels is None or j == i or labels[j] != labels[i]
            ]
            total += np.log(np.exp(logits).sum()) - scale * one[i] @ other[i]
    return total / (2 * len(audio))


def slow_sigmoid_loss(audio, text, scale, bias, labels=None) -> float:
    """Pair by pair: -log of the probability of the right answer."""
    audio, text = audio.numpy().astype(float), text.numpy().astype(float)
    total = 0.0
    for i in range(len(audio)):
        for j in range(len(text)):
            yes = 1 / (1 + np.exp(-(scale * audio[i] @ text[j] + bias)))
            if i == j:
                total -= np.log(yes)
            elif labels is None or labels[i] != labels[j]:
                total -= np.log(1 - yes)
    return total / len(audio)


def test_the_loss_equals_its_slow_twin():
    audio, text = embeds(6, 0), embeds(6, 1)
    assert np.isclose(float(contrastive_loss(audio, text, torch.tensor(5.0))), slow_loss(audio, text, 5.0), atol=1e-6)


def test_same_species_pairs_are_no_negatives_of_each_other_when_masked():
    audio, text, labels = embeds(6, 0), embeds(6, 1), torch.tensor([0, 1, 0, 2, 1, 0])
    masked = float(contrastive_loss(audio, text, torch.tensor(5.0), labels))
    assert np.isclose(masked, slow_loss(audio, text, 5.0, labels.tolist()), atol=1e-6)
    assert masked < float(contrastive_loss(audio, text, torch.tensor(5.0)))


def test_the_sigmoid_loss_equals_its_slow_twin():
    audio, text = embeds(6, 0), embeds(6, 1)
    scale, bias = torch.tensor(5.0), torch.tensor(-3.0)
    assert np.isclose(
        float(sigmoid_loss(audio, text, scale, bias)), slow_sigmoid_loss(audio, text, 5.0, -3.0), atol=1e-6
    )


def test_the_sigmoid_loss_leaves_masked_pairs_out_of_the_sum():
    audio, text, labels = embeds(6, 0), embeds(6, 1), torch.tensor([0, 1, 0, 2, 1, 0])
    masked = float(sigmoid_loss(audio, text, torch.tensor(5.0), torch.tensor(-3.0), labels))
    assert np.isclose(masked, slow_sigmoid_loss(audio, text, 5.0, -3.0, labels.tolist()), atol=1e-6)


def test_workers_share_every_row_of_a_batch_once_and_nearly_equally():
    for workers in range(1, 9):
        parts = [range(32)[rows_of(rank, workers, 32)] for rank in range(workers)]
        assert [row for part in parts for row in part] == list(range(32))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    """The demo's way: dropout 0, BatchNorm frozen. With all switches on: tests/training/test_exact.py."""
    assert_same(processes(tmp_path, 1, {}), processes(tmp_path, 2, {}))
