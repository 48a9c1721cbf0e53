"""Decoding, the windows where something happens, padding and FLAC.

Shapes: T samples, C channels.
"""

import io
import itertools
import warnings

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from biolingual.audio import (
    CACHED,
    UndecodableError,
    activity_windows,
    averaged,
    decode,
    from_flac,
    peak_dbfs,
    repeat_pad,
    resample,
    sound_sha256,
    to_flac,
    to_mono,
)

RATE = 48000
CONTAINERS = {
    "wav 16 bit": ("WAV", "PCM_16"),
    "wav 24 bit": ("WAV", "PCM_24"),
    "wav 8 bit": ("WAV", "PCM_U8"),
    "wav float": ("WAV", "FLOAT"),
    "wav A-law": ("WAV", "ALAW"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
}


def tone(seconds: float = 1.0, hz: float = 1000.0, rate: int = RATE) -> np.ndarray:
    """[T] with peak 0.5."""
    return (0.5 * np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encoded(samples: np.ndarray, container: str = "WAV", subtype: str = "PCM_16", rate: int = RATE) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=container, subtype=subtype)
    return buffer.getvalue()


def reason_of(data: bytes) -> str:
    with pytest.raises(UndecodableError) as caught:
        decode(data)
    return caught.value.reason


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_tone_is_still_that_tone_after_decoding(name):
    sound = decode(encoded(tone(), *CONTAINERS[name]))
    spectrum = np.abs(np.fft.rfft(sound.waveform))
    loudest_hz = spectrum.argmax() * sound.sample_rate_hz / len(sound.waveform)
    assert (sound.sample_rate_hz, sound.channels, sound.waveform.dtype) == (RATE, 1, np.float32)
    assert abs(loudest_hz - 1000) < 2
    assert 0.4 < np.abs(sound.waveform).max() < 0.6


@pytest.mark.parametrize("name", [name for name in CONTAINERS if name != "mp3"])
def test_the_duration_is_that_of_the_decoded_samples(name):
    assert decode(encoded(tone(0.75), *CONTAINERS[name])).duration_s == 0.75


def test_an_html_page_under_an_audio_files_name_is_told_apart():
    assert reason_of(b"\n <!DOCTYPE html>\n<html><body>Try later</body></html>") == "html_page"
    assert reason_of(b"<html><head></head></html>") == "html_page"


def test_an_empty_file_is_told_apart():
    assert reason_of(b"") == "empty_file"


def test_a_file_without_frames_is_told_apart():
    assert reason_of(encoded(np.zeros(0, dtype=np.float32))) == "zero_frames"


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_not_finite_are_refused(value):
    samples = tone()
    samples[100] = value
    assert reason_of(encoded(samples, "WAV", "FLOAT")) == "not_finite"


def test_bytes_that_are_no_sound_are_undecodable():
    assert reason_of(b"WAac\x02\x01\x00\x01" + bytes(400)) == "undecodable"


def test_the_reason_of_the_same_bytes_is_told_in_the_same_words_each_time():
    details = set()
    for data in (b"no sound at all", b"no sound at all", bytes(bytearray(b"no sound at all"))):
        with pytest.raises(UndecodableError) as caught:
            decode(data)
        details.add(caught.value.detail)
    assert details == {"Format not recognised."}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_file_cut_anywhere_decodes_or_gives_a_reason(name):
    data = encoded(tone(0.2), *CONTAINERS[name])
    for length in np.linspace(1, len(data) - 1, 25).astype(int):
        try:
            assert np.isfinite(decode(data[:length]).waveform).all()
        except UndecodableError as error:
            assert error.reason in ("undecodable", "zero_frames")


@pytest.mark.parametrize("channels", [2, 3])
def test_averaging_piece_by_piece_is_averaging_the_whole(channels):
    samples = np.random.default_rng(1).standard_normal((2 * CACHED + 7, channels)).astype(np.float32)
    mean, energy, energy_of_mean = averaged(samples)
    whole = samples.astype(np.float64)
    np.testing.assert_array_equal(mean, whole.mean(axis=1).astype(np.float32))
    np.testing.assert_allclose(energy, (whole**2).sum(axis=0))
    np.testing.assert_allclose(energy_of_mean, (whole.mean(axis=1) ** 2).sum())


def test_channels_are_averaged():
    samples = np.stack([tone(), 0.5 * tone()], axis=1)  # [T, 2]
    np.testing.assert_allclose(to_mono(samples), 0.75 * tone(), atol=1e-6)


def test_of_a_dead_channel_the_other_is_kept_at_its_level():
    samples = np.stack([np.zeros_like(tone()), tone()], axis=1)
    np.testing.assert_array_equal(to_mono(samples), tone())


def test_an_inverted_channel_does_not_cancel_the_sound():
    samples = np.stack([tone(), -tone()], axis=1)
    np.testing.assert_array_equal(to_mono(samples), tone())


def test_decoding_tells_the_number_of_channels_of_the_file():
    sound = decode(encoded(np.stack([tone(), tone(), tone()], axis=1)))
    assert (sound.channels, sound.waveform.shape) == (3, (RATE,))


def test_a_wav_and_its_flac_copy_are_the_same_sound():
    noise = np.random.Generator(np.random.PCG64(1)).integers(-32768, 32768, RATE, dtype=np.int16)
    assert sound_sha256(decode(encoded(noise))) == sound_sha256(decode(encoded(noise, "FLAC")))


def test_the_header_text_of_a_file_does_not_change_its_sound(tmp_path):
    path = tmp_path / "tagged.wav"
    with soundfile.SoundFile(path, "w", RATE, 1, "PCM_16") as file:
        file.title = "Dawn, tape 7"
        file.write(tone())
    assert path.read_bytes() != encoded(tone())
    assert sound_sha256(decode(path.read_bytes())) == sound_sha256(decode(encoded(tone())))


def test_another_sample_or_another_rate_is_another_sound():
    other = tone()
    other[7] += 0.01
    hashes = {sound_sha256(decode(data)) for data in (encoded(tone()), encoded(other), encoded(tone(), rate=44100))}
    assert len(hashes) == 3


def test_the_peak_is_in_db_of_full_scale():
    assert peak_dbfs(np.array([0.1, -0.5, 0.2], dtype=np.float32)) == pytest.approx(-6.0206, abs=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert peak_dbfs(np.zeros(10, dtype=np.float32)) == -np.inf


def test_resampling_keeps_the_tone_and_the_length():
    resampled = resample(tone(rate=44100), 44100, RATE)
    np.testing.assert_allclose(resampled[2000:-2000], tone()[2000:-2000], atol=1e-3)
    assert len(resampled) == RATE


def test_resampling_removes_what_the_lower_rate_cannot_hold():
    too_high = resample(tone(hz=20000.0), RATE, 16000)
    assert np.abs(too_high[1000:-1000]).max() < 1e-3


def quiet(seconds: float, seed: int = 0) -> np.ndarray:
    draw = np.random.Generator(np.random.PCG64(seed))
    return (0.001 * draw.standard_normal(round(seconds * RATE))).astype(np.float32)


def test_the_window_is_where_the_loud_part_is():
    waveform = quiet(10)
    waveform[6 * RATE : 7 * RATE] += tone()
    ((start, stop, activity),) = activity_windows(waveform, RATE, 2.0, most=1)
    assert start <= 6 * RATE and stop >= 7 * RATE and activity > 0.4


def test_windows_are_chosen_by_activity_and_returned_in_order_of_time():
    waveform = quiet(12)
    waveform[8 * RATE : 10 * RATE] += tone(2)
    waveform[RATE : 2 * RATE] += tone(1)
    first, second = activity_windows(waveform, RATE, 2.0, most=2)
    assert first[0] < second[0] and first[2] < second[2]


def test_a_further_window_is_kept_only_where_something_happens():
    waveform = np.zeros(10 * RATE, dtype=np.float32)
    waveform[RATE : 2 * RATE] = tone()
    assert len(activity_windows(waveform, RATE, 2.0, most=4)) == 1


@pytest.mark.parametrize("samples", [1, 500, RATE, 2 * RATE])
def test_a_recording_no_longer_than_a_window_is_one_window(samples):
    ((start, stop, activity),) = activity_windows(quiet(3)[:samples], RATE, 2.0, most=2)
    assert (start, stop) == (0, samples) and 0 <= activity <= 1


@settings(max_examples=40, deadline=None)
@given(
    samples=st.integers(16000, 16000 * 12),
    bursts=st.lists(st.tuples(st.floats(0, 0.9), st.floats(0.001, 0.3)), max_size=5),
    window_s=st.sampled_from([1.0, 2.0]),
    most=st.integers(1, 4),
)
def test_windows_lie_inside_the_recording_and_never_overlap(samples, bursts, window_s, most):
    waveform = quiet(4)[np.arange(samples) % (4 * RATE)].copy()
    for place, share in bursts:
        begin = round(place * samples)
        waveform[begin : begin + round(share * samples)] *= 100
    windows = activity_windows(waveform, 16000, window_s, most)
    assert 1 <= len(windows) <= most
    for start, stop, activity in windows:
        assert 0 <= start < stop <= samples and stop - start == min(samples, round(window_s * 16000))
        assert 0 <= activity <= 1 + 1e-9
    for earlier, later in itertools.pairwise(windows):
        assert earlier[1] <= later[0]


def slow_repeat_pad(waveform: list[float], length: int) -> list[float]:
    """Whole copies while they fit, then silence."""
    out = []
    while not out or len(out) + len(waveform) <= length:
        out += waveform
    return (out + [0.0] * length)[:length]


@settings(max_examples=60, deadline=None)
@given(samples=st.integers(1, 40), length=st.integers(1, 90))
def test_repeat_pad_equals_its_slow_twin(samples, length):
    waveform = np.arange(1, samples + 1, dtype=np.float32)
    assert repeat_pad(waveform, length).tolist() == slow_repeat_pad(waveform.tolist(), length)


def test_flac_gives_the_samples_back_to_half_a_step():
    noise = np.random.Generator(np.random.PCG64(2)).uniform(-0.99, 0.99, 5000).astype(np.float32)
    np.testing.assert_allclose(from_flac(to_flac(noise, RATE)), noise, atol=1 / 32768)


def test_flac_of_what_was_flac_is_the_same_bytes():
    once = to_flac(tone(), RATE)
    assert to_flac(from_flac(once), RATE) == once


def test_louder_than_full_scale_is_clipped_not_wrapped():
    loud = from_flac(to_flac(4 * tone(), RATE))
    assert np.abs(loud).max() <= 1.0 and np.all(
        np.sign(loud[np.abs(loud) > 0.9]) == np.sign(tone()[np.abs(loud) > 0.9])
    )


def test_the_real_8_bit_wav_of_inaturalist_decodes(shared):
    sound = decode((shared / "archives" / "inaturalist_api" / "obs_sound.wav").read_bytes())
    assert (sound.sample_rate_hz, sound.channels) == (16000, 1)
    assert 0.01 < np.abs(sound.waveform).max() <= 1.0


@pytest.mark.parametrize("before", [bytes(417), b"ID3\x03\x00\x00\x00\x00\x00\x7f" + bytes(127) + bytes(300)])
def test_an_mp3_behind_zeros_or_a_tag_is_read(before):
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.1 * np.sin(np.arange(44100) / 10), 44100, format="MP3")
    assert abs(decode(before + buffer.getvalue()).duration_s - 1.0) < 0.1


@pytest.mark.parametrize("rate", [11025, 12345, 48000])
def test_windows_do_not_overlap_at_any_rate(rate):
    noise = np.random.Generator(np.random.PCG64(0)).standard_normal(5 * rate)
    bursts = 0.001 + (np.arange(5 * rate) % rate < rate // 3)
    windows = activity_windows((noise * bursts).astype(np.float32), rate, 1.0, 4)
    assert len(windows) > 1 and all(one[1] <= two[0] for one, two in itertools.pairwise(windows))
