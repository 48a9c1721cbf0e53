"""A sound of any length and form is heard the same: whole or from a tape, here or far away, quietly and in bounded memory."""

import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from biolingual import hearing
from biolingual.audio import UndecodableError, activity_windows, from_flac, to_flac
from biolingual.hearing import as_16_bits, hear
from tests.test_foreign_audio import m4a
from tests.test_ingestion import PARAMS

RATE = 16000
LIMIT_MB = 400
TWO_HOURS = """
import sys
from biolingual.hearing import hear
from tests.memory import peak_bytes
from tests.test_ingestion import PARAMS
heard = hear(sys.argv[1], None, PARAMS)
print(heard.duration_s, len(heard.clips), heard.clips[0][0], len(heard.fingerprint), peak_bytes() / 2**20)
"""


def sound(seconds: float, seed: int = 1, rate: int = RATE) -> np.ndarray:
    """Quiet noise with a louder burst a third on, [T]."""
    out = 0.01 * np.random.Generator(np.random.PCG64(seed)).standard_normal(round(seconds * rate))
    third = len(out) // 3
    out[third : third + rate] *= 20
    return out.astype(np.float32)


def saved(path: Path, samples: np.ndarray, rate: int = RATE, **form: str) -> str:
    soundfile.write(path, samples, rate, **form)
    return str(path)


def marks_of(url: str, declared_s: float | None = None) -> dict[str, float]:
    return hear(url, declared_s, PARAMS).marks


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
@pytest.mark.parametrize("channels", ["mono", "stereo", "inverted"])
def test_a_tape_tells_what_the_whole_tells(tmp_path, monkeypatch, rate, channels):
    mono = sound(40, rate=rate) + np.float32(0.03)
    mono[5 * rate : 6 * rate] = 1.0
    both = {"mono": mono, "stereo": np.stack([mono, 0.5 * mono], 1), "inverted": np.stack([mono, -mono], 1)}[channels]
    url = saved(tmp_path / "a.wav", both, rate, subtype="FLOAT")
    whole = hear(url, None, PARAMS)
    monkeypatch.setattr(hearing, "LONG_SAMPLES", 1000)
    monkeypatch.setattr("biolingual.tape.PIECE", 100_000)
    taped = hear(url, None, PARAMS)
    assert set(whole.marks) == {"dc_offset"} | ({"clipped"} if channels != "stereo" else set())
    assert taped.marks == pytest.approx(whole.marks)
    empty = {"clips": [], "marks": {}, "fingerprint": None}
    assert replace(taped, **empty) == replace(whole, **empty)
    assert len(taped.fingerprint) == len(whole.fingerprint)
    assert np.bitwise_count(taped.fingerprint ^ whole.fingerprint).mean() < 0.5
    for one, other in zip(taped.clips, whole.clips, strict=True):
        assert one[0] == pytest.approx(other[0], abs=0.021) and one[1] == other[1]
        if one[0] == other[0]:
            assert np.abs(from_flac(one[3]) - from_flac(other[3])).max() < 0.01


@pytest.mark.parametrize("seconds", [0, 2.5])
def test_a_tape_skips_a_test_tone(tmp_path, monkeypatch, seconds):
    monkeypatch.setattr(hearing, "LONG_SAMPLES", 1000)
    tone = (0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)
    heard = hear(saved(tmp_path / "a.wav", np.concatenate([tone, sound(20)])), None, PARAMS)
    assert heard.marks.get("test_tone", 0) == pytest.approx(seconds, abs=0.1)
    assert min(start for start, *_ in heard.clips) >= seconds - 0.1


def test_a_tape_is_refused_for_the_same_reasons(tmp_path, monkeypatch):
    monkeypatch.setattr(hearing, "LONG_SAMPLES", 1000)
    for samples, declared_s, reason in (
        (np.zeros(9 * RATE), None, "silent"),
        (sound(9), 60.0, "truncated"),
        (np.full(9 * RATE, np.nan), None, "not_finite"),
    ):
        url = saved(tmp_path / f"{reason}.wav", samples, subtype="FLOAT")
        with pytest.raises(UndecodableError) as caught:
            hear(url, declared_s, PARAMS)
        assert caught.value.reason == reason


def test_a_long_foreign_file_is_unpacked_and_taped(tmp_path, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(m4a(sound(4, rate=48000)))
    whole = hear(str(tmp_path / "a.m4a"), None, PARAMS)
    monkeypatch.setattr(hearing, "FOREIGN_BYTES", 1000)
    taped = hear(str(tmp_path / "a.m4a"), None, PARAMS)
    assert (taped.sha256, taped.duration_s, taped.channels) == (whole.sha256, whole.duration_s, whole.channels)


def test_what_a_decoder_prints_is_counted_and_not_shown(tmp_path, capfd):
    buffer = io.BytesIO()
    soundfile.write(buffer, sound(4), RATE, format="MP3")
    data = buffer.getvalue()
    (tmp_path / "a.mp3").write_bytes(data[:4000] + bytes(700) + b"\xff" * 300 + data[5000:])
    assert marks_of(str(tmp_path / "a.mp3"))["decoder_warnings"] >= 1
    assert capfd.readouterr() == ("", "")


def test_where_two_decoders_disagree_both_lengths_are_known(tmp_path, monkeypatch):
    url = saved(tmp_path / "a.mp3", sound(5), format="MP3")
    assert "ffmpeg_length" not in marks_of(url) and "ffmpeg_length" not in marks_of(url, declared_s=8.0)
    monkeypatch.setattr(hearing, "other_length_s", lambda path: 7.5)
    assert "ffmpeg_length" not in marks_of(url)  # nobody promised another length, so nobody was asked
    assert marks_of(url, declared_s=8.0)["ffmpeg_length"] == 7.5


@pytest.mark.parametrize("long_samples", [hearing.LONG_SAMPLES, 1000])
def test_a_slowed_file_is_heard_at_the_pace_of_life(tmp_path, monkeypatch, long_samples):
    monkeypatch.setattr(hearing, "LONG_SAMPLES", long_samples)
    rate, seconds = 441000, 1.5
    time_s = np.arange(round(rate * seconds)) / rate
    calls = 0.25 * (1 + np.sin(2 * np.pi * 3 * time_s)) * np.sin(2 * np.pi * 15000 * time_s)
    heard = hear(saved(tmp_path / "slow.wav", calls, rate // 10), 1.5, PARAMS, slowed=10)
    assert (heard.sample_rate_hz, heard.duration_s, heard.marks["time_expanded"]) == (rate, seconds, 10)
    ((_, length_s, _, flac),) = heard.clips
    power = np.abs(np.fft.rfft(from_flac(flac))) ** 2
    assert length_s == pytest.approx(seconds) and power.argmax() / length_s == pytest.approx(15000, abs=2)


def test_a_clip_has_the_bytes_that_the_codec_makes_of_floats():
    steps = np.arange(-40000, 40000).astype(np.float32) / 65536  # halves of a step among them, and beyond full scale
    samples = np.concatenate([2 * steps, sound(1), np.float32([1, -1, 1.5, -1.5, 0.99999])])
    assert to_flac(as_16_bits(samples), RATE) == to_flac(samples, RATE)


@pytest.mark.parametrize("seconds", [0.5, 1.99, 2.0, 7.013])
def test_windows_are_those_of_the_whole_sound_at_once(seconds):
    samples = sound(seconds, rate=PARAMS.sample_rate_hz) if seconds > 1 else sound(3, rate=PARAMS.sample_rate_hz)[:9]
    given = (PARAMS.sample_rate_hz, PARAMS.clip_duration_s, PARAMS.max_clips_per_recording)
    assert hearing._liveliest(samples, PARAMS) == activity_windows(samples, *given)


def test_a_sound_that_opens_and_does_not_read_is_told_by_its_bytes(tmp_path):
    data = (tmp_path / "a.flac", saved(tmp_path / "whole.flac", sound(5), format="FLAC"))
    data[0].write_bytes(Path(data[1]).read_bytes()[:9000])
    with pytest.raises(UndecodableError) as caught:
        hear(str(data[0]), None, PARAMS)
    assert caught.value.reason == "undecodable" and str(tmp_path) not in caught.value.detail


@pytest.mark.slow
@pytest.mark.parametrize("form", [{"format": "RF64", "subtype": "PCM_16"}, {"format": "MP3"}])
def test_two_hours_of_stereo_take_bounded_memory(tmp_path, form):
    rate, path = 24000, tmp_path / "long"
    with soundfile.SoundFile(path, "w", rate, 2, **form) as file:
        for minute in range(120):
            samples = 0.002 * np.random.Generator(np.random.PCG64(minute)).standard_normal((60 * rate, 2))
            if minute == 90:
                samples[10 * rate : 12 * rate] *= 100
            file.write(samples)
    done = subprocess.run([sys.executable, "-c", TWO_HOURS, str(path)], capture_output=True, text=True, check=True)
    seconds, clips, first_s, words, peak_mb = map(float, done.stdout.split())
    assert seconds == pytest.approx(7200, abs=0.2) and clips >= 1 and words == pytest.approx(7200 / 0.025, abs=20)
    assert first_s == pytest.approx(90 * 60 + 10, abs=1.0) and peak_mb < LIMIT_MB
