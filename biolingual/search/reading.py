"""A recording of any length, rate and codec -> windows at the model's rate, without ever holding a long recording whole.

Shapes: T samples, W windows.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import soundfile

from biolingual.audio import UndecodableError, resample, to_mono
from biolingual.foreign_audio import decode_any
from biolingual.search.recorders import Circumstances, guano_of, of_comment, of_guano
from biolingual.storage import open_url, size_of

SEEKABLE = {"WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "CAF"}  # libsndfile finds any sample of these at once
WHOLE_SAMPLES = 1 << 25  # over all channels; up to here (128 MB) a recording is decoded at once
WHOLE_BYTES = 1 << 31  # a larger file that libsndfile cannot read is not tried by others
SPAN_S = 120.0  # of a longer recording, how much is held at a time
MARGIN_S = 0.02  # read beyond a span's edges and cut off again: the resampler needs neighbours


@dataclass(frozen=True)
class Recording:
    """An open recording. header: what it says of its own circumstances."""

    sample_rate_hz: int
    channels: int
    frames: int
    header: Circumstances
    waveform: np.ndarray | None = None  # [T] where it was decoded at once
    stream: soundfile.SoundFile | None = field(default=None, repr=False)

    @property
    def duration_s(self) -> float:
        return self.frames / self.sample_rate_hz

    def samples(self, first: int, stop: int) -> np.ndarray:
        """Mono float32 [first, stop) at the recording's own rate. UndecodableError where it breaks off or holds NaN."""
        if self.waveform is not None:
            return self.waveform[first:stop]
        try:
            self.stream.seek(first)
            read = self.stream.read(stop - first, dtype="float32", always_2d=True)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            raise UndecodableError("undecodable", f"breaks off after {first / self.sample_rate_hz:.0f} s") from error
        if len(read) < stop - first:
            at = (first + len(read)) / self.sample_rate_hz
            raise UndecodableError("undecodable", f"ends after {at:.1f} s of the {self.duration_s:.1f} s it claims")
        if not np.isfinite(read).all():
            raise UndecodableError("not_finite", "samples hold NaN or infinity")
        return to_mono(read)


def open_recording(file: IO, size: int) -> Recording:
    """The recording in an open file. UndecodableError as `decode_any`."""
    try:
        stream = soundfile.SoundFile(file)
        header = _header(stream, file)
    except (soundfile.LibsndfileError, RuntimeError, TypeError):
        stream, header = None, Circumstances()
    if stream is not None and stream.format in SEEKABLE and stream.frames * stream.channels > WHOLE_SAMPLES:
        return Recording(stream.samplerate, stream.channels, stream.frames, header, stream=stream)
    if size > WHOLE_BYTES:
        raise UndecodableError("undecodable", f"{size} bytes in no form that can be read piece by piece")
    file.seek(0)
    sound = decode_any(file.read())
    return Recording(sound.sample_rate_hz, sound.channels, len(sound.waveform), header, waveform=sound.waveform)


def open_url_recording(url: str) -> Recording:
    """The recording at a path or URL; what is small is read at once."""
    size = size_of(url)
    file = open_url(url)
    if size <= WHOLE_SAMPLES:
        with file:
            file = io.BytesIO(file.read())
    return open_recording(file, size)


def _header(stream: soundfile.SoundFile, file: IO) -> Circumstances:
    where = file.tell()
    told = of_guano(guano_of(file)).over(of_comment(stream.comment))
    file.seek(where)
    return told


def window_starts(total: int, window: int, hop: int) -> np.ndarray:
    """[W] first samples of windows that cover `total` samples, the last ending with the sound; a short sound is one window."""
    if total <= window:
        return np.zeros(1, np.int64)
    return np.append(np.arange(0, total - window, hop, dtype=np.int64), total - window)


def total_samples(recording: Recording, rate_hz: int) -> int:
    """T at another rate."""
    return max(1, math.floor(recording.frames * rate_hz / recording.sample_rate_hz))


def windows(recording: Recording, starts: np.ndarray, window: int, rate_hz: int) -> Iterator[np.ndarray]:
    """[W] starts and T of a window at rate_hz -> each window's float32 [<= T]; what is held is one span."""
    own_hz, total = recording.sample_rate_hz, total_samples(recording, rate_hz)
    whole = recording.waveform is not None
    per_span = len(starts) if whole else max(1, int(SPAN_S * rate_hz) // max(1, int(starts[1] - starts[0])))
    for first in range(0, len(starts), per_span):
        group = starts[first : first + per_span]
        begin, end = int(group[0]), min(int(group[-1]) + window, total)
        # On a grid that both rates share, so that a span's samples are those of the whole.
        grid = own_hz // math.gcd(own_hz, rate_hz)
        margin = 0 if whole else int(MARGIN_S * own_hz)
        low = max(0, (begin * own_hz // rate_hz - margin) // grid * grid)
        high = min(recording.frames, math.ceil(end * own_hz / rate_hz) + margin)
        waveform = resample(recording.samples(low, high), own_hz, rate_hz)
        offset = low * rate_hz // own_hz
        for start in group:
            at = int(start) - offset
            yield waveform[at : at + window]


def stretch(url: str, start_s: float, end_s: float, rate_hz: int) -> np.ndarray:
    """Float32 [T] at rate_hz of a part of a recording; an end beyond the recording's is the recording's."""
    recording = open_url_recording(url)
    if not 0 <= start_s < min(end_s, recording.duration_s):
        raise ValueError(f"{start_s:g}-{end_s:g} s is no part of {url}, which lasts {recording.duration_s:.1f} s.")
    first = int(start_s * recording.sample_rate_hz)
    stop = min(recording.frames, math.ceil(end_s * recording.sample_rate_hz))
    return resample(recording.samples(first, stop), recording.sample_rate_hz, rate_hz)
