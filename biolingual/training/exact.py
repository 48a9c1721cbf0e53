"""What makes a step the same however the global batch is cut up: over workers, and into micro batches on one worker.

Shapes: B local batch, F frames, M mel bins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch.overrides import TorchFunctionMode
from transformers import ClapModel

from biolingual.loss import ordered_sum
from biolingual.model import mel_batch_norm

ROWS = 64  # mels turned to float64 at a time
MIX_1, MIX_2 = 0xFF51AFD7ED558CCD - 2**64, 0xC4CEB9FE1A85EC53 - 2**64
LOW_31, LOW_24 = 2**31 - 1, 2**24 - 1


@contextmanager
def global_statistics(model: ClapModel, parts: list[torch.Tensor]) -> Iterator[None]:
    """The mel BatchNorm normalises by the statistics of the global batch, of which this worker holds parts [B, 1, F, M].

    They are summed over all parts in float64, in order. No gradient flows through them, and none is lost: this norm stands at the
    entrance, its input is data. So for the time of a step (backward included) they take the place of the running
    statistics, which move once, when the step is over, as torch.nn.BatchNorm2d moves them.
    """
    norm = mel_batch_norm(model)
    *sums, count = ordered_sum(torch.stack([_moments(part) for part in parts])).split([norm.num_features] * 2 + [1])
    mean = sums[0] / count
    variance = sums[1] / count - mean.square()
    kept = norm.running_mean.clone(), norm.running_var.clone()
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    try:
        yield
    finally:
        norm.running_mean.copy_(kept[0].double().lerp(mean, norm.momentum))
        norm.running_var.copy_(kept[1].double().lerp(variance * count / (count - 1), norm.momentum))
        norm.num_batches_tracked += 1


def _moments(mels: torch.Tensor) -> torch.Tensor:
    """[B, 1, F, M] -> float64 [2 M + 1]: each bin's sum, its sum of squares, and the number of values of a bin."""
    moments = mels.new_zeros(2, mels.shape[-1], dtype=torch.float64)
    for rows in mels.split(ROWS):
        values = rows.double()
        moments += torch.stack([values.sum(dim=(0, 1, 2)), values.square().sum(dim=(0, 1, 2))])
    return torch.cat([moments.flatten(), moments.new_full((1,), mels[..., 0].numel())])


class SampleDropout(TorchFunctionMode):
    """Dropout whose masks are hashes of (seed, step, layer, position in the global batch, element).

    So a sample loses the same units whichever worker holds it, in whichever micro batch, in each pass over it, and when
    activation checkpointing runs a layer again. It takes the place of every call of torch's own dropout while it is active.
    """

    def __init__(self, seed: int, step: int):
        super().__init__()
        self.seed, self.step = seed, step
        self.first = self.rows = 0
        self.layers: list[list[int]] = []  # [module's number, dropouts seen in this call of it], innermost last

    def at(self, first: int, rows: int) -> None:
        """What is encoded next are `rows` samples, the first at position `first` of the global batch."""
        self.first, self.rows = first, rows

    def enter(self, number: int) -> None:
        self.layers.append([number, 0])

    def leave(self) -> None:
        self.layers.pop()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        if func is F.dropout:
            return self._dropped(*args, **kwargs)
        if func is F.scaled_dot_product_attention and kwargs.get("dropout_p", 0.0) > 0:
            return self._attended(*args, **kwargs)
        return func(*args, **kwargs)

    def _dropped(self, values: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False):
        if not training or p == 0:
            return values
        if values.numel() % self.rows:
            raise ValueError(
                f"dropout of a tensor {tuple(values.shape)} that does not hold {self.rows} samples in order."
            )
        layer = self.layers[-1]
        layer[1] += 1
        words = f"{self.seed} {self.step} {layer[0]} {layer[1]}".encode()
        key = int.from_bytes(hashlib.blake2b(words, digest_size=8).digest(), "little", signed=True)
        start = self.first * (values.numel() // self.rows)
        element = torch.arange(start, start + values.numel(), device=values.device).view(values.shape)
        return values * (_hashed(element ^ key) >= p * 2**24).to(values.dtype) / (1 - p)

    def _attended(self, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_):
        """What F.scaled_dot_product_attention computes, in steps, with our dropout."""
        weights = query @ key.transpose(-2, -1) * (scale if scale is not None else query.shape[-1] ** -0.5)
        if attn_mask is not None:
            weights = (
                weights.masked_fill(~attn_mask, float("-inf")) if attn_mask.dtype == torch.bool else weights + attn_mask
            )
        return self._dropped(weights.softmax(-1), dropout_p) @ value


def _hashed(number: torch.Tensor) -> torch.Tensor:
    """int64 -> 24 even bits: MurmurHash3's 64-bit finaliser (Appleby 2011, public domain)."""
    for factor in (MIX_1, MIX_2):
        number = (number ^ (number >> 33 & LOW_31)) * factor
    return (number ^ (number >> 33 & LOW_31)) & LOW_24


@contextmanager
def sample_dropout(model: ClapModel, seed: int, step: int) -> Iterator[SampleDropout]:
    """SampleDropout around a step's forward and backward. A model without dropout pays nothing.

    ValueError for stochastic depth, whose draws are not per sample.
    """
    mode = SampleDropout(seed, step)
    audio, text = model.config.audio_config, model.config.text_config
    if getattr(audio, "drop_path_rate", 0.0):
        raise ValueError(f"drop_path_rate is {audio.drop_path_rate}: stochastic depth depends on luck. Set it to 0.")
    rates = [getattr(one, f"{name}_dropout_prob", 0) for one in (audio, text) for name in ("hidden", "attention_probs")]
    if not any(rates):
        yield mode
        return
    hooks = []
    for number, module in enumerate(model.modules()):
        hooks.append(module.register_forward_pre_hook(lambda _module, _args, number=number: mode.enter(number)))
        hooks.append(module.register_forward_hook(lambda *_: mode.leave(), always_call=True))
    try:
        with mode:
            yield mode
    finally:
        for hook in hooks:
            hook.remove()
