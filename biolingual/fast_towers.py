"""HTS-AT and RoBERTa as transformers' ClapModel holds them, with less copying: what `speed_up` turns its towers into.

Where the time went (torch.profiler, two cores): window partitions, rolls and merges are copies, so tokens are kept in
window order through a stage and reordered once where the order changes; the bicubic resize of the mel is a fixed matrix;
position, type and mask tensors of the text were made anew in every forward.

Shapes: B batch, F frames, M mel bins, N tokens of a stage, W windows, n tokens of a window, H heads, C channels, L text tokens.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch.overrides import _get_current_function_mode_stack
from torch.utils.checkpoint import checkpoint
from transformers.modeling_outputs import BaseModelOutputWithPooling
from transformers.models.clap.modeling_clap import ClapAudioEncoder, ClapTextModel

ATTENTION = {"cpu": "matmul"}  # SDPA elsewhere: with an additive bias it is 1.6-1.9 times slower than matmul on CPUs


@dataclass(frozen=True)
class Speed:
    """Switches of `speed_up`.

    attention: "matmul", "sdpa" or "" = what measured faster on the device. checkpointing: keep only each stage's (text: each
    layer's) input and compute the rest again in backward. autocast: compute the towers in this type. compile: a
    torch.compile backend, "" = none.
    """

    attention: str = ""
    checkpointing: bool = False
    autocast: torch.dtype | None = None
    compile: str = ""


class FastAudioEncoder(ClapAudioEncoder):
    """HTS-AT on tokens in window order."""

    def plan(self) -> None:
        """Lay down the token orders as buffers that are not saved but move with the model."""
        device = self.batch_norm.weight.device
        before = torch.arange(self.input_resolutions[0][0] * self.input_resolutions[0][1])
        for number, (stage, (height, width)) in enumerate(zip(self.layers, self.input_resolutions, strict=True)):
            for place, layer in enumerate(stage.blocks):
                layer.set_shift_and_window_size((height, width))
                wanted = window_order(height, width, layer.window_size, layer.shift_size)
                self._keep(f"{number}_{place}_order", _route(before, wanted), device)
                mask = layer.get_attn_mask(height, width, torch.float32, torch.device("cpu"))
                if mask is not None:
                    self._keep(f"{number}_{place}_mask", mask.unsqueeze(1), device)  # [W, 1, n, n]
                before = wanted
            if stage.downsample is not None:
                after = torch.arange(height * width // 4)
                self._keep(f"{number}_merge", _route(before, merge_order(height, width)), device)
                before = after
        self._keep("last", _route(before, torch.arange(len(before))), device)
        self._keep("resize", torch.zeros(0, 0), device)

    def _keep(self, name: str, value: torch.Tensor | None, device: torch.device) -> None:
        self.register_buffer(f"fast_{name}", None if value is None else value.to(device), persistent=False)

    def forward(self, input_features, is_longer=None, **kwargs):
        """As ClapAudioEncoder's; intermediate outputs, where asked for, come from the plain computation."""
        frames = input_features.shape[2]
        if (
            _more_wanted(self.config, kwargs)
            or input_features.shape[1] != 1
            or frames > self.spec_size * self.freq_ratio
        ):
            return super().forward(input_features, is_longer=is_longer, **kwargs)
        with _autocast(self.speed, input_features):
            tokens = self._patches(input_features)
            for number in range(self.num_layers):
                tokens = _maybe_checkpoint(self, self._stage, number, tokens)
            tokens = self.norm(_reordered(tokens, self.fast_last))
        tokens = tokens.to(input_features.dtype)
        return BaseModelOutputWithPooling(last_hidden_state=self._map(tokens), pooler_output=tokens.mean(1))

    def _patches(self, mels: torch.Tensor) -> torch.Tensor:
        """[B, 1, F, M] -> [B, N, C] in natural order: the mel cut into `freq_ratio` pieces of time, one under the other."""
        batch, _, frames, mel_bins = mels.shape
        mels = self.batch_norm(mels.transpose(1, 3).contiguous()).flatten(2)  # [B, M, F]
        if frames < self.spec_size * self.freq_ratio:
            mels = mels @ self._resize_matrix(frames)
        height, width = self.patch_stride
        cut = mels.view(batch, mel_bins // height, height, self.freq_ratio, -1, width).permute(0, 3, 1, 4, 2, 5)
        patches = cut.reshape(batch, -1, height * width)  # [B, N, patch]
        proj = self.patch_embed.proj
        return self.patch_embed.norm(F.linear(patches, proj.weight.flatten(1), proj.bias))

    def _resize_matrix(self, frames: int) -> torch.Tensor:
        """[F, time of the image]: bicubic interpolation is linear in what it interpolates."""
        if self.fast_resize.shape[0] != frames:
            with torch.inference_mode(False), torch.no_grad():
                weight = self.batch_norm.weight
                self.fast_resize = bicubic_matrix(frames, self.spec_size * self.freq_ratio).to(weight)
        return self.fast_resize

    def _stage(self, number: int, tokens: torch.Tensor) -> torch.Tensor:
        """One stage and the merging after it: [B, N, C] -> [B, N / 4, 2 C]."""
        stage = self.layers[number]
        for place, layer in enumerate(stage.blocks):
            tokens = _reordered(tokens, getattr(self, f"fast_{number}_{place}_order"))
            mask = getattr(self, f"fast_{number}_{place}_mask", None)
            windows = layer.layernorm_before(tokens).view(-1, layer.window_size**2, tokens.shape[2])  # [B W, n, C]
            attended = _window_attention(layer.attention, windows, mask, self.speed).view_as(tokens)
            tokens = tokens + layer.drop_path(attended)
            tokens = tokens + layer.output(_expanded(layer.intermediate, layer.layernorm_after(tokens)))
        if stage.downsample is None:
            return tokens
        tokens = _reordered(tokens, getattr(self, f"fast_{number}_merge"))
        tokens = tokens.view(tokens.shape[0], -1, 4 * tokens.shape[2])
        return stage.downsample.reduction(stage.downsample.norm(tokens))

    def _map(self, tokens: torch.Tensor) -> torch.Tensor:
        """[B, N, C] -> transformers' last_hidden_state [B, C, frequency, time]."""
        height, width = self.input_resolutions[-1]
        rows = height // self.freq_ratio
        grid = tokens.transpose(1, 2).unflatten(2, (height // rows, rows, width)).transpose(2, 3)
        return grid.flatten(3)


class FastTextModel(ClapTextModel):
    """RoBERTa without what one forward of ids and mask does not need."""

    def forward(self, input_ids=None, attention_mask=None, **kwargs):
        """As ClapTextModel's; anything but ids and mask goes the plain way."""
        if input_ids is None or self.pooler is None or _more_wanted(self.config, kwargs):
            return super().forward(input_ids=input_ids, attention_mask=attention_mask, **kwargs)
        weight = self.embeddings.LayerNorm.weight
        with _autocast(self.speed, weight):
            hidden = self._embed(input_ids)  # [B, L, C]
            blocked = None
            if attention_mask is not None:
                least = torch.finfo(hidden.dtype).min
                blocked = torch.zeros_like(attention_mask, dtype=hidden.dtype).masked_fill_(attention_mask == 0, least)
                blocked = blocked[:, None, None, :]
            for layer in self.encoder.layer:
                hidden = _maybe_checkpoint(self, self._layer, layer, hidden, blocked)
            pooled = self.pooler(hidden)
        return BaseModelOutputWithPooling(
            last_hidden_state=hidden.to(weight.dtype), pooler_output=pooled.to(weight.dtype)
        )

    def _embed(self, input_ids: torch.Tensor) -> torch.Tensor:
        part = self.embeddings
        positions = part.create_position_ids_from_input_ids(input_ids, part.padding_idx)
        hidden = part.word_embeddings(input_ids) + part.position_embeddings(positions)
        return part.dropout(part.LayerNorm(hidden + part.token_type_embeddings.weight[0]))

    def _layer(self, layer, hidden: torch.Tensor, blocked: torch.Tensor | None) -> torch.Tensor:
        core = layer.attention.self
        query, key, value = _heads(core, hidden)
        mixed = _attend(query, key, value, blocked, core.dropout, self.speed).flatten(2)
        attended = layer.attention.output(mixed, hidden)
        return layer.output(layer.intermediate(attended), attended)


def window_order(height: int, width: int, window: int, shift: int) -> torch.Tensor:
    """[N]: the natural place of each token when the map, rolled by -shift, is read window by window."""
    places = torch.arange(height * width).view(height, width).roll((-shift, -shift), (0, 1))
    return places.view(height // window, window, width // window, window).transpose(1, 2).reshape(-1)


def merge_order(height: int, width: int) -> torch.Tensor:
    """[N]: natural places, four children of a merged token after each other, columns before rows."""
    places = torch.arange(height * width).view(height // 2, 2, width // 2, 2)
    return places.permute(0, 2, 3, 1).reshape(-1)


def bicubic_matrix(length: int, wanted: int) -> torch.Tensor:
    """[length, wanted]: what F.interpolate (bicubic, aligned corners) does to each unit vector."""
    unit = torch.eye(length)[None, None]
    return F.interpolate(unit, (wanted, length), mode="bicubic", align_corners=True)[0, 0].T.contiguous()


class _Reorder(torch.autograd.Function):
    """Tokens in another order. The gradient goes back by the inverse order, not by a scatter."""

    @staticmethod
    def forward(ctx, tokens: torch.Tensor, order: torch.Tensor, inverse: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(inverse)
        return tokens.index_select(1, order)

    @staticmethod
    def backward(ctx, gradient: torch.Tensor):
        return gradient.index_select(1, ctx.saved_tensors[0]), None, None


def _route(before: torch.Tensor, after: torch.Tensor) -> torch.Tensor | None:
    """[2, N]: from one order of natural places to another and back; None where they are the same."""
    if torch.equal(before, after):
        return None
    order = torch.argsort(before)[after]
    return torch.stack([order, torch.argsort(order)])


def _reordered(tokens: torch.Tensor, route: torch.Tensor | None) -> torch.Tensor:
    if route is None:
        return tokens
    return _Reorder.apply(tokens, *route) if tokens.requires_grad else tokens.index_select(1, route[0])


def _heads(core, hidden: torch.Tensor) -> list[torch.Tensor]:
    """[..., n, C] -> query, key and value as [..., H, n, C / H]"""
    shape = (core.num_attention_heads, core.attention_head_size)
    return [linear(hidden).unflatten(-1, shape).transpose(-2, -3) for linear in (core.query, core.key, core.value)]


def _attend(query, key, value, bias: torch.Tensor | None, dropout: torch.nn.Dropout, speed: Speed) -> torch.Tensor:
    """[B, H, n, C / H] and an additive bias, [B or 1, H or 1, n or 1, n] or for masked windows [1, W, H, n, n] -> [B, n, H, C / H].

    With dropout always by matmul: SDPA has its own, and training draws its masks per sample (training/exact.py).
    """
    scale = query.shape[-1] ** -0.5
    wanted = speed.attention or ATTENTION.get(query.device.type, "sdpa")
    if wanted == "sdpa" and not (dropout.training and dropout.p):
        if bias is not None and bias.ndim == 5:
            bias = bias.expand(query.shape[0] // bias.shape[1], -1, -1, -1, -1).flatten(0, 1)
        bias = None if bias is None else bias.to(query.dtype)
        return F.scaled_dot_product_attention(query, key, value, attn_mask=bias, scale=scale).transpose(1, 2)
    scores = (query * scale) @ key.transpose(-1, -2)
    if bias is not None and bias.ndim == 5:
        scores = (scores.unflatten(0, (-1, bias.shape[1])) + bias).flatten(0, 1)
    elif bias is not None:
        scores = scores + bias
    return (dropout(scores.softmax(-1)) @ value).transpose(1, 2)


def _window_attention(attention, windows: torch.Tensor, mask: torch.Tensor | None, speed: Speed) -> torch.Tensor:
    """[B W, n, C] -> [B W, n, C] with the relative position bias of Swin, and the mask of shifted windows [W, 1, n, n]."""
    core = attention.self
    inside = windows.shape[1]
    bias = F.embedding(core.relative_position_index.view(-1), core.relative_position_bias_table)  # [n n, H]
    bias = bias.T.reshape(1, -1, inside, inside)
    mixed = _attend(*_heads(core, windows), bias if mask is None else (bias + mask)[None], core.dropout, speed)
    return attention.output(mixed.flatten(2), windows)


def _expanded(intermediate, tokens: torch.Tensor) -> torch.Tensor:
    """The first half of an MLP. On CPUs torch copies the bias into a linear's whole output first: 2.5 ms of 5 in the widest."""
    if tokens.device.type != "cpu" or torch.compiler.is_exporting():
        return intermediate(tokens)
    dense = intermediate.dense
    return intermediate.intermediate_act_fn(F.linear(tokens, dense.weight).add_(dense.bias))


def _more_wanted(config, kwargs: dict) -> bool:
    """Whether a caller or the config asks for more than embeddings and last hidden states."""
    asked = any(value is not None and value is not False for name, value in kwargs.items() if name != "return_dict")
    return asked or config.output_hidden_states or config.output_attentions


def _autocast(speed: Speed, like: torch.Tensor):
    if speed.autocast is None:
        return contextlib.nullcontext()
    return torch.autocast(like.device.type, speed.autocast)


def _maybe_checkpoint(module, function, *args) -> torch.Tensor:
    if module.speed.checkpointing and module.training and torch.is_grad_enabled():
        return checkpoint(function, *args, use_reentrant=False, context_fn=_same_modes)
    return function(*args)


def _same_modes() -> tuple[contextlib.AbstractContextManager, contextlib.AbstractContextManager]:
    """For `checkpoint`: what overrides torch functions now (per-sample dropout) does so too when a stage is computed again."""
    active = _get_current_function_mode_stack()

    @contextlib.contextmanager
    def again():
        with contextlib.ExitStack() as stack:
            for mode in active:
                stack.enter_context(mode)
            yield

    return contextlib.nullcontext(), again()
