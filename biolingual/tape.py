"""A sound of hours, heard in pieces: the memory it takes does not grow with its length.

The mono samples lie in a temporary file; what is told of them equals what a short sound is told of whole, apart from the
windows, whose activity is taken at the file's own rate.

Shapes: T samples, C channels, F frames.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
import soxr

from biolingual import audio, fingerprints, marks

PIECE = 1 << 20  # samples over all channels
MARGIN_S = 0.1  # of sound around a window, so that resampling sees no edge


@dataclass(frozen=True)
class Tape:
    """Mono float32 [T] in a file."""

    file: IO[bytes]
    length: int
    sample_rate_hz: int
    channels: int

    @property
    def duration_s(self) -> float:
        return self.length / self.sample_rate_hz

    def piece(self, start: int, stop: int) -> np.ndarray:
        """Samples [start, stop)."""
        self.file.seek(4 * start)
        return np.frombuffer(self.file.read(4 * (min(stop, self.length) - start)), dtype="<f4")

    def pieces(self, size: int = PIECE) -> Iterator[np.ndarray]:
        """All samples in order."""
        for start in range(0, self.length, size):
            yield self.piece(start, start + size)


@contextlib.contextmanager
def tape_of(path: Path) -> Iterator[Tape]:
    """A file that libsndfile reads, decoded twice: for its channels' power, then to mono. UndecodableError as `audio.decode`."""
    power, power_of_mean, length = 0.0, 0.0, 0
    with tempfile.TemporaryFile(prefix="tape-") as file:
        try:
            with soundfile.SoundFile(path) as sound:
                rate, channels = sound.samplerate, sound.channels
                for block in _blocks(sound):
                    if not np.isfinite(block).all():
                        raise audio.UndecodableError("not_finite", "samples hold NaN or infinity")
                    _, energy, energy_of_mean = audio.averaged(block)
                    power, power_of_mean = power + energy, power_of_mean + energy_of_mean
                    length += len(block)
            if not length:
                raise audio.UndecodableError("zero_frames", "the file decodes to no samples")
            channel = audio.channel_instead(power, power_of_mean) if channels > 1 else None
            with soundfile.SoundFile(path) as sound:
                for block in _blocks(sound):
                    mono = audio.averaged(block)[0] if channel is None else block[:, channel]
                    file.write(mono.astype("<f4").tobytes())
        except soundfile.LibsndfileError as error:
            raise audio.UndecodableError("undecodable", str(error).rpartition(": ")[2]) from error
        yield Tape(file, length, rate, channels)


def _blocks(sound: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """float32 [T, C] until nothing more comes: a header's length may be wrong either way."""
    while len(block := sound.read(PIECE // sound.channels, dtype="float32", always_2d=True)):
        yield block


def peak_dbfs(tape: Tape) -> float:
    """`audio.peak_dbfs` of the whole."""
    return max(audio.peak_dbfs(piece) for piece in tape.pieces())


def sound_sha256(tape: Tape) -> str:
    """`audio.sound_sha256` of the whole."""
    return audio.sha256_of(tape.pieces(), tape.sample_rate_hz)


def found_marks(tape: Tape) -> dict[str, float]:
    """`marks` of the whole; the test tone is looked for in the first ten minutes."""
    total, clipped, left = 0.0, 0, np.empty(0, dtype=np.float32)
    for piece in tape.pieces():
        total += float(piece.sum(dtype=np.float64))
        piece = np.concatenate([left, piece])
        below = np.flatnonzero(np.abs(piece) < marks.FULL_SCALE)
        end = int(below[-1]) + 1 if len(below) else 0  # a run that goes on is counted with the next piece
        clipped += marks.clipped_samples(piece[:end])
        left = piece[end:]
    clipped += marks.clipped_samples(left)
    front = tape.piece(0, 600 * tape.sample_rate_hz) if _starts_with_tone(tape) else np.empty(0, dtype=np.float32)
    return {
        "dc_offset": marks.offset_of(total / tape.length),
        "clipped": marks.clipped_of(clipped, tape.length),
        "test_tone": marks.tone_in_front_s(front, tape.sample_rate_hz),
    }


def _starts_with_tone(tape: Tape) -> bool:
    return marks.tone_in_front_s(tape.piece(0, 2 * tape.sample_rate_hz), tape.sample_rate_hz) > 0


def frame_levels(tape: Tape) -> np.ndarray:
    """`audio.frame_levels` [F] of the whole at its own rate."""
    frame = max(1, round(audio.FRAME_S * tape.sample_rate_hz))
    size = max(1, PIECE // frame) * frame
    return np.concatenate([audio.frame_levels(piece, tape.sample_rate_hz) for piece in tape.pieces(size)])


def fingerprint(tape: Tape) -> np.ndarray:
    """`fingerprints.fingerprint` of the whole."""
    same = tape.sample_rate_hz == fingerprints.RATE_HZ
    stream = soxr.ResampleStream(tape.sample_rate_hz, fingerprints.RATE_HZ, 1, dtype="float32", quality="LQ")
    left, powers, seen = np.empty(0, dtype=np.float32), [], 0
    for piece in tape.pieces():
        seen += len(piece)
        left = np.concatenate([left, piece if same else stream.resample_chunk(piece, last=seen == tape.length)])
        powers.append(fingerprints.band_powers(left))
        left = left[len(powers[-1]) * fingerprints.HOP :]
    return fingerprints.words_of(np.concatenate(powers))


def clip(tape: Tape, start: int, stop: int, offset: float, rate: int) -> np.ndarray:
    """Samples [start, stop) less the constant offset, at another rate."""
    margin = round(MARGIN_S * tape.sample_rate_hz)
    low, high = max(0, start - margin), min(tape.length, stop + margin)
    sound = audio.resample(tape.piece(low, high) - np.float32(offset), tape.sample_rate_hz, rate)
    first = round((start - low) * rate / tape.sample_rate_hz)
    return sound[first : first + round((stop - start) * rate / tape.sample_rate_hz)]
