"""What is odd about a sound that is taken all the same: a constant offset, clipped peaks, a test tone in front.

Shapes: T samples, F frames.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

OFFSET = 0.01  # of full scale; less is inaudible and not worth other bytes
FULL_SCALE = 0.999
CLIPPED_RUN = 3  # samples in a row
CLIPPED_SHARE = 0.001
TONE_FRAME_S = 0.1
TONE_SHARE = 0.95  # of a frame's power within one bin of its strongest
TONE_STEADY_DB = 1.0
SHORTEST_TONE_S = 1.0
LOWEST_TONE_HZ = 100  # below lie offset, wind and mains hum; calibrators give 250 or 1000 Hz


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A row of marks.parquet. value: the offset, the share of clipped samples, the seconds of the tone, the lines in which
    the decoder complained, the seconds that FFmpeg finds where libsndfile finds others and the header or archive yet others,
    or how many times slower than life the file plays, whose own rate is the recording's over that."""

    recording_id: str
    mark: str  # dc_offset | clipped | test_tone | decoder_warnings | ffmpeg_length | time_expanded
    value: float


def extremes(waveform: np.ndarray) -> np.ndarray:
    """The lowest and the highest sample of [T]."""
    return np.array([waveform.min(initial=0.0), waveform.max(initial=0.0)])


def dc_offset(waveform: np.ndarray) -> float:
    """The mean of [T] where it is large enough to matter, else 0."""
    if not len(waveform) or abs(waveform.mean()) < OFFSET / 2:  # float32 settles the usual case
        return 0.0
    return offset_of(float(waveform.mean(dtype=np.float64)))


def offset_of(mean: float) -> float:
    """The mean where it is large enough to matter, else 0."""
    return mean if abs(mean) > OFFSET else 0.0


def clipped_share(waveform: np.ndarray) -> float:
    """The share of samples that lie at full scale, three or more in a row; 0 below a thousandth."""
    return clipped_of(clipped_samples(waveform), len(waveform))


def clipped_samples(waveform: np.ndarray) -> int:
    """How many samples lie at full scale, three or more in a row."""
    at_top = np.abs(waveform) >= FULL_SCALE
    if not at_top.any():
        return 0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], at_top, [False]]).astype(np.int8)))
    runs = edges[1::2] - edges[::2]
    return int(runs[runs >= CLIPPED_RUN].sum())


def clipped_of(clipped: int, length: int) -> float:
    """The share of clipped samples; 0 below a thousandth."""
    share = clipped / max(1, length)
    return share if share >= CLIPPED_SHARE else 0.0


def tone_in_front_s(waveform: np.ndarray, sample_rate_hz: int) -> float:
    """Seconds of a steady pure tone at the start (calibration), 0 where there is none of a second or more.

    A frame is of the tone when 95 % of its power lies within a bin of the first frame's strongest one and its level within
    1 dB of the first frame's: no animal holds pitch and level so.
    """
    frame = round(TONE_FRAME_S * sample_rate_hz)
    if frame < 8 or len(waveform) < SHORTEST_TONE_S * sample_rate_hz:
        return 0.0
    window = _hann(frame)
    first_bin = first_db = None
    frames = 0
    for start in range(0, len(waveform) - frame + 1, frame):
        part = waveform[start : start + frame]
        power = np.abs(np.fft.rfft((part - part.mean()) * window)) ** 2  # [frame / 2 + 1]
        total = float(power.sum())
        if total <= 0:
            break
        if first_bin is None:
            first_bin, first_db = int(power.argmax()), 10 * np.log10(total)
            if first_bin * sample_rate_hz < LOWEST_TONE_HZ * frame:
                break
        # A Hann window spreads a tone over two bins to each side.
        near = float(power[max(0, first_bin - 2) : first_bin + 3].sum())
        if near < TONE_SHARE * total or abs(10 * np.log10(total) - first_db) > TONE_STEADY_DB:
            break
        frames += 1
    seconds = frames * frame / sample_rate_hz
    return seconds if seconds >= SHORTEST_TONE_S else 0.0


@functools.cache
def _hann(length: int) -> np.ndarray:
    return np.hanning(length)
