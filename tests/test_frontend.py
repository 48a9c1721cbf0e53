"""The log-mel against its slow twin, transformers' own extractor."""

import numpy as np
import pytest
import torch
from transformers import ClapFeatureExtractor

from biolingual.audio import UndecodableError, decode, resample
from biolingual.frontend import LogMel, embedding_id, pooled, windows_of

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


def extractor(truncation: str, duration_s: int = 2) -> ClapFeatureExtractor:
    return ClapFeatureExtractor(
        max_length_s=duration_s, frequency_min=50, frequency_max=14000, truncation=truncation, padding="repeatpad"
    )


@pytest.fixture(scope="module")
def real_sounds(shared) -> list[np.ndarray]:
    """Up to 10 s of every thirteenth real recording that can be decoded, at 48 kHz: bats, frogs, birds, insects, whales."""
    files = [path for path in sorted((shared / "recordings").rglob("*")) if path.is_file() and path.suffix != ".csv"]
    found = []
    for path in files[::13]:
        try:
            sound = decode(path.read_bytes())
        except UndecodableError:
            continue
        head = sound.waveform[: 10 * sound.sample_rate_hz]
        found.append(resample(head, sound.sample_rate_hz, 48000)[: 10 * 48000])
    assert len(found) > 30
    return found


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize(("truncation", "variant"), [("rand_trunc", "slaney"), ("fusion", "htk")])
def test_both_precisions_equal_the_extractor_within_a_ten_thousandth_of_a_decibel(truncation, variant, precision):
    expected = extractor(truncation)(sounds(), sampling_rate=48000, return_tensors="pt")["input_features"][:, :1]
    log_mel = LogMel(**{**BASE, "variant": variant, "precision": precision})
    found = log_mel(log_mel.pad(sounds()))
    assert found.shape == expected.shape == (4, 1, 201, 64) and found.dtype == torch.float32
    assert (found - expected).abs().max() < 1e-4


def differences(sound: np.ndarray, truncation: str, variant: str, duration_s: int) -> list[float]:
    """The largest |ours - the extractor's| in dB over a sound's first window, in either precision."""
    expected = extractor(truncation, duration_s)(
        [sound[: duration_s * 48000]], sampling_rate=48000, return_tensors="pt"
    )["input_features"][0, :1]
    found = []
    for precision in ("float64", "float32"):
        log_mel = LogMel(**{**BASE, "variant": variant, "precision": precision, "duration_s": duration_s})
        found.append(float((log_mel(log_mel.pad([sound]))[0] - expected).abs().max()))
    return found


@pytest.mark.parametrize(("truncation", "variant"), [("rand_trunc", "slaney"), ("fusion", "htk")])
def test_both_precisions_equal_the_extractor_on_real_recordings(real_sounds, truncation, variant):
    assert max(max(differences(sound, truncation, variant, 2)) for sound in real_sounds) < 1e-4


def test_ten_seconds_equal_the_extractor_too(real_sounds):
    assert max(max(differences(sound, "rand_trunc", "slaney", 10)) for sound in real_sounds[::8]) < 1e-4


def test_a_band_far_below_a_loud_frame_is_not_drowned_by_rounding():
    """A steady 1 under a faint hiss, as in the worst real recording: a float32 transform is 3 dB off here."""
    loud = (1.0 + 1e-5 * np.random.Generator(np.random.PCG64(2)).standard_normal(96000)).astype(np.float32)
    for variant in ("slaney", "htk"):
        exact, fast = (
            LogMel(**{**BASE, "variant": variant, "precision": precision}) for precision in ("float64", "float32")
        )
        waveforms = exact.pad([loud, np.clip(40 * loud, -1, 1), np.zeros(100, np.float32)])
        assert (exact(waveforms) - fast(waveforms)).abs().max() < 1e-4


def test_float32_gives_the_embeddings_of_float64_on_real_recordings(real_sounds, tiny):
    from biolingual.model import encode_audio

    model = tiny[0]
    embeds = []
    for precision in ("float64", "float32"):
        log_mel = LogMel(**{**BASE, "precision": precision})
        with torch.no_grad():
            embeds.append(encode_audio(model, log_mel(log_mel.pad(real_sounds))).double())
    assert torch.cosine_similarity(*embeds).min() >= 0.99999


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("duration_s", [2, 7])
def test_a_clip_has_the_same_bits_alone_and_in_any_company(precision, duration_s):
    log_mel = LogMel(**{**BASE, "precision": precision, "duration_s": duration_s})
    waveforms = log_mel.pad(sounds())
    whole = log_mel(waveforms)
    for order in ([2], [3, 2], [1, 1, 2, 0, 3, 2, 0]):
        assert torch.equal(log_mel(waveforms[order]), whole[order])


def test_lower_precision_around_it_leaves_the_log_mel_alone():
    log_mel = LogMel(**{**BASE, "precision": "float32"})
    waveforms = log_mel.pad(sounds())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = log_mel(waveforms)
    assert torch.equal(found, log_mel(waveforms))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_a_gpu_gives_the_same_log_mel():
    for precision in ("float64", "float32"):
        log_mel = LogMel(**{**BASE, "precision": precision})
        waveforms = log_mel.pad(sounds())
        assert (log_mel(waveforms.cuda()).cpu() - log_mel(waveforms)).abs().max() < 1e-4


@pytest.mark.parametrize(("length", "starts"), [(5, [0]), (10, [0]), (11, [0, 1]), (20, [0, 10]), (27, [0, 10, 17])])
def test_windows_follow_each_other_and_the_last_ends_with_the_sound(length, starts):
    sound = np.arange(length)
    assert [window.tolist() for window in windows_of(sound, 10)] == [
        sound[start : start + 10].tolist() for start in starts
    ]


def test_pooling_is_the_normalised_mean_and_leaves_one_window_as_it_is():
    one = np.array([[0.6, 0.8]], dtype=np.float32)
    assert np.allclose(pooled(one), one[0]) and pooled(one).dtype == np.float32
    assert np.allclose(pooled(np.array([[1.0, 0.0], [0.0, 1.0]])), [0.5**0.5, 0.5**0.5])


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


def test_each_thread_of_the_transform_keeps_to_one_core_and_the_caller_keeps_its_own():
    import os
    import time

    from biolingual.frontend import _single_threads

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        pool = _single_threads(os.getpid(), 3)
        asked = pool.map(lambda _: (time.sleep(0.05), torch.randn(300, 300) @ torch.randn(300, 300)), range(3))
        assert len(list(asked)) == 3
        assert list(pool.map(lambda _: (time.sleep(0.05), torch.get_num_threads())[1], range(3))) == [1, 1, 1]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
