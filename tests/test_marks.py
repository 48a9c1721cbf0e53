"""What is odd about a sound: offset, clipping, a test tone in front. Shapes: T samples."""

import numpy as np
import pytest

from biolingual.marks import clipped_share, dc_offset, tone_in_front_s

RATE = 48000
T = np.arange(4 * RATE) / RATE


def noise(seconds: float, seed: int = 1) -> np.ndarray:
    return (0.05 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_an_offset_is_the_mean_where_it_matters():
    assert dc_offset(noise(1) + np.float32(0.2)) == pytest.approx(0.2, abs=0.001)
    assert dc_offset(noise(1)) == 0 == dc_offset(np.zeros(0, dtype=np.float32))


def test_clipped_peaks_are_runs_at_full_scale():
    loud = np.clip(2 * np.sin(2 * np.pi * 100 * T), -1, 1)
    assert clipped_share(loud) == pytest.approx(2 / 3, abs=0.02)
    single = noise(1)
    single[::100] = 1.0
    assert clipped_share(single) == 0 == clipped_share(np.sin(2 * np.pi * 100 * T) * 0.9)


def test_a_calibration_tone_in_front_is_measured():
    tone = 0.3 * np.sin(2 * np.pi * 1000 * T)
    assert tone_in_front_s(np.concatenate([tone, noise(3)]), RATE) == pytest.approx(4.0, abs=0.15)


@pytest.mark.parametrize(
    "sound",
    [
        noise(4),
        0.3 * np.sin(2 * np.pi * (2000 * T + 300 * T**2)),  # a sweep
        0.3 * np.sin(2 * np.pi * 1000 * T) * (np.sin(2 * np.pi * 2 * T) > 0),  # a whistle in notes
        0.3 * np.sin(2 * np.pi * 1000 * T[: RATE // 2]),  # shorter than any calibration
        np.zeros(4 * RATE),
        noise(4) * 0.01 + 0.2,  # an offset is no tone
        0.3 * np.sin(2 * np.pi * 50 * T),  # nor is mains hum
    ],
)
def test_no_other_sound_is_a_test_tone(sound):
    assert tone_in_front_s(sound, RATE) == 0
