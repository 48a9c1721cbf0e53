"""Decodes what libsndfile cannot (AAC in MP4, WMA, odd MP3s) with PyAV, in a child process that may hang or grow without harm.

Shapes: T samples, C channels.
"""

from __future__ import annotations

import contextlib
import io
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile

from biolingual.audio import Sound, UndecodableError, decode, to_mono

TIME_LIMIT_S = 120
LONG_TIME_LIMIT_S = 900
MEMORY_LIMIT = 6 << 30  # bytes of address space of the child
MOST_SAMPLES = 1 << 29  # over all channels: three hours of stereo at 24 kHz, half an hour at 128 kHz
MOST_TAPED = 1 << 32  # of a sound that is heard in pieces: twelve hours of stereo at 48 kHz, and 8 GB of a disk
PICTURES = {b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF"}


def decode_any(data: bytes, time_limit_s: float = TIME_LIMIT_S, most_samples: int = MOST_SAMPLES) -> Sound:
    """Decode a whole file to mono with libsndfile, or else with PyAV.

    UndecodableError as `audio.decode`, and: picture (a sonogram under a sound's name), too_long (more than `most_samples`),
    decoding_timeout.
    """
    for mark, name in PICTURES.items():
        if data.startswith(mark):
            raise UndecodableError("picture", f"a {name} image under an audio file's name")
    known = _is_known(data, most_samples)
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
        _child("unpack", [str(path), str(plain), str(most_samples)], b"", time_limit_s, _unknown())
        yield plain


def other_length_s(path: Path, time_limit_s: float = LONG_TIME_LIMIT_S) -> float | None:
    """Seconds of sound that FFmpeg finds in a file that libsndfile reads too; None where it finds none."""
    try:
        told = _child("measure", [str(path)], b"", time_limit_s, _unknown())
    except UndecodableError:
        return None
    return float(told) or None


def _unknown() -> UndecodableError:
    return UndecodableError("undecodable", "neither libsndfile nor FFmpeg reads it")


def _in_child(data: bytes, first: UndecodableError, time_limit_s: float, most_samples: int) -> tuple[np.ndarray, int]:
    with tempfile.TemporaryDirectory(prefix="unpacked-") as folder:
        plain = Path(folder) / "sound.wav"
        _child("unpack", ["-", str(plain), str(most_samples)], data, time_limit_s, first)
        return soundfile.read(plain, dtype="float32", always_2d=True)


def _child(task: str, words: list[str], data: bytes, time_limit_s: float, first: UndecodableError) -> bytes:
    """What the child said. `first` is raised where it failed without a reason of its own."""
    # With this process's own path: on a cluster the code may lie where a fresh interpreter would not look.
    code = f"import sys; sys.path[:] = {sys.path!r}; from biolingual import foreign_audio; foreign_audio.{task}(*{words!r})"
    command = [sys.executable, "-c", code]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=time_limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise UndecodableError("decoding_timeout", f"not decoded within {time_limit_s} s") from error
    if done.returncode:
        reason = done.stdout.decode(errors="replace").strip()
        raise UndecodableError(reason, "PyAV gave up") if reason == "too_long" else first
    return done.stdout


def unpack(source: str, target: str, most: str) -> None:
    """The child: a file, or "-" for standard input, to a float32 WAV; "too_long" and exit code 1 past so many samples."""
    count, writer = 0, None
    for samples, rate in _frames(source):  # [T, C]
        if writer is None:
            writer = soundfile.SoundFile(target, "w", rate, samples.shape[1], format="RF64", subtype="FLOAT")
        count += samples.size
        if count > int(most):
            print("too_long")
            sys.exit(1)
        writer.write(samples)
    if writer is None:
        sys.exit(1)
    writer.close()


def measure(source: str) -> None:
    """The child: prints the seconds that a file decodes to."""
    print(sum(len(samples) / rate for samples, rate in _frames(source)))


def _frames(source: str) -> Iterator[tuple[np.ndarray, int]]:
    """(float32 [T, C], rate) frame by frame. What came before a damage is sound; its length tells what is missing."""
    import av

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    with av.open(io.BytesIO(sys.stdin.buffer.read()) if source == "-" else source) as container:
        stream = container.streams.audio[0]
        layout, rate = stream.codec_context.layout, stream.codec_context.sample_rate
        resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)
        begun = False
        try:
            for frame in container.decode(stream):
                for piece in resampler.resample(frame):
                    begun = True
                    yield piece.to_ndarray().reshape(-1, layout.nb_channels).astype("<f4"), rate
        except av.error.FFmpegError:
            if not begun:
                raise
