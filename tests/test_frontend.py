"""The log-mel against its slow twin, transformers' own extractor."""

import numpy as np
import pytest
import torch
from transformers import ClapFeatureExtractor

from biolingual.frontend import LogMel, embedding_id

BASE = {
    "sample_rate_hz": 48000,
    "duration_s": 2,
    "mel_bins": 64,
    "fft_window": 1024,
    "hop_length": 480,
    "fmin_hz": 50.0,
    "fmax_hz": 14000.0,
    "variant": "slaney",
    "precision": "float64",
}


def sounds() -> list[np.ndarray]:
    draw = np.random.Generator(np.random.PCG64(0))
    t = np.arange(96000) / 48000
    return [
        (0.3 * np.sin(2 * np.pi * 3000 * t)).astype(np.float32),
        (0.1 * draw.standard_normal(96000)).astype(np.float32),
        (0.1 * draw.standard_normal(50000)).astype(np.float32),
        (0.1 * draw.standard_normal(31000)).astype(np.float32),
    ]


def extractor(truncation: str) -> ClapFeatureExtractor:
    return ClapFeatureExtractor(
        max_length_s=2, frequency_min=50, frequency_max=14000, truncation=truncation, padding="repeatpad"
    )


@pytest.mark.parametrize(("truncation", "variant"), [("rand_trunc", "slaney"), ("fusion", "htk")])
def test_float64_equals_the_extractor_within_a_ten_thousandth_of_a_decibel(truncation, variant):
    expected = extractor(truncation)(sounds(), sampling_rate=48000, return_tensors="pt")["input_features"][:, :1]
    log_mel = LogMel(**{**BASE, "variant": variant})
    found = log_mel(log_mel.pad(sounds()))
    assert found.shape == expected.shape == (4, 1, 201, 64)
    assert (found - expected).abs().max() < 1e-4


def test_the_front_end_of_an_extractor_is_the_one_it_was_made_from():
    assert LogMel.from_extractor(extractor("rand_trunc")) == LogMel(**BASE)


def test_silence_is_minus_a_hundred_decibel_not_infinity():
    found = LogMel(**BASE)(torch.zeros(1, 96000))
    assert torch.equal(found, torch.full_like(found, -100.0))


def test_another_weight_or_setting_is_another_embedding_id():
    base = LogMel(**BASE)
    other = LogMel(**{**BASE, "fmin_hz": 0.0})
    assert len({embedding_id("a", base), embedding_id("b", base), embedding_id("a", other)}) == 3
    assert embedding_id("a", base) == embedding_id("a", LogMel(**BASE))
