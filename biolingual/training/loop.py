"""One training step and what surrounds it, in plain torch: schedule, losses, gradients cached over micro batches.

Shapes: B local batch, N global batch, M mel bins.
"""

from __future__ import annotations

import math
from contextlib import nullcontext

import torch
from transformers import ClapModel

from biolingual.loss import (
    contrastive_loss,
    global_rows,
    rows_of,
    sigmoid_loss,
    sum_gradients,
    summed,
    world,
)
from biolingual.model import encode_audio, encode_text, mel_batch_norm
from biolingual.params import PretrainParams
from biolingual.training.batches import Batch
from biolingual.training.exact import global_statistics, sample_dropout


def optimizer(model: ClapModel, params: PretrainParams, bias: torch.nn.Parameter | None = None) -> torch.optim.AdamW:
    """AdamW; vectors and scalars (biases, norms, the logit scale) are not decayed."""
    trained = [parameter for name, parameter in model.named_parameters() if name != "logit_scale_t"]
    trained += [] if bias is None else [bias]
    groups = [
        {"params": [one for one in trained if one.ndim >= 2], "weight_decay": params.weight_decay},
        {"params": [one for one in trained if one.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=params.learning_rate, betas=(0.9, 0.999), fused=True)


def learning_rate(step: int, params: PretrainParams) -> float:
    """Linear from 0 over the warm-up, then a half cosine to 0 at the last step."""
    if step < params.warmup_steps:
        return params.learning_rate * (step + 1) / params.warmup_steps
    share = (step - params.warmup_steps) / max(1, params.steps - params.warmup_steps)
    return params.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def freeze_batch_norm(model: ClapModel, mels: torch.Tensor) -> None:
    """Set the running statistics of the mel BatchNorm from mels [B, 1, F, M]: `batch_norm: frozen` leaves them there.

    Frozen statistics make a step independent of how the global batch is split over workers; a BatchNorm in train mode
    would see each worker's own part. `batch_norm: global` begins from them.
    """
    norm = mel_batch_norm(model)
    values = mels.double()
    norm.running_mean.copy_(values.mean(dim=(0, 1, 2)))
    norm.running_var.copy_(values.var(dim=(0, 1, 2), unbiased=False))


def train_mode(model: ClapModel) -> None:
    """Train mode, but the mel BatchNorm never takes a worker's own part of a batch for the whole."""
    model.train()
    mel_batch_norm(model).eval()


def logit_bias(params: PretrainParams) -> torch.nn.Parameter | None:
    """SigLIP's bias (Zhai et al. 2023: begins at -10), None for InfoNCE. Embeddings do not need it: no published weight."""
    return torch.nn.Parameter(torch.tensor(-10.0)) if params.loss == "siglip" else None


def loss_of_embeds(
    model: ClapModel,
    audio_embeds: torch.Tensor,
    text_embeds: torch.Tensor,
    batch: Batch,
    params: PretrainParams,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """This worker's share of the global batch's loss, from normalised embeddings [B, D] of its rows."""
    scale = model.logit_scale_a.exp().clamp(max=params.max_logit_scale)
    labels = None if params.mask == "none" else batch.labels
    if bias is not None:
        return sigmoid_loss(audio_embeds, text_embeds, scale, bias, labels, batch.total)
    return contrastive_loss(audio_embeds, text_embeds, scale, labels, batch.total)


def backward(
    model: ClapModel, batch: Batch, number: int, params: PretrainParams, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Add the gradients of this worker's share of the loss of step `number`, and return that share.

    With `micro_batch_size` the gradient is cached at the embeddings (GradCache: Gao et al. 2021, arXiv 2101.06983): all
    rows are encoded without a graph, the loss is taken over the whole global batch, and then each micro batch is encoded
    once more and takes up its rows of the gradient. Equal to the one-shot gradient, at the memory of one micro batch.
    """
    rows = len(batch.mels)
    size = params.micro_batch_size or rows
    begin = rows_of(*world(), global_rows(batch.mels, batch.total)).start
    parts = [slice(start, min(start + size, rows)) for start in range(0, rows, size)]
    statistics = global_statistics(model, batch.mels) if params.batch_norm == "global" else nullcontext()
    with statistics, sample_dropout(model, params.seed, number) as dropout:

        def encode(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
            dropout.at(begin + part.start, part.stop - part.start)
            audio = encode_audio(model, batch.mels[part])
            return audio, encode_text(model, batch.input_ids[part], batch.attention_mask[part])

        if len(parts) == 1:
            share = loss_of_embeds(model, *encode(parts[0]), batch, params, bias)
            share.backward()
            return share.detach()
        with torch.no_grad():
            embeds = [torch.cat(side).requires_grad_() for side in zip(*map(encode, parts), strict=True)]
        share = loss_of_embeds(model, *embeds, batch, params, bias)
        share.backward()
        for part in parts:
            torch.autograd.backward(encode(part), [side.grad[part] for side in embeds])
    return share.detach()


def step(
    model: ClapModel,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    number: int,
    params: PretrainParams,
    bias: torch.nn.Parameter | None = None,
) -> dict:
    """One optimiser step on this worker's part of the global batch.

    Returns loss (of the whole global batch), learning_rate, gradient_norm, logit_scale. FloatingPointError when the loss
    is not finite.
    """
    for group in optimiser.param_groups:
        group["lr"] = learning_rate(number, params)
    optimiser.zero_grad(set_to_none=True)
    share = backward(model, batch, number, params, bias)
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
