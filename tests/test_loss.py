"""The contrastive loss against an obvious twin, and two processes against one."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

from biolingual.loss import contrastive_loss

ROOT = Path(__file__).resolve().parents[1]


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


def test_the_loss_equals_its_slow_twin():
    audio, text = embeds(6, 0), embeds(6, 1)
    assert np.isclose(float(contrastive_loss(audio, text, torch.tensor(5.0))), slow_loss(audio, text, 5.0), atol=1e-6)


def test_same_species_pairs_are_no_negatives_of_each_other_when_masked():
    audio, text, labels = embeds(6, 0), embeds(6, 1), torch.tensor([0, 1, 0, 2, 1, 0])
    masked = float(contrastive_loss(audio, text, torch.tensor(5.0), labels))
    assert np.isclose(masked, slow_loss(audio, text, 5.0, labels.tolist()), atol=1e-6)
    assert masked < float(contrastive_loss(audio, text, torch.tensor(5.0)))


def test_two_processes_give_the_loss_and_gradients_of_one(tmp_path):
    """A whole training step of the demo-size model: dropout 0, BatchNorm frozen."""
    for world in (1, 2):
        ranks = [
            subprocess.Popen(
                [sys.executable, "-m", "tests.training.one_step", str(rank), str(world), str(tmp_path)], cwd=ROOT
            )
            for rank in range(world)
        ]
        assert [rank.wait(timeout=120) for rank in ranks] == [0] * world
    one, two = torch.load(tmp_path / "of-1.pt"), torch.load(tmp_path / "of-2.pt")
    assert abs(one["loss"] - two["loss"]) < 1e-6 * abs(one["loss"])
    for name, gradient in one["gradients"].items():
        difference = (gradient - two["gradients"][name]).abs().max()
        assert difference <= 1e-5 * max(1e-2, float(gradient.abs().max())), name  # a key bias has none: rounding
