"""Decodes what libsndfile cannot (AAC in MP4, WMA, odd MP3s) with PyAV, in a child process that may hang or grow without harm.

Shapes: T samples, C channels.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from biolingual import child_decoder
from biolingual.audio import Sound, UndecodableError, decode, to_mono

TIME_LIMIT_S = 120
LONG_TIME_LIMIT_S = 900
MOST_SAMPLES = 1 << 29  # over all channels: three hours of stereo at 24 kHz, half an hour at 128 kHz
MOST_TAPED = 1 << 32  # of a sound that is heard in pieces: twelve hours of stereo at 48 kHz, and 8 GB of a disk
PICTURES = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF"}


def decode_any(
    data: bytes, time_limit_s: float = TIME_LIMIT_S, most_samples: int = MOST_SAMPLES, known: bool | None = None
) -> Sound:
    """Decode a whole file to mono with libsndfile, or else with PyAV. known: whether libsndfile knows the form, where asked before.

    UndecodableError as `audio.decode`, and: picture (a sonogram under a sound's name), too_long (more than `most_samples`),
    decoding_timeout.
    """
    for mark, name in PICTURES.items():
        if data.startswith(mark):
            raise UndecodableError("picture", f"a {name} image under an audio file's name")
    known = _is_known(data, most_samples) if known is None else known
    try:
        return decode(data)
    except UndecodableError as error:
        # What libsndfile knows the form of and still cannot read is damaged: half of it is no recording.
        if known or error.reason != "undecodable":
            raise
        samples, rate = _in_child(data, error, time_limit_s, most_samples)
    if not np.isfinite(samples).all():
        raise UndecodableError("not_finite", "samples hold NaN or infinity")
    return Sound(to_mono(samples), rate, samples.shape[1])


def _is_known(data: bytes, most_samples: int) -> bool:
    """Whether libsndfile knows the form. UndecodableError for a header that claims days: a small file may unpack to them."""
    try:
        info = soundfile.info(io.BytesIO(data))
    except (soundfile.LibsndfileError, RuntimeError):
        return False
    if info.frames * info.channels > most_samples:
        raise UndecodableError("too_long", f"{info.frames} frames of {info.channels} channels")
    return True


@contextlib.contextmanager
def unpacked(path: Path, time_limit_s: float = LONG_TIME_LIMIT_S, most_samples: int = MOST_TAPED) -> Iterator[Path]:
    """A foreign file as a temporary float32 WAV (RF64) that libsndfile reads piece by piece. UndecodableError as `decode_any`."""
    with tempfile.TemporaryDirectory(prefix="unpacked-") as folder:
        plain = Path(folder) / "sound.wav"
        with _told(_unknown()):
            child_decoder.unpack(str(path), str(plain), most_samples, time_limit_s)
        yield plain


def other_length_s(path: Path, time_limit_s: float = LONG_TIME_LIMIT_S) -> float | None:
    """Seconds of sound that FFmpeg finds in a file that libsndfile reads too; None where it finds none."""
    try:
        return child_decoder.seconds(str(path), time_limit_s) or None
    except (child_decoder.ChildEndedError, TimeoutError):
        return None


def _unknown() -> UndecodableError:
    return UndecodableError("undecodable", "neither libsndfile nor FFmpeg reads it")


def _in_child(data: bytes, first: UndecodableError, time_limit_s: float, most_samples: int) -> tuple[np.ndarray, int]:
    with tempfile.TemporaryDirectory(prefix="unpacked-") as folder:
        source, plain = Path(folder) / "sound", Path(folder) / "sound.wav"
        source.write_bytes(data)
        with _told(first):
            child_decoder.unpack(str(source), str(plain), most_samples, time_limit_s)
        return soundfile.read(plain, dtype="float32", always_2d=True)


@contextlib.contextmanager
def _told(first: UndecodableError) -> Iterator[None]:
    """The child's errors as reasons; `first` where it has none."""
    try:
        yield
    except TimeoutError as error:
        raise UndecodableError("decoding_timeout", str(error)) from error
    except child_decoder.TooManyError as error:
        raise UndecodableError("too_long", "PyAV gave up") from error
    except child_decoder.ChildEndedError:
        raise first from None
