"""One sound file to what is kept of it: length, hash, marks, fingerprint and clips, whatever its form and length.

A short sound is decoded whole; one that would fill more than LONG_SAMPLES is heard from a tape, in pieces.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
import soundfile

from biolingual import audio, fingerprints, marks, tape
from biolingual.audio import Sound, UndecodableError
from biolingual.foreign_audio import MOST_TAPED, PICTURES, decode_any, other_length_s, unpacked
from biolingual.params import IngestParams
from biolingual.storage import is_remote, open_url, patiently

ROUNDED_S = 0.5  # archives give whole seconds
EXPANDED = 10  # by how much bats are slowed down for human ears
LONG_SAMPLES = 1 << 24  # over all channels: nearly three minutes of stereo at 48 kHz
FOREIGN_BYTES = 1 << 22  # of a file that libsndfile does not know: four minutes at 128 kbit/s
DISAGREE_S = 0.05


@dataclass(frozen=True)
class Heard:
    """clips: (start_s, length_s, activity, FLAC). marks: name -> value where there is one."""

    sample_rate_hz: int
    channels: int
    duration_s: float
    sha256: str
    marks: dict[str, float]
    fingerprint: np.ndarray  # uint32 [F]
    clips: list[tuple[float, float, float, bytes]]


def hear(url: str, declared_s: float | None, params: IngestParams, slowed: int = 1) -> Heard:
    """Decode, check and cut the sound at a path or URL. UndecodableError says why it cannot be used.

    A file that plays `slowed` times slower than life is heard at life's pace: of so much shorter length and higher rate,
    with the factor for a mark.
    """
    with at_hand(url) as path, complaints() as lines:
        known_s, samples, sound = _opened(path)
        if samples > MOST_TAPED:
            raise UndecodableError("too_long", f"{samples} samples")
        if samples > LONG_SAMPLES:
            heard = _from_tape(path, declared_s, params, slowed)
        elif known_s is None and path.stat().st_size > FOREIGN_BYTES and not _is_picture(path):
            with unpacked(path) as plain:
                heard = _from_tape(plain, declared_s, params, slowed)
        else:
            sound = sound or decode_any(path.read_bytes(), known=known_s is not None)
            sound = Sound(sound.waveform, sound.sample_rate_hz * slowed, sound.channels)
            heard = _whole(sound, declared_s, params)
        further = {"decoder_warnings": float(len(lines())), "time_expanded": float(slowed if slowed > 1 else 0)}
        if known_s is not None and _differs(heard.duration_s, known_s / slowed, declared_s) and _lossy(path):
            other = other_length_s(path)
            if other is not None and abs(other / slowed - heard.duration_s) > DISAGREE_S:
                further["ffmpeg_length"] = other / slowed
    return Heard(**{**vars(heard), "marks": {k: v for k, v in (heard.marks | further).items() if v}})


@contextlib.contextmanager
def at_hand(url: str) -> Iterator[Path]:
    """The file itself, or a temporary copy of a remote one."""
    if not is_remote(url):
        yield Path(url.removeprefix("file://"))
        return
    with tempfile.TemporaryDirectory(prefix="hear-") as folder:
        copy = Path(folder) / "sound"
        patiently(lambda: _copy(url, copy))
        yield copy


def _copy(url: str, path: Path) -> None:
    try:
        with open_url(url) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
    except Exception as error:
        if getattr(error, "status", None) in (404, 410):  # a web server's way to say it
            raise FileNotFoundError(url) from error
        raise


@contextlib.contextmanager
def complaints() -> Iterator:
    """Catches what codec libraries write to the process's standard error; yields a function that gives the lines so far."""
    caught = _caught()
    caught.seek(0)
    caught.truncate()
    before = os.dup(2)
    os.dup2(caught.fileno(), 2)

    def lines() -> list[bytes]:
        caught.seek(0)
        return caught.read().splitlines()

    try:
        yield lines
    finally:
        os.dup2(before, 2)
        os.close(before)


@functools.cache
def _caught() -> IO[bytes]:
    """A file without a name, one for the process."""
    return tempfile.TemporaryFile()


def _opened(path: Path) -> tuple[float | None, int, Sound | None]:
    """(seconds, samples over all channels) as the header has them, (None, 0) where libsndfile does not know the form; and the
    sound itself where it is short and nothing is odd about it."""
    try:
        with soundfile.SoundFile(path) as file:
            seconds, samples = file.frames / file.samplerate, file.frames * file.channels
            return seconds, samples, _read(file) if samples <= LONG_SAMPLES else None
    except (soundfile.LibsndfileError, RuntimeError):
        return None, 0, None


def _read(file: soundfile.SoundFile) -> Sound | None:
    """None where `decode_any` has to look at the bytes and say what is wrong."""
    try:
        file.seek(0)
        samples = file.read(dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError):
        return None
    if not len(samples) or not np.isfinite(samples.sum()):
        return None
    return Sound(audio.to_mono(samples), file.samplerate, samples.shape[1])


def _is_picture(path: Path) -> bool:
    with open(path, "rb") as file:
        return file.read(8).startswith(tuple(PICTURES))


def _lossy(path: Path) -> bool:
    with open(path, "rb") as file:
        return not file.read(4).startswith((b"RIFF", b"RF64", b"fLaC", b"FORM"))


def _differs(duration_s: float, header_s: float, declared_s: float | None) -> bool:
    """Whether somebody promised another length: worth the half second that a second decoder's opinion takes."""
    if abs(header_s - duration_s) > DISAGREE_S:
        return True
    return declared_s is not None and abs(declared_s - duration_s) > 2 * ROUNDED_S


def _check(peak_dbfs: float, duration_s: float, declared_s: float | None, params: IngestParams) -> None:
    if peak_dbfs < params.silence_dbfs:
        raise UndecodableError("silent", f"peak below {params.silence_dbfs} dBFS")
    if declared_s and duration_s < params.truncated_share * (declared_s - ROUNDED_S):
        raise UndecodableError("truncated", f"{duration_s:.1f} s decoded of {declared_s:.1f} s declared")
    if declared_s and declared_s >= 2 and abs(duration_s / EXPANDED - declared_s) <= ROUNDED_S:
        raise UndecodableError("time_expanded", f"{duration_s:.1f} s decoded of {declared_s:.1f} s declared")
    if duration_s < params.min_duration_s:
        raise UndecodableError("too_short", f"{duration_s:.3f} s")


def _check_tone(tone_s: float, duration_s: float, params: IngestParams) -> None:
    if tone_s > duration_s - params.min_duration_s:
        raise UndecodableError("test_tone", "a steady pure tone and nothing else")


def _whole(sound: Sound, declared_s: float | None, params: IngestParams) -> Heard:
    heard, own, rate = sound.waveform, sound.sample_rate_hz, params.sample_rate_hz
    peaks = marks.extremes(heard)
    _check(audio.peak_dbfs(peaks), sound.duration_s, declared_s, params)
    found = {
        "dc_offset": marks.dc_offset(heard),
        "clipped": marks.clipped_share(heard) if np.abs(peaks).max() >= marks.FULL_SCALE else 0.0,
        "test_tone": marks.tone_in_front_s(heard, own),
    }
    _check_tone(found["test_tone"], sound.duration_s, params)
    waveform = audio.resample(heard - np.float32(found["dc_offset"]) if found["dc_offset"] else heard, own, rate)
    skipped = round(found["test_tone"] * rate)
    clips = [
        _stored((start + skipped) / rate, waveform[start + skipped : stop + skipped], activity, rate)
        for start, stop, activity in _liveliest(waveform[skipped:], params)
    ]
    sha256 = audio.sha256_of(_pieces(heard, audio.CACHED), own)
    return Heard(own, sound.channels, sound.duration_s, sha256, found, fingerprints.fingerprint(heard, own), clips)


def _liveliest(waveform: np.ndarray, params: IngestParams) -> list[tuple[int, int, float]]:
    """`audio.activity_windows` of [T] at the clips' rate."""
    rate = params.sample_rate_hz
    frame = max(1, round(audio.FRAME_S * rate))
    levels = [audio.frame_levels(piece, rate) for piece in _pieces(waveform, max(1, audio.CACHED // frame) * frame)]
    db = np.concatenate([np.empty(0), *levels])
    return audio.liveliest(db, len(waveform), rate, params.clip_duration_s, params.max_clips_per_recording)


def _pieces(waveform: np.ndarray, size: int) -> Iterator[np.ndarray]:
    return (waveform[start : start + size] for start in range(0, len(waveform), size))


def _from_tape(path: Path, declared_s: float | None, params: IngestParams, slowed: int) -> Heard:
    with tape.tape_of(path) as sound:
        sound = replace(sound, sample_rate_hz=sound.sample_rate_hz * slowed)
        _check(tape.peak_dbfs(sound), sound.duration_s, declared_s, params)
        found = tape.found_marks(sound)
        _check_tone(found["test_tone"], sound.duration_s, params)
        own, rate = sound.sample_rate_hz, params.sample_rate_hz
        frame = max(1, round(audio.FRAME_S * own))
        skipped = -(-round(found["test_tone"] * own) // frame)  # frames
        windows = audio.liveliest(
            tape.frame_levels(sound)[skipped:],
            sound.length - skipped * frame,
            own,
            params.clip_duration_s,
            params.max_clips_per_recording,
        )
        clips = []
        for start, stop, activity in windows:
            start, stop = start + skipped * frame, stop + skipped * frame
            clips.append(_stored(start / own, tape.clip(sound, start, stop, found["dc_offset"], rate), activity, rate))
        return Heard(
            own,
            sound.channels,
            sound.duration_s,
            tape.sound_sha256(sound),
            found,
            tape.fingerprint(sound),
            clips,
        )


def _stored(start_s: float, samples: np.ndarray, activity: float, rate: int) -> tuple[float, float, float, bytes]:
    flac = audio.to_flac(as_16_bits(samples), rate)
    return round(start_s, 6), round(len(samples) / rate, 6), round(activity, 6), flac


def as_16_bits(samples: np.ndarray) -> np.ndarray:
    """int16 [T] as libsndfile makes of float32 [T], in less time."""
    scaled = samples * np.float32(32768)
    np.rint(scaled, out=scaled)
    return np.clip(scaled, -32768, 32767, out=scaled).astype(np.int16)
