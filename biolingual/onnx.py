"""Both towers as ONNX files that need no Python: waveforms -> embeds, token ids -> embeds.

torch.stft does not export, so the log-mel inside is a discrete Fourier transform written as a matrix product.
Shapes: B batch, T samples of one window, F frames, K used frequency bins, M mel bins, L tokens, D embedding.
"""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path

import numpy as np
import torch
from transformers import ClapModel
from transformers.utils.logging import disable_progress_bar

from biolingual.frontend import AMIN, LogMel
from biolingual.model import Embedder, encode_audio, encode_text

OPSET = 20
PROBES = 8


class DftLogMel(torch.nn.Module):
    """`LogMel` without an FFT: [B, T] -> [B, 1, F, M] in dB. The products are float64, as its transform is."""

    def __init__(self, log_mel: LogMel):
        super().__init__()
        size, hop, samples = log_mel.fft_window, log_mel.hop_length, log_mel.samples
        starts = torch.arange(0, samples + 1, hop) - size // 2
        places = (starts[:, None] + torch.arange(size)).abs()  # reflected at the beginning ...
        last = samples - 1
        self.places = torch.nn.Buffer(last - (last - places).abs())  # ... and at the end: [F, fft_window]
        filters = log_mel.mel_filters.double()
        used = filters.any(dim=1).nonzero().flatten()
        angle = torch.arange(size).double()[:, None] * used.double() * (2 * torch.pi / size)
        window = torch.hann_window(size, periodic=True, dtype=torch.float64)[:, None]
        self.waves = torch.nn.Buffer(torch.cat([window * angle.cos(), window * angle.sin()], 1))  # [fft_window, 2 K]
        self.filters = torch.nn.Buffer(torch.cat([filters[used]] * 2))  # [2 K, M]

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        frames = waveforms[:, self.places].double()  # [B, F, fft_window]
        mel = (frames @ self.waves).square() @ self.filters
        return (10.0 * torch.log10(mel.clamp_min(AMIN))).float().unsqueeze(1)


class AudioTower(torch.nn.Module):
    """waveforms [B, T] -> audio_embeds [B, D]"""

    def __init__(self, model: ClapModel, log_mel: LogMel):
        super().__init__()
        self.model, self.mel = model, DftLogMel(log_mel)

    def forward(self, waveforms: torch.Tensor) -> torch.Tensor:
        return encode_audio(self.model, self.mel(waveforms))


class TextTower(torch.nn.Module):
    """input_ids [B, L], attention_mask [B, L] -> text_embeds [B, D]"""

    def __init__(self, model: ClapModel):
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return encode_text(self.model, input_ids, attention_mask)


def export_onnx(folder: str, out: Path) -> list[Path]:
    """Write audio.onnx and text.onnx of a model folder or hub id; returns their paths.

    audio.onnx takes `waveforms` float32 [B, T], each repeat-padded or cut to one window; text.onnx takes `input_ids` and
    `attention_mask` int64 [B, L]. B and L are free. Embeddings equal `Embedder`'s to 1e-4.
    """
    disable_progress_bar()
    embedder = Embedder.load(folder)
    out.mkdir(parents=True, exist_ok=True)
    waveforms = torch.zeros(2, embedder.log_mel.samples)
    ids, mask = torch.full((2, 7), 3), torch.ones(2, 7, dtype=torch.long)
    audio, text = AudioTower(embedder.model, embedder.log_mel), TextTower(embedder.model)
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=2)
    with torch.no_grad():
        audio(waveforms)  # lays down what depends on the number of frames
    return [
        _write(audio, (waveforms,), out / "audio.onnx", ["audio_embeds"], ({0: batch},)),
        _write(text, (ids, mask), out / "text.onnx", ["text_embeds"], ({0: batch, 1: length},) * 2),
    ]


def differences(folder: str, files: list[Path]) -> dict[str, float]:
    """{tower: largest absolute difference} between onnxruntime on the exported files and `Embedder`, on noise and sentences."""
    import onnxruntime

    embedder = Embedder.load(folder)
    draw = np.random.Generator(np.random.PCG64(0))
    sounds = list(draw.normal(0, 0.1, (PROBES, embedder.log_mel.samples)).astype(np.float32))
    texts = [f"The sound of animal number {number}." for number in range(PROBES)]
    words = embedder.tokenizer(texts, padding=True, return_tensors="np")
    inputs = {
        "audio": {"waveforms": np.stack(sounds)},
        "text": {name: words[name].astype(np.int64) for name in ("input_ids", "attention_mask")},
    }
    ours = {"audio": embedder.audio(sounds), "text": embedder.text(texts)}
    found = {}
    for path in files:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        found[path.stem] = float(np.abs(session.run(None, inputs[path.stem])[0] - ours[path.stem]).max())
    return found


def _write(module: torch.nn.Module, inputs: tuple, path: Path, outputs: list[str], shapes: tuple) -> Path:
    part = path.with_suffix(".part")
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it tells of packages that nothing here needs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter's own workings
        program = torch.onnx.export(
            module.eval(),
            inputs,
            dynamo=True,
            opset_version=OPSET,
            output_names=outputs,
            dynamic_shapes=shapes,
            external_data=False,
            verbose=False,
        )
    program.save(part, external_data=False)
    os.replace(part, path)
    return path
