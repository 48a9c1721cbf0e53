"""Decoding with PyAV what libsndfile cannot, in a child process within limits of time and size."""

import io
import subprocess
import sys

import av
import numpy as np
import psutil
import pytest
import soundfile

from biolingual import child_decoder
from biolingual.audio import UndecodableError
from biolingual.foreign_audio import decode_any

RATE = 48000


def tone(seconds: float = 1.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


def m4a(samples: np.ndarray, codec: str = "aac", form: str = "mp4", layout: str = "mono") -> bytes:
    """[T] as AAC in MP4, the form of phones."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        stream = container.add_stream(codec, rate=RATE, layout=layout)
        channels = 2 if layout == "stereo" else 1
        for start in range(0, len(samples), 1024):
            part = np.repeat(samples[None, start : start + 1024], channels, axis=0)
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(part), format="fltp", layout=layout)
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def flac(samples: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="FLAC")
    return buffer.getvalue()


def reason_of(data: bytes, **limits) -> str:
    with pytest.raises(UndecodableError) as caught:
        decode_any(data, **limits)
    return caught.value.reason


@pytest.mark.parametrize("layout", ["mono", "stereo"])
def test_a_phones_m4a_is_decoded_to_its_tone(layout):
    sound = decode_any(m4a(tone(), layout=layout))
    assert (sound.sample_rate_hz, sound.channels) == (RATE, 2 if layout == "stereo" else 1)
    assert sound.duration_s == pytest.approx(1.0, abs=0.05)
    assert np.abs(np.fft.rfft(sound.waveform[:RATE])).argmax() == pytest.approx(1000, abs=2)


def test_what_libsndfile_reads_needs_no_child(monkeypatch):
    monkeypatch.setattr("biolingual.child_decoder.subprocess", None)
    assert decode_any(flac(tone())).duration_s == 1.0


def test_a_damaged_flac_stays_undecodable():
    assert reason_of(flac(np.random.default_rng(1).standard_normal(RATE) * 0.1)[: RATE // 2]) == "undecodable"


def test_bytes_that_are_no_sound_keep_libsndfiles_verdict():
    assert reason_of(b"neither fish nor fowl " * 50) == "undecodable"


@pytest.mark.parametrize("head", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_a_sonogram_under_a_sounds_name_is_told_apart(head):
    assert reason_of(head + bytes(100)) == "picture"


def test_a_small_file_that_unpacks_to_too_much_is_refused_by_its_header():
    assert reason_of(flac(np.zeros(RATE * 60)), most_samples=RATE) == "too_long"


def test_a_foreign_file_that_unpacks_to_too_much_is_refused_in_the_child():
    assert reason_of(m4a(tone(2.0)), most_samples=RATE) == "too_long"


def test_a_decoder_that_hangs_is_ended_and_the_next_file_is_decoded():
    assert reason_of(m4a(tone()), time_limit_s=0.0) == "decoding_timeout"
    assert decode_any(m4a(tone())).duration_s == pytest.approx(1.0, abs=0.05)


def test_one_child_decodes_all_files_and_one_that_was_killed_is_replaced():
    decode_any(m4a(tone()))
    first = child_decoder._child.process
    decode_any(m4a(tone()))
    assert child_decoder._child.process is first
    first.kill()
    first.wait()
    assert decode_any(m4a(tone())).duration_s == pytest.approx(1.0, abs=0.05)
    assert child_decoder._child.process is not first


def test_a_child_that_dies_over_a_file_gives_that_files_verdict_alone():
    with pytest.raises(child_decoder.ChildEndedError):
        child_decoder.seconds("no such file", 60.0)
    assert decode_any(m4a(tone())).duration_s == pytest.approx(1.0, abs=0.05)


def test_a_child_finds_a_relative_path_after_its_parent_has_moved(tmp_path, monkeypatch):
    decode_any(m4a(tone()))
    (tmp_path / "song.m4a").write_bytes(m4a(tone()))
    monkeypatch.chdir(tmp_path)
    assert child_decoder.seconds("song.m4a", 60.0) == pytest.approx(1.0, abs=0.05)


def test_a_child_ends_with_its_parent():
    code = "from biolingual import child_decoder as c; print(c._running().pid, flush=True); input()"
    parent = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.communicate()
    psutil.wait_procs([child], timeout=30)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
