"""Recordings of any length as windows, the long way and the short way alike."""

import io

import numpy as np
import pytest
import soundfile

from biolingual.audio import UndecodableError, resample
from biolingual.search import reading
from tests.search.conftest import noise


@pytest.mark.parametrize("total, window, hop", [(10, 4, 2), (11, 4, 2), (4, 4, 2), (3, 4, 2), (9, 4, 4)])
def test_windows_cover_every_sample_and_the_last_ends_with_the_sound(total, window, hop):
    starts = reading.window_starts(total, window, hop)
    covered = {sample for start in starts for sample in range(start, start + window)}
    assert covered >= set(range(total))
    assert total <= window or starts[-1] + window == total
    assert (np.diff(starts) <= hop).all()


@pytest.mark.parametrize("rate", [48000, 44100, 16000, 22050])
def test_a_long_recording_read_in_spans_gives_the_windows_of_the_whole(tmp_path, monkeypatch, rate):
    sound = noise(9.7, rate)
    path = tmp_path / "long.wav"
    soundfile.write(path, sound, rate, subtype="FLOAT")
    monkeypatch.setattr(reading, "WHOLE_SAMPLES", 1)
    monkeypatch.setattr(reading, "SPAN_S", 3.0)
    recording = reading.open_url_recording(str(path))
    assert recording.stream is not None
    starts = reading.window_starts(reading.total_samples(recording, 48000), 96000, 48000)
    whole = resample(sound, rate, 48000)
    for start, window in zip(starts, reading.windows(recording, starts, 96000, 48000), strict=True):
        assert len(window) == 96000
        inner = slice(200, -200)  # the whole's own edges apart
        assert np.abs(window[inner] - whole[start : start + 96000][inner]).max() < 2e-3


def test_a_long_recording_that_breaks_off_says_where(tmp_path, monkeypatch):
    path = tmp_path / "cut.flac"
    soundfile.write(path, noise(9.0), 48000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    monkeypatch.setattr(reading, "WHOLE_SAMPLES", 1)
    recording = reading.open_url_recording(str(path))
    starts = reading.window_starts(9 * 48000, 96000, 48000)
    with pytest.raises(UndecodableError, match="undecodable"):
        list(reading.windows(recording, starts, 96000, 48000))


def test_a_stretch_is_the_part_asked_for_and_no_other(tmp_path):
    path = tmp_path / "x.wav"
    soundfile.write(path, np.repeat([0.0, 0.5, 0.0], 48000), 48000)
    assert np.abs(reading.stretch(str(path), 1.0, 2.0, 48000) - 0.5).max() < 1e-3
    with pytest.raises(ValueError, match="no part of"):
        reading.stretch(str(path), 4.0, 5.0, 48000)


def test_a_picture_of_a_sound_is_no_sound():
    with pytest.raises(UndecodableError, match="picture"):
        reading.open_recording(io.BytesIO(b"\x89PNG\r\n\x1a\n"), 8)
