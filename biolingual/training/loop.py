"""One training step and what surrounds it, in plain torch: schedule, losses, gradients cached over micro batches.

Shapes: B local batch, N global batch, M mel bins.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import torch
from transformers import ClapModel

from biolingual.loss import (
    alone,
    contrastive_loss,
    gather,
    global_rows,
    ordered_sum,
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

Encode = Callable[[slice], tuple[torch.Tensor, torch.Tensor]]


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
    with encoder(model, batch, number, params) as encode:
        parts = slices(slice(0, len(batch.mels)), params.micro_batch_size)
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


def backward_in_parts(
    model: ClapModel,
    parameters: list[torch.Tensor],
    batch: Batch,
    number: int,
    params: PretrainParams,
    bias: torch.Tensor | None = None,
) -> torch.Tensor:
    """Leave in `parameters` the gradient of the whole global batch's loss of step `number`; returns that loss.

    The global batch lies in `params.parts` equal parts, each whole on one worker and encoded alone; every worker takes the
    loss over all embeddings [N, D]; the parts' gradients are kept apart and added in order. So all products have the same
    shapes and all sums the same order, whichever number of workers holds the parts: the same bits. It costs the memory of
    a gradient for each part, the N x N logits, and on each worker the graphs of all its parts (without micro batches).
    """
    total = global_rows(batch.mels, batch.total)
    parts = slices(slice(0, len(batch.mels)), total // params.parts)
    first = rows_of(*world(), total, params.parts).start
    with encoder(model, batch, number, params) as encode:
        pieces = {part.start: slices(part, params.micro_batch_size) for part in parts}
        whole = all(len(found) == 1 for found in pieces.values())
        with nullcontext() if whole else torch.no_grad():
            encoded = {one.start: encode(one) for part in parts for one in pieces[part.start]}
        embeds = [
            _of_all(torch.cat([rows.detach() for rows in side]), params.parts, total).requires_grad_()
            for side in zip(*encoded.values(), strict=True)
        ]
        everything = replace(batch, labels=_of_all(batch.labels, params.parts, total), total=total)
        with alone():
            loss = loss_of_embeds(model, *embeds, everything, params, bias)
            loss.backward()
        of_the_loss = [(one, one.grad) for one in parameters if one.grad is not None]  # the logit scale, SigLIP's bias
        flat = []
        for part in parts:
            for one in parameters:
                one.grad = None
            for piece in pieces[part.start]:
                rows = slice(first + piece.start, first + piece.stop)
                torch.autograd.backward(
                    encoded[piece.start] if whole else encode(piece), [side.grad[rows] for side in embeds]
                )
            touched = [one for one in parameters if one.grad is not None]
            flat.append(torch.cat([one.grad.reshape(-1) for one in touched]))
        gradient = ordered_sum(torch.stack(flat))
    for one, values in zip(touched, gradient.split([one.numel() for one in touched]), strict=True):
        one.grad = values.view_as(one)
    for one, values in of_the_loss:
        one.grad = values
    return loss.detach()


def _of_all(rows: torch.Tensor, parts: int, total: int) -> torch.Tensor:
    """[B, ...] of whole parts -> [N, ...]: all workers' rows, without gradient."""
    return gather(rows.view(-1, total // parts, *rows.shape[1:]), parts).reshape(total, *rows.shape[1:])


@contextmanager
def encoder(model: ClapModel, batch: Batch, number: int, params: PretrainParams) -> Iterator[Encode]:
    """A function from rows of the local batch to their embeddings ([B, D], [B, D]), as step `number` sees them."""
    total = global_rows(batch.mels, batch.total)
    begin = rows_of(*world(), total, params.parts).start
    parts = batch.mels.split(total // params.parts) if params.parts else [batch.mels]
    statistics = global_statistics(model, parts) if params.batch_norm == "global" else nullcontext()
    with statistics, sample_dropout(model, params.seed, number) as dropout:

        def encode(part: slice) -> tuple[torch.Tensor, torch.Tensor]:
            dropout.at(begin + part.start, part.stop - part.start)
            audio = encode_audio(model, batch.mels[part])
            return audio, encode_text(model, batch.input_ids[part], batch.attention_mask[part])

        yield encode


def slices(rows: slice, size: int) -> list[slice]:
    """`rows` in pieces of `size`; 0 = in one."""
    size = size or rows.stop - rows.start
    return [slice(start, min(start + size, rows.stop)) for start in range(rows.start, rows.stop, size)]


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
    parameters = [one for group in optimiser.param_groups for one in group["params"]]
    if params.parts:
        loss = float(backward_in_parts(model, parameters, batch, number, params, bias))
    else:
        loss = float(summed(backward(model, batch, number, params, bias)))
        sum_gradients(parameters)
    norm = torch.nn.utils.clip_grad_norm_(parameters, params.max_gradient_norm)
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
