"""BEANS' own protocol for networks: the whole audio tower trained with a linear head, once for each learning rate.

Adam without decay or schedule, batches of 32, 50 epochs, no augmentation; the checkpoint with the best value on valid over
all epochs and rates is tested once (arXiv 2210.12300, section 4). The rates run side by side, over Ray where there is a cluster.
Shapes: B batch, W windows of the model in a unit, F frames, M mel bins, D embedding, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from biolingual.benchmarks.beans.bench import Bench, Prediction, first_best
from biolingual.benchmarks.beans.embeddings import waveforms
from biolingual.benchmarks.beans.layout import Fold
from biolingual.benchmarks.beans.probes import best_of_epochs, loss_of
from biolingual.frontend import windows_of
from biolingual.model import Embedder
from biolingual.parallel import map_ordered

BATCH = 32


@dataclass(frozen=True)
class Sweep:
    """One learning rate of the sweep, as a worker runs it. The sounds must lie where the worker can read them."""

    bench: Bench
    fold: Fold
    learning_rate: float


class Tuned(nn.Module):
    """The audio tower and a linear head on the mean, over a unit's windows, of its embeddings before they are normalised."""

    def __init__(self, embedder: Embedder, classes: int):
        super().__init__()
        self.clap = embedder.model
        self.head = nn.Linear(embedder.model.config.projection_dim, classes)

    def forward(self, mels: torch.Tensor) -> torch.Tensor:
        """[B, W, F, M] -> logits [B, C]"""
        heard = self.clap.audio_model(input_features=mels.flatten(0, 1)[:, None]).pooler_output
        embeds = self.clap.audio_projection(heard)
        return self.head(embeds.unflatten(0, mels.shape[:2]).mean(dim=1))


def predict(bench: Bench, fold: Fold) -> Prediction:
    """The answers of the best checkpoint over all rates, the first of equals."""
    plain = replace(bench)  # without what it has loaded: a worker loads its own
    jobs = [Sweep(plain, fold, rate) for rate in bench.learning_rates]
    swept = list(map_ordered(tune, jobs, bench.machine, chunk=1))
    best = first_best([value for value, _, _ in swept])
    value, epoch, scores = swept[best]
    return Prediction(scores, chosen=f"rate {bench.learning_rates[best]:g}, epoch {epoch} (valid {value:.3f})")


def tune(sweep: Sweep) -> tuple[float, int, np.ndarray]:
    """(best value on valid, its epoch, scores of the test units [n, C] then)"""
    bench, fold, seed = sweep.bench, sweep.fold, sweep.bench.params.seed
    embedder, truth = bench.embedder, torch.from_numpy(bench.data.truth).float()
    device = embedder.model.logit_scale_a.device
    mels = log_mels(embedder, bench)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Tuned(embedder, truth.shape[1]).to(device)
        optimiser = torch.optim.Adam(model.parameters(), lr=sweep.learning_rate)
        train = torch.from_numpy(fold.train)

        def epoch() -> None:
            model.train()
            for rows in train[torch.randperm(len(train))].split(BATCH):
                optimiser.zero_grad()
                loss_of(model(mels[rows].to(device)), truth[rows].to(device), bench.single).backward()
                optimiser.step()

        return best_of_epochs(bench, fold, model, bench.epochs, epoch, lambda rows: _answers(model, mels, rows))


def log_mels(embedder: Embedder, bench: Bench) -> torch.Tensor:
    """[n, W, F, M] of every unit; held in memory (a 10 s unit of a 48 kHz model: 0.26 MB)."""
    found = []
    for waveform in waveforms(embedder, bench.data.row, bench.data.units):
        windows = embedder.log_mel.pad(windows_of(waveform, embedder.log_mel.samples))
        found.append(embedder.log_mel(windows)[:, 0])
    return torch.stack(found)


@torch.inference_mode()
def _answers(model: Tuned, mels: torch.Tensor, rows: np.ndarray) -> np.ndarray:
    device = model.head.weight.device
    model.eval()
    return np.concatenate([model(mels[part].to(device)).cpu().numpy() for part in torch.from_numpy(rows).split(BATCH)])
