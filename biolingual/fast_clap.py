"""transformers' ClapModel made faster in place: the same weights, names and numbers; see fast_towers.py for how.

`speed_up` gives the two towers another class, so what is saved, loaded or moved stays plain transformers'.
"""

from __future__ import annotations

from itertools import pairwise

from transformers import ClapModel
from transformers.models.clap.modeling_clap import ClapAudioEncoder, ClapTextModel
from transformers.utils.output_capturing import _CAN_RECORD_REGISTRY

from biolingual.fast_towers import FastAudioEncoder, FastTextModel, Speed


def speed_up(model: ClapModel, speed: Speed | None = None) -> ClapModel:
    """The same model, faster. A tower of a kind not covered (feature fusion, sizes that need padding) stays as it is."""
    slow_down(model)
    encoder, text = model.audio_model.audio_encoder, model.text_model
    if _fits(encoder):
        encoder.__class__ = FastAudioEncoder
        encoder.speed = speed or Speed()
        encoder.plan()
    text.__class__ = FastTextModel
    _CAN_RECORD_REGISTRY[text] = text._can_record_outputs  # as the constructor does, by class
    text.speed = speed or Speed()
    if speed and speed.compile:
        encoder.compile(backend=speed.compile)
        text.compile(backend=speed.compile)
    return model


def slow_down(model: ClapModel) -> ClapModel:
    """The same model as plain transformers computes it."""
    encoder, text = model.audio_model.audio_encoder, model.text_model
    for module, plain in ((encoder, ClapAudioEncoder), (text, ClapTextModel)):
        module.__class__ = plain
        module._compiled_call_impl = None
        module.__dict__.pop("speed", None)
        for name in [name for name in module._buffers if name.startswith("fast_")]:
            delattr(module, name)
    return model


def _fits(encoder: ClapAudioEncoder) -> bool:
    """Whether FastAudioEncoder covers this tower: no feature fusion, no padding, square patches that do not overlap."""
    config, sizes = encoder.config, encoder.input_resolutions
    windows = [min(config.window_size, min(size)) for size in sizes]
    proj = encoder.patch_embed.proj
    return (
        not encoder.enable_fusion
        and config.num_mel_bins * encoder.freq_ratio == config.spec_size
        and proj.kernel_size == proj.stride
        and proj.padding == (0, 0)
        and config.flatten_patch_embeds
        and all(height % w == 0 and width % w == 0 for (height, width), w in zip(sizes, windows, strict=True))
        and all(2 * b[0] == a[0] and 2 * b[1] == a[1] for a, b in pairwise(sizes))
    )
