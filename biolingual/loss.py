"""Contrastive losses over the global batch, each worker holding its own rows.

Shapes: B local batch, N global batch, D embedding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
import torch.distributed as dist
import torch.nn.functional as F

_ALONE = False


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Within it this worker is the whole world: for what one worker does while the others wait."""
    global _ALONE
    before, _ALONE = _ALONE, True
    try:
        yield
    finally:
        _ALONE = before


def is_distributed() -> bool:
    return not _ALONE and dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def world() -> tuple[int, int]:
    """(this worker's rank, the number of workers)"""
    return (dist.get_rank(), dist.get_world_size()) if is_distributed() else (0, 1)


def rows_of(rank: int, workers: int, total: int, parts: int = 0) -> slice:
    """The rows of a global batch of `total` that a worker holds: in rank order, sizes differing by one at most.

    With `parts`, of which `total` is a multiple, it holds whole ones, their number differing by one at most.
    """
    if parts:
        own, size = rows_of(rank, workers, parts), total // parts
        return slice(own.start * size, own.stop * size)
    return slice(rank * total // workers, (rank + 1) * total // workers)


class _Gather(torch.autograd.Function):
    """All workers' rows, in rank order; backward sums what every worker's loss says of the local rows."""

    @staticmethod
    def forward(ctx, local: torch.Tensor, total: int) -> torch.Tensor:
        rank, workers = world()
        parts = [rows_of(one, workers, total) for one in range(workers)]
        ctx.mine, longest = parts[rank], -(-total // workers)
        if len(local) != ctx.mine.stop - ctx.mine.start:
            raise ValueError(f"worker {rank} holds {len(local)} rows of {total}; its share is {ctx.mine}.")
        padded = local.new_zeros(longest, *local.shape[1:])
        padded[: len(local)] = local
        found = [torch.empty_like(padded) for _ in parts]
        dist.all_gather(found, padded)
        return torch.cat([rows[: part.stop - part.start] for rows, part in zip(found, parts, strict=True)])

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        return gradient[ctx.mine], None


def global_rows(local: torch.Tensor, total: int | None) -> int:
    """N: `total`, or the local rows times the workers where every worker holds as many."""
    return total or len(local) * world()[1]


def gather(local: torch.Tensor, total: int | None = None) -> torch.Tensor:
    """[B, ...] -> [N, ...] with gradient; the tensor itself in a single process. Every worker holds its `rows_of`."""
    return _Gather.apply(local, global_rows(local, total)) if is_distributed() else local


def contrastive_loss(
    audio_embeds: torch.Tensor,
    text_embeds: torch.Tensor,
    logit_scale: torch.Tensor,
    labels: torch.Tensor | None = None,
    total: int | None = None,
) -> torch.Tensor:
    """This worker's share of the loss over the global batch; the shares of all workers add up to it.

    audio_embeds, text_embeds: normalised [B, D]; logit_scale: the factor itself, not its logarithm. With `labels` [B],
    other pairs of the same label are no negatives of each other (their logits are removed). Memory is O(B x N).
    loss = mean over N of (CE(audio -> text) + CE(text -> audio)) / 2, as in Radford et al. 2021, arXiv 2103.00020, fig. 3.
    """
    all_audio, all_text = gather(audio_embeds, total), gather(text_embeds, total)  # [N, D]
    target, same = _matches(audio_embeds, labels, total)
    audio_logits = logit_scale * audio_embeds @ all_text.T  # [B, N]
    text_logits = logit_scale * text_embeds @ all_audio.T
    if same is not None:
        audio_logits = audio_logits.masked_fill(same, float("-inf"))
        text_logits = text_logits.masked_fill(same, float("-inf"))
    added = F.cross_entropy(audio_logits, target, reduction="sum") + F.cross_entropy(
        text_logits, target, reduction="sum"
    )
    return added / (2 * len(all_audio))


def sigmoid_loss(
    audio_embeds: torch.Tensor,
    text_embeds: torch.Tensor,
    logit_scale: torch.Tensor,
    logit_bias: torch.Tensor,
    labels: torch.Tensor | None = None,
    total: int | None = None,
) -> torch.Tensor:
    """This worker's share of SigLIP's loss over the global batch: each of the N x N pairs is a yes-or-no question of its own.

    loss = -1/N sum over i, j of log sigmoid(z_ij (scale x_i.y_j + bias)), z = 1 for a pair and -1 otherwise; Zhai et al.
    2023, arXiv 2303.15343, eq. 1. With `labels`, unpaired ones of the same label are left out of the sum.
    """
    all_text = gather(text_embeds, total)  # [N, D]
    target, same = _matches(audio_embeds, labels, total)
    logits = logit_scale * audio_embeds @ all_text.T + logit_bias  # [B, N]
    sign = torch.full_like(logits, -1.0).scatter_(1, target[:, None], 1.0)
    losses = -F.logsigmoid(sign * logits)
    if same is not None:
        losses = losses.masked_fill(same, 0.0)
    return losses.sum() / len(all_text)


def _matches(
    local: torch.Tensor, labels: torch.Tensor | None, total: int | None
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """(the column of each row's own pair [B], which other columns carry its label [B, N] or None)"""
    start = rows_of(*world(), global_rows(local, total)).start
    target = torch.arange(start, start + len(local), device=local.device)
    if labels is None:
        return target, None
    same = labels[:, None] == gather(labels, total)[None, :]
    same[torch.arange(len(local), device=same.device), target] = False
    return target, same


def sum_gradients(parameters: list[torch.Tensor]) -> None:
    """Add up every parameter's gradient over the workers, in one message. With shares of a loss this is exact."""
    if not is_distributed():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def ordered_sum(parts: torch.Tensor) -> torch.Tensor:
    """[P, ...] of this worker -> the sum [...] of all workers' parts, added one after the other in rank order.

    Every worker holds its `rows_of` the parts. Unlike an all-reduce it has the same bits for any number of workers.
    """
    count = torch.tensor(len(parts), device=parts.device)
    everyone = gather(parts, int(summed(count)))
    total = everyone[0].clone()
    for part in everyone[1:]:
        total += part
    return total


def summed(value: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over the workers, without gradient."""
    value = value.detach().clone()
    if is_distributed():
        dist.all_reduce(value)
    return value
