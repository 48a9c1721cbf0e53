"""Bytes -> mono float32 [T]; windows by acoustic activity; FLAC. Pure functions.

Shapes: T samples, C channels, W windows.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

FRAME_S = 0.02
ABOVE_FLOOR_DB = 3.0
FULL_ACTIVITY_DB = 30.0
CACHED = 1 << 15  # samples that a core's cache holds with all that is made of them
SEARCHED_BYTES = 1 << 16
MPEG_MARK = re.compile(rb"\xff[\xe2\xe3\xf2\xf3\xfa\xfb]")
MPEG_KBITS = (  # by header field, of MPEG 2 and 2.5, and of MPEG 1
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)


class UndecodableError(ValueError):
    """Bytes that are no usable sound; `reason` is the short code of the rejected row."""

    def __init__(self, reason: str, detail: str):
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Sound:
    """A decoded file. waveform: float32 [T], mono, at the file's own rate."""

    waveform: np.ndarray
    sample_rate_hz: int
    channels: int

    @property
    def duration_s(self) -> float:
        return len(self.waveform) / self.sample_rate_hz


def decode(data: bytes) -> Sound:
    """Decode a whole file to mono. The decoded length decides, never the header's.

    UndecodableError with reason: empty_file, html_page, undecodable, zero_frames, not_finite.
    """
    if not data:
        raise UndecodableError("empty_file", "0 bytes")
    head = data[:512].lstrip().lower()
    if head.startswith((b"<!doctype html", b"<html")):
        raise UndecodableError("html_page", "an HTML page under an audio file's name")
    try:
        samples, rate = _read(data)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        # libsndfile names the buffer by its address in memory, which would differ from run to run.
        detail = str(error).rpartition(">: ")[2].replace("\n", " ")
        raise UndecodableError("undecodable", detail) from error
    if len(samples) == 0:
        raise UndecodableError("zero_frames", "the file decodes to no samples")
    if not np.isfinite(samples).all():
        raise UndecodableError("not_finite", "samples hold NaN or infinity")
    return Sound(to_mono(samples), rate, samples.shape[1])


def _read(data: bytes) -> tuple[np.ndarray, int]:
    """(samples [T, C], rate). An MPEG stream behind zeros or an ID3 tag, where libsndfile sees no form, is read from its start."""
    try:
        return soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        start = _mpeg_start(data)
        if not start:
            raise
        try:
            return soundfile.read(io.BytesIO(data[start:]), dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            raise error from None  # what looked like a frame was none: the first complaint is the true one


def _mpeg_start(data: bytes) -> int:
    """Where the first two MPEG layer III frames lie end to end: after an ID3v2 tag and padding; 0 where there are none near.

    One frame's mark alone is met by chance in other codecs' bytes, AAC's above all.
    """
    start = 0
    if data[:3] == b"ID3":  # a tag's length: four bytes of seven bits (id3.org, ID3v2.3, 3.1)
        start = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    for found in MPEG_MARK.finditer(data, start, start + SEARCHED_BYTES):
        if (length := _frame_length(data[found.start() :][:4])) and MPEG_MARK.match(data, found.start() + length):
            return found.start()
    return 0


def _frame_length(head: bytes) -> int:
    """Bytes of the MPEG layer III frame that begins with these four, or 0 where they are no header (ISO 11172-3, 2.4.1.3)."""
    if len(head) < 4:
        return 0
    version, bitrate, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if bitrate in (0, 15) or rate == 3 or version == 1:
        return 0
    first = version == 3  # MPEG 1; 2 and 2.5 have half the samples in a frame
    sample_rate_hz = (44100, 48000, 32000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    return (144000 if first else 72000) * MPEG_KBITS[first][bitrate - 1] // sample_rate_hz + (head[2] >> 1 & 1)


def to_mono(samples: np.ndarray) -> np.ndarray:
    """[T, C] -> [T]: the mean of the channels, or the loudest one where averaging would cancel or halve the sound."""
    if samples.shape[1] == 1:
        return np.ascontiguousarray(samples[:, 0])
    mean, energy, energy_of_mean = averaged(samples)
    loudest = channel_instead(energy, energy_of_mean)
    return mean if loudest is None else np.ascontiguousarray(samples[:, loudest])


def averaged(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """[T, C] -> (mean of the channels, float32 [T]; sum of squares of each channel [C]; that of the mean)."""
    mean = np.empty(len(samples), dtype=np.float32)
    energy, energy_of_mean = np.zeros(samples.shape[1]), 0.0
    for start in range(0, len(samples), CACHED):
        part = samples[start : start + CACHED].T.astype(np.float64, order="C")  # [C, part of T]
        average = part.mean(axis=0)
        mean[start : start + CACHED] = average
        energy += np.einsum("ct,ct->c", part, part)
        energy_of_mean += float(np.einsum("t,t->", average, average))
    return mean, energy, energy_of_mean


def channel_instead(power: np.ndarray, power_of_mean: float) -> int | None:
    """The loudest channel where one is dead or inverted, so that the mean would lose the sound; None where it would not."""
    loudest = int(power.argmax())
    return loudest if power_of_mean < 0.3 * power[loudest] else None


def sound_sha256(sound: Sound) -> str:
    """Hash of the decoded sound as 16-bit samples and rate: equal for a WAV and its FLAC copy."""
    return sha256_of([sound.waveform], sound.sample_rate_hz)


def sha256_of(pieces: Iterable[np.ndarray], sample_rate_hz: int) -> str:
    """`sound_sha256` of a waveform that comes in pieces [T]."""
    found = hashlib.sha256(f"{sample_rate_hz}\n".encode())
    for piece in pieces:
        scaled = piece * np.float32(32767)
        np.rint(scaled, out=scaled)
        found.update(np.clip(scaled, -32768, 32767, out=scaled).astype("<i2"))
    return found.hexdigest()


def resample(waveform: np.ndarray, source_hz: int, target_hz: int) -> np.ndarray:
    """[T] -> [T * target / source], anti-aliased (soxr, HQ)."""
    if source_hz == target_hz:
        return waveform
    return soxr.resample(waveform, source_hz, target_hz, quality="HQ")


def peak_dbfs(waveform: np.ndarray) -> float:
    """Peak level in dB relative to full scale; -inf for digital silence."""
    peak = float(np.abs(waveform).max(initial=0.0))
    return 20.0 * np.log10(peak) if peak > 0 else -np.inf


def activity_windows(
    waveform: np.ndarray, sample_rate_hz: int, window_s: float, most: int
) -> list[tuple[int, int, float]]:
    """Up to `most` windows without overlap, the liveliest first chosen, as (start, stop, activity) in order of time.

    Activity of a frame of 20 ms is its level above the recording's noise floor (20th percentile of frame levels), cut
    to 3..30 dB and scaled to 0..1; a window's is the mean of its frames. A recording no longer than a window is one
    window. A further window is kept only where something happens in it (activity above 0).
    """
    return liveliest(frame_levels(waveform, sample_rate_hz), len(waveform), sample_rate_hz, window_s, most)


def liveliest(
    db: np.ndarray, length: int, sample_rate_hz: int, window_s: float, most: int
) -> list[tuple[int, int, float]]:
    """`activity_windows` of a waveform of `length` samples with these frame levels in dB."""
    window = round(window_s * sample_rate_hz)
    above = db - np.percentile(db, 20) - ABOVE_FLOOR_DB if len(db) else np.zeros(1)
    level = np.clip(above, 0.0, FULL_ACTIVITY_DB) / FULL_ACTIVITY_DB
    if length <= window:
        return [(0, length, float(level.mean()))]
    frame = round(FRAME_S * sample_rate_hz)
    frames_per_window = max(1, window // frame)
    sums = np.concatenate([[0.0], np.cumsum(level)])
    starts = np.arange(0, max(1, len(level) - frames_per_window + 1))
    score = sums[np.minimum(starts + frames_per_window, len(level))] - sums[starts]
    at = np.minimum(starts * frame, length - window)  # in samples
    chosen: list[tuple[int, int, float]] = []
    while len(chosen) < most and np.isfinite(score).any():
        best = int(np.argmax(score))
        value = float(score[best]) / frames_per_window
        if chosen and value <= 0:
            break
        start = int(at[best])
        chosen.append((start, start + window, value))
        score[np.abs(at - start) < window] = -np.inf
    return sorted(chosen)


def frame_levels(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """[T] -> mean power in dB of each whole frame of 20 ms."""
    frame = max(1, round(FRAME_S * sample_rate_hz))
    usable = waveform[: len(waveform) // frame * frame].astype(np.float64).reshape(-1, frame)
    return 10.0 * np.log10(np.einsum("ij,ij->i", usable, usable) / frame + 1e-12)


def repeat_pad(waveform: np.ndarray, length: int) -> np.ndarray:
    """[T] -> [length]: longer is cut at the end, shorter is repeated whole times and zero-padded, as CLAP's `repeatpad`."""
    if len(waveform) >= length:
        return waveform[:length]
    repeated = np.tile(waveform, length // len(waveform))
    return np.pad(repeated, (0, length - len(repeated)))


def to_flac(waveform: np.ndarray, sample_rate_hz: int) -> bytes:
    """[T] -> 16-bit FLAC; equal samples give equal bytes. Louder than full scale is clipped by the codec."""
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, sample_rate_hz, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def from_flac(data: bytes) -> np.ndarray:
    """FLAC bytes -> float32 [T]."""
    return soundfile.read(io.BytesIO(data), dtype="float32")[0]
