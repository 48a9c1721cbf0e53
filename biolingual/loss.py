"""Symmetric InfoNCE over the global batch, each worker holding its own rows.

Shapes: B local batch, N global batch, D embedding.
"""

from __future__ import annotations

import torch
import torch.distributed as dist
import torch.nn.functional as F


class _Gather(torch.autograd.Function):
    """All workers' rows, in rank order; backward sums what every worker's loss says of the local rows."""

    @staticmethod
    def forward(ctx, local: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(local) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, local.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        gradient = gradient.contiguous()
        dist.all_reduce(gradient)
        rows = gradient.shape[0] // dist.get_world_size()
        return gradient[dist.get_rank() * rows :][:rows]


def is_distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather(local: torch.Tensor) -> torch.Tensor:
    """[B, ...] -> [N, ...] with gradient; the tensor itself in a single process. Every worker holds the same B."""
    return _Gather.apply(local) if is_distributed() else local


def first_row(local_rows: int) -> int:
    """Where this worker's rows begin in the global batch."""
    return dist.get_rank() * local_rows if is_distributed() else 0


def contrastive_loss(
    audio_embeds: torch.Tensor,
    text_embeds: torch.Tensor,
    logit_scale: torch.Tensor,
    labels: torch.Tensor | None = None,
) -> torch.Tensor:
    """This worker's share of the loss over the global batch; the shares of all workers add up to it.

    audio_embeds, text_embeds: normalised [B, D]; logit_scale: the factor itself, not its logarithm. With `labels` [B],
    other pairs of the same label are no negatives of each other (their logits are removed).
    loss = mean over N of (CE(audio -> text) + CE(text -> audio)) / 2, as in Radford et al. 2021, arXiv 2103.00020, fig. 3.
    """
    rows = audio_embeds.shape[0]
    all_audio, all_text = gather(audio_embeds), gather(text_embeds)  # [N, D]
    start = first_row(rows)
    target = torch.arange(start, start + rows, device=audio_embeds.device)
    audio_logits = logit_scale * audio_embeds @ all_text.T  # [B, N]
    text_logits = logit_scale * text_embeds @ all_audio.T
    if labels is not None:
        same = labels[:, None] == gather(labels)[None, :]
        same[torch.arange(rows, device=same.device), target] = False
        audio_logits = audio_logits.masked_fill(same, float("-inf"))
        text_logits = text_logits.masked_fill(same, float("-inf"))
    total = F.cross_entropy(audio_logits, target, reduction="sum") + F.cross_entropy(
        text_logits, target, reduction="sum"
    )
    return total / (2 * all_audio.shape[0])


def sum_gradients(parameters: list[torch.Tensor]) -> None:
    """Add up every parameter's gradient over the workers, in one message. With `contrastive_loss`'s shares this is exact."""
    if not is_distributed():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(part.view_as(gradient))


def summed(value: torch.Tensor) -> torch.Tensor:
    """The sum of a scalar over the workers, without gradient."""
    value = value.detach().clone()
    if is_distributed():
        dist.all_reduce(value)
    return value
