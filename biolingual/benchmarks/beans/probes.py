"""Heads trained on a frozen model: a linear map of a clip's embedding, or attention over its time steps before that map.

Shapes: B batch, n units, S time steps of a unit, H features of a step, Q queries, C classes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from biolingual.benchmarks.beans.bench import Bench, Prediction, first_best
from biolingual.benchmarks.beans.layout import Fold

RATES = (1e-2, 1e-3)  # of AdamW; the better on valid
WEIGHT_DECAY = 0.01
BATCH = 32
EPOCHS = 50
QUERIES = 4


class Linear(nn.Module):
    """[B, 1, H] -> logits [B, C]"""

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.out = nn.Linear(features, classes)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        return self.out(steps.mean(dim=1))


class Attentive(nn.Module):
    """[B, S, H] -> logits [B, C]: each of Q learnt queries weighs the steps (softmax of its products with them) and sums them.

    Zero queries weigh all steps alike, so training begins at mean pooling.
    """

    def __init__(self, features: int, classes: int):
        super().__init__()
        self.queries = nn.Parameter(torch.zeros(QUERIES, features))
        self.out = nn.Linear(QUERIES * features, classes)

    def forward(self, steps: torch.Tensor) -> torch.Tensor:
        weight = (steps @ self.queries.T / steps.shape[2] ** 0.5).softmax(dim=1)  # [B, S, Q]
        return self.out((weight.transpose(1, 2) @ steps).flatten(1))


def predict(bench: Bench, fold: Fold) -> Prediction:
    """Trained on train; rate and epoch are those that are best on valid, the first of equals."""
    if bench.protocol == "linear":
        head, features = Linear, bench.embedded.clips[:, None]
    else:
        head, features = Attentive, bench.embedded.frames
    steps = torch.from_numpy(standardised(features, fold.train))
    trained = [_trained(bench, fold, head, steps, rate) for rate in RATES]
    best = first_best([value for value, _, _ in trained])
    value, epoch, scores = trained[best]
    return Prediction(scores, chosen=f"rate {RATES[best]:g}, epoch {epoch} (valid {value:.3f})")


def standardised(features: np.ndarray, train: np.ndarray) -> np.ndarray:
    """float32 [n, S, H] with mean 0 and deviation 1 of each feature over the training units."""
    seen = features[train].astype(np.float32)
    mean, deviation = seen.mean(axis=(0, 1)), seen.std(axis=(0, 1))
    return (features.astype(np.float32) - mean) / np.where(deviation > 1e-6, deviation, 1.0)


def _trained(
    bench: Bench, fold: Fold, head: type[nn.Module], steps: torch.Tensor, rate: float
) -> tuple[float, int, np.ndarray]:
    """(best value on valid, its epoch, scores of the test units [n, C] then)"""
    truth = torch.from_numpy(bench.data.truth).float()
    draw = torch.Generator().manual_seed(bench.params.seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.params.seed)
        model = head(steps.shape[2], truth.shape[1])
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=WEIGHT_DECAY)
    train = torch.from_numpy(fold.train)

    def epoch() -> None:
        for rows in train[torch.randperm(len(train), generator=draw)].split(BATCH):
            optimiser.zero_grad()
            loss_of(model(steps[rows]), truth[rows], bench.single).backward()
            optimiser.step()

    return best_of_epochs(bench, fold, model, EPOCHS, epoch, lambda rows: answers(model, steps, rows))


def best_of_epochs(
    bench: Bench,
    fold: Fold,
    model: nn.Module,
    epochs: int,
    epoch: Callable[[], None],
    answers_of: Callable[[np.ndarray], np.ndarray],
) -> tuple[float, int, np.ndarray]:
    """(best value on valid, its epoch, scores of the test units [n, C] then); the first of equals, as BEANS chooses."""
    best, at, kept = -1.0, 0, None
    for number in range(1, epochs + 1):
        epoch()
        value = bench.measure(answers_of(fold.valid), fold.valid)
        if value > best:
            best, at, kept = value, number, copy.deepcopy(model.state_dict())
    model.load_state_dict(kept)
    return best, at, answers_of(fold.test)


def loss_of(logits: torch.Tensor, truth: torch.Tensor, single: bool) -> torch.Tensor:
    """Cross-entropy where a unit has one class, else binary cross-entropy of each; [B, C] both."""
    if single:
        return nn.functional.cross_entropy(logits, truth)
    return nn.functional.binary_cross_entropy_with_logits(logits, truth)


@torch.inference_mode()
def answers(model: nn.Module, steps: torch.Tensor, rows: np.ndarray) -> np.ndarray:
    """Logits of units [n, C]."""
    return np.concatenate([model(steps[part]).numpy() for part in torch.from_numpy(rows).split(1024)])
