"""One training step and what surrounds it, in plain torch: schedule, frozen BatchNorm, held-out loss.

Shapes: B local batch, N global batch, M mel bins.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from transformers import ClapModel

from biolingual.loss import contrastive_loss, sum_gradients, summed
from biolingual.model import encode_audio, encode_text, mel_batch_norm
from biolingual.params import PretrainParams
from biolingual.training.batches import Batch, PairBatches


def optimizer(model: ClapModel, params: PretrainParams) -> torch.optim.AdamW:
    """AdamW; vectors and scalars (biases, norms, the logit scale) are not decayed."""
    trained = [parameter for name, parameter in model.named_parameters() if name != "logit_scale_t"]
    groups = [
        {"params": [one for one in trained if one.ndim >= 2], "weight_decay": params.weight_decay},
        {"params": [one for one in trained if one.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=(0.9, 0.999))


def learning_rate(step: int, params: PretrainParams) -> float:
    """Linear from 0 over the warm-up, then a half cosine to 0 at the last step."""
    if step < params.warmup_steps:
        return params.learning_rate * (step + 1) / params.warmup_steps
    share = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def freeze_batch_norm(model: ClapModel, mels: torch.Tensor) -> None:
    """Set the running statistics of the mel BatchNorm from mels [B, 1, F, M].

    Frozen statistics make a step independent of how the global batch is split over workers; a BatchNorm in train mode
    would see each worker's own part.
    """
    norm = mel_batch_norm(model)
    values = mels.double()
    norm.running_mean.copy_(values.mean(dim=(0, 1, 2)))
    norm.running_var.copy_(values.var(dim=(0, 1, 2), unbiased=False))


def train_mode(model: ClapModel) -> None:
    """Train mode with the mel BatchNorm left frozen."""
    model.train()
    mel_batch_norm(model).eval()


def loss_of(model: ClapModel, batch: Batch, params: PretrainParams) -> torch.Tensor:
    """This worker's share of the global batch's loss."""
    scale = model.logit_scale_a.exp().clamp(max=params.max_logit_scale)
    return contrastive_loss(
        encode_audio(model, batch.mels),
        encode_text(model, batch.input_ids, batch.attention_mask),
        scale,
        batch.labels if params.mask_same_species else None,
    )


def step(model: ClapModel, optimiser: torch.optim.Optimizer, batch: Batch, number: int, params: PretrainParams) -> dict:
    """One optimiser step on this worker's part of the global batch.

    Returns loss (of the whole global batch), learning_rate, gradient_norm, logit_scale. FloatingPointError when the loss
    is not finite.
    """
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(number, params)
    optimiser.zero_grad(set_to_none=True)
    share = loss_of(model, batch, params)
    share.backward()
    parameters = [one for group in optimiser.param_groups for one in group["params"]]
    sum_gradients(parameters)
    norm = torch.nn.utils.clip_grad_norm_(parameters, params.max_gradient_norm)
    loss = float(summed(share))
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} at step {number}. Lower pretrain.learning_rate.")
    optimiser.step()
    return {
        "step": number,
        "loss": loss,
        "learning_rate": optimiser.param_groups[0]["lr"],
        "gradient_norm": float(norm),
        "logit_scale": float(model.logit_scale_a.detach().exp()),
    }


@torch.no_grad()
def held_out_loss(model: ClapModel, batches: PairBatches, size: int) -> float | None:
    """Mean symmetric loss over batches of `size` in the pairs' order, same-species pairs as negatives; None without pairs."""
    model.eval()
    losses, weights = [], []
    for start in range(0, len(batches.pairs), size):
        indices = np.arange(start, min(start + size, len(batches.pairs)))
        if len(indices) < 2:
            continue
        batch = batches.batch(indices, step=0).to(model.logit_scale_a.device)
        audio, text = encode_audio(model, batch.mels), encode_text(model, batch.input_ids, batch.attention_mask)
        logits = model.logit_scale_a.exp() * audio @ text.T
        target = torch.arange(len(indices), device=logits.device)
        losses.append(
            float(
                (
                    torch.nn.functional.cross_entropy(logits, target)
                    + torch.nn.functional.cross_entropy(logits.T, target)
                )
                / 2
            )
        )
        weights.append(len(indices))
    return float(np.average(losses, weights=weights)) if losses else None
