"""A unit's sound is what BEANS hears: channels averaged, the set's rate, the first seconds or a window, zeros after the end."""

import numpy as np
import pytest
import soundfile

from biolingual.benchmarks.beans import sounds
from biolingual.benchmarks.beans.layout import Unit
from biolingual.benchmarks.beans.sets import sound_set


def unit(path, start: float = 0.0) -> Unit:
    return Unit(str(path), str(path), start, "test", "")


def test_channels_are_averaged_even_where_they_cancel(tmp_path):
    left = np.linspace(-0.5, 0.5, 8000)
    soundfile.write(tmp_path / "a.wav", np.stack([left, -left], axis=1), 16000, subtype="FLOAT")
    assert np.abs(sounds.whole(str(tmp_path / "a.wav"), 16000)).max() < 1e-7


def test_the_first_seconds_are_kept_and_the_rest_is_zeros(tmp_path):
    ramp = np.arange(1, 20001) / 20001
    soundfile.write(tmp_path / "long.wav", ramp, 16000, subtype="FLOAT")
    soundfile.write(tmp_path / "short.wav", ramp[:100], 16000, subtype="FLOAT")
    row = sound_set("speech-commands")  # 1 s at 16 kHz
    long, short = sounds.heard(row, [unit(tmp_path / "long.wav"), unit(tmp_path / "short.wav")])
    assert np.allclose(long, ramp[:16000])
    assert len(short) == 16000 and np.allclose(short[:100], ramp[:100]) and not short[100:].any()


def test_a_window_begins_at_its_second_and_may_end_in_zeros(tmp_path):
    ramp = np.arange(1, 56001) / 56001  # 3.5 s
    soundfile.write(tmp_path / "a.wav", ramp, 16000, subtype="FLOAT")
    first, last = sounds.heard(sound_set("dcase"), [unit(tmp_path / "a.wav", 1.0), unit(tmp_path / "a.wav", 2.0)])
    assert np.allclose(first, ramp[16000:48000])
    assert np.allclose(last[:24000], ramp[32000:]) and not last[24000:].any() and len(last) == 32000


def test_another_rate_is_resampled_to_the_sets(tmp_path):
    time = np.arange(48000) / 48000
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * time), 48000, subtype="FLOAT")
    heard = sounds.whole(str(tmp_path / "a.wav"), 16000)
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(heard - expected)[200:-200].max() < 1e-3


def test_a_file_that_is_no_sound_is_named(tmp_path):
    (tmp_path / "a.wav").write_text("<html>")
    with pytest.raises(ValueError, match=r"a\.wav cannot be heard .*take it out"):
        sounds.whole(str(tmp_path / "a.wav"), 16000)
