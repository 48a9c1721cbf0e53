"""The sound of a unit as BEANS hears it: channels averaged, at the set's rate, the first seconds or a window, zeros after the end.

Shapes: T samples.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from biolingual.audio import UndecodableError, decode, resample
from biolingual.benchmarks.beans.layout import Unit
from biolingual.benchmarks.beans.sets import SoundSet


def whole(path: str, sample_rate_hz: int) -> np.ndarray:
    """A file, channels averaged, at `sample_rate_hz`: float32 [T]. ValueError names a file that is no usable sound."""
    data = Path(path).read_bytes()
    try:
        sound = decode(data)
        waveform, rate = sound.waveform, sound.sample_rate_hz
        if sound.channels > 1:  # `decode` may take the louder channel; BEANS always averages
            waveform = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)[0].mean(axis=1)
    except (UndecodableError, soundfile.LibsndfileError) as error:
        raise ValueError(f"{path} cannot be heard ({error}). Put a sound there or take it out of its list.") from error
    return resample(waveform, rate, sample_rate_hz)


def cut(waveform: np.ndarray, start_s: float, length_s: float, sample_rate_hz: int) -> np.ndarray:
    """[T] from `start_s`, exactly `length_s` long: zeros where the sound has ended."""
    start, samples = round(start_s * sample_rate_hz), round(length_s * sample_rate_hz)
    piece = waveform[start : start + samples]
    return np.pad(piece, (0, samples - len(piece)))


def heard(row: SoundSet, units: list[Unit]) -> Iterator[np.ndarray]:
    """The units' waveforms at the set's rate, in order; units of a file that follow each other decode it once."""
    last, waveform = "", np.zeros(0, np.float32)
    for unit in units:
        if unit.path != last:
            last, waveform = unit.path, whole(unit.path, row.sample_rate_hz)
        yield cut(waveform, unit.start_s, row.unit_s, row.sample_rate_hz)
