"""A model with all that its training has gathered: what a checkpoint must hold for a run to go on as if nothing had been."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from biolingual.loss import summed
from biolingual.model import build
from biolingual.shards import global_batches
from biolingual.training import loop
from biolingual.training.batches import Batch, PairBatches, Prefetched
from biolingual.training.job import Job
from biolingual.training.watching import watch

STATE = "state.pt"


class Learner:
    """model, optimiser, SigLIP's bias and `state`: {step, history, watched, seconds, waited, global_batch_size}."""

    def __init__(self, job: Job, train: PairBatches, valid: PairBatches, device: torch.device):
        self.params = job.pretrain
        self.train, self.valid, self.device = train, valid, device
        self.model = build(job.model, job.frontend.mel_bins, job.vocab_size()).to(device)
        self.bias = loop.logit_bias(self.params)
        if self.bias is not None:
            self.bias.data = self.bias.data.to(device)
        self.optimiser = loop.optimizer(self.model, self.params, self.bias)
        size = min(self.params.global_batch_size, len(train.pairs))
        self.state = {"step": 0, "history": [], "watched": [], "seconds": 0.0, "waited": 0.0, "global_batch_size": size}

    def begin(self, checkpoint: Path | None) -> None:
        """From a checkpoint's folder, or from the start: then the mel BatchNorm is set from the first clips of the order."""
        if checkpoint is not None:
            saved = torch.load(checkpoint / STATE, weights_only=True, map_location="cpu")
            self.model.load_state_dict(saved.pop("model"))
            self.optimiser.load_state_dict(saved.pop("optimizer"))
            if (bias := saved.pop("logit_bias")) is not None:
                self.bias.data.copy_(bias)
            self.state = saved
        else:
            first = next(global_batches(len(self.train.pairs), self.params.batch_norm_clips, self.params.seed))[1]
            loop.freeze_batch_norm(self.model, self.train.mels(first).to(self.device))
        loop.train_mode(self.model)

    def step(self, batch: Batch, number: int) -> dict:
        """One optimiser step; its line goes to the history every `log_every` steps."""
        measured = loop.step(self.model, self.optimiser, batch.to(self.device), number, self.params, self.bias)
        self.state["step"] = number + 1
        if number % self.params.log_every == 0 or self.done:
            self.state["history"].append(measured)
        return measured

    @property
    def done(self) -> bool:
        return self.state["step"] == self.params.steps

    def agreed(self, asked: bool) -> bool:
        """Whether any worker asks, told to all: the moment of a checkpoint must be the same everywhere."""
        return bool(summed(torch.tensor(float(asked), device=self.device)))

    def watch(self) -> None:
        """Measure the held-out clips and keep the numbers; of the histograms only the last."""
        for earlier in self.state["watched"]:
            earlier.pop("matched_histogram", None)
            earlier.pop("unmatched_histogram", None)
        found = watch(self.model, self.train, self.valid, self.params, self.bias)
        self.state["watched"].append({"step": self.state["step"], **found})
        loop.train_mode(self.model)

    def metrics(self) -> dict:
        """What Ray keeps of a checkpoint; checkpoints are ranked by valid_loss, or by the loss without held-out clips."""
        last = self.state["history"][-1] if self.state["history"] else {"loss": float("inf")}
        held_out = [one["valid_loss"] for one in self.state["watched"] if "valid_loss" in one]
        return {"step": self.state["step"], "loss": last["loss"], "valid_loss": (held_out or [last["loss"]])[-1]}

    def save(self, folder: Path) -> None:
        weights = {name: value.cpu() for name, value in self.model.state_dict().items()}
        bias = None if self.bias is None else self.bias.detach().cpu()
        saved = {"model": weights, "optimizer": self.optimiser.state_dict(), "logit_bias": bias}
        torch.save(self.state | saved, folder / STATE)


class Clock:
    """How long steps took, and how much of that was waiting for data; kept in the run's state over interruptions."""

    def __init__(self, state: dict, batches: Prefetched):
        self.state, self.batches = state, batches
        self.resume()

    def resume(self) -> None:
        """Checkpoints and measuring are no steps."""
        self.since, self.waited = time.monotonic(), self.batches.waited_s

    def tick(self) -> None:
        now, waited = time.monotonic(), self.batches.waited_s
        self.state["seconds"] += now - self.since
        self.state["waited"] += waited - self.waited
        self.since, self.waited = now, waited

    def line(self, measured: dict, steps: int) -> str:
        state = self.state
        rate = state["step"] * state["global_batch_size"] / state["seconds"]
        return (
            f"step {state['step']}/{steps}  loss {measured['loss']:.4f}  {rate:.0f} pairs/s  "
            f"waiting for data {state['waited'] / state['seconds']:.0%}"
        )
