"""The ONNX files give the embeddings that the model folder gives, without torch or transformers."""

import numpy as np
import pytest
import torch

from biolingual.model import Embedder, save
from biolingual.onnx import DftLogMel, export_onnx


@pytest.fixture(scope="module")
def exported(tiny, tmp_path_factory):
    """(the model's Embedder, a session on audio.onnx, a session on text.onnx, the model's folder)"""
    import onnxruntime

    model, log_mel, tokenizer = tiny
    folder = tmp_path_factory.mktemp("clap")
    save(model, log_mel, tokenizer, folder)
    files = export_onnx(str(folder), folder / "onnx")
    assert (
        [file.name for file in files]
        == ["audio.onnx", "text.onnx"]
        == sorted(file.name for file in (folder / "onnx").iterdir())
    )
    return Embedder.load(str(folder)), *(onnxruntime.InferenceSession(file) for file in files), folder


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_the_dft_log_mel_is_the_fft_log_mel(tiny, precision):
    from dataclasses import replace

    log_mel = replace(tiny[1], precision=precision)
    draw = np.random.Generator(np.random.PCG64(0))
    tone = 0.5 * np.sin(2 * np.pi * 3000 * np.arange(log_mel.samples) / 48000)  # quiet bins 100 dB below the peak
    sounds = [0.1 * draw.standard_normal(log_mel.samples), tone, np.zeros(log_mel.samples)]
    waveforms = torch.tensor(np.stack(sounds), dtype=torch.float32)
    assert (DftLogMel(log_mel)(waveforms) - log_mel(waveforms)).abs().max() < 1e-3


@pytest.mark.parametrize("count", [1, 5])
def test_audio_embeddings_of_any_number_of_sounds(exported, waveforms, count):
    embedder, audio, *_ = exported
    sounds = embedder.log_mel.pad(waveforms[:count]).numpy()
    assert np.abs(audio.run(None, {"waveforms": sounds})[0] - embedder.audio(waveforms[:count])).max() < 1e-4


def test_text_embeddings_of_any_number_and_length_padded_or_not(exported):
    embedder, _, text, _ = exported
    texts = ["Song of a Dusky Velar.", "Alarm", "Alarm call of a Pale Velar, and rain."]
    for chosen in (texts, texts[:1], texts[1:]):
        tokens = embedder.tokenizer(chosen, padding=True, return_tensors="np")
        found = text.run(None, {name: tokens[name].astype(np.int64) for name in ("input_ids", "attention_mask")})[0]
        assert np.abs(found - embedder.text(chosen)).max() < 1e-4


def test_the_command_tells_the_differences_and_refuses_what_is_too_far_off(exported, monkeypatch, tmp_path):
    from typer.testing import CliRunner

    import biolingual.onnx
    from biolingual.cli import app

    folder = exported[3]
    files = [folder / "onnx/audio.onnx", folder / "onnx/text.onnx"]
    monkeypatch.setattr(biolingual.onnx, "export_onnx", lambda model, out: files)
    words = ["export-onnx", str(folder), "--out", str(tmp_path)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0 and done.output.count("differ by") == 2
    done = CliRunner().invoke(app, [*words, "--tolerance", "0"])
    assert isinstance(done.exception, ValueError) and "audio and text differs by more than 0." in str(done.exception)
