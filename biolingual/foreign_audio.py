"""Decodes what libsndfile cannot (AAC in MP4, WMA, odd MP3s) with PyAV, in a child process that may hang or grow without harm.

Shapes: T samples, C channels.
"""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys

import numpy as np
import soundfile

from biolingual.audio import Sound, UndecodableError, decode, to_mono

TIME_LIMIT_S = 120
MEMORY_LIMIT = 6 << 30  # bytes of address space of the child
MOST_SAMPLES = 1 << 29  # over all channels: three hours of stereo at 24 kHz, half an hour at 128 kHz
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


def _in_child(data: bytes, first: UndecodableError, time_limit_s: float, most_samples: int) -> tuple[np.ndarray, int]:
    # With this process's own path: on a cluster the code may lie where a fresh interpreter would not look.
    code = f"import sys; sys.path[:] = {sys.path!r}; from biolingual.foreign_audio import main; main()"
    words = [sys.executable, "-c", code]
    asked = f"{most_samples}\n".encode() + data
    try:
        done = subprocess.run(words, input=asked, capture_output=True, timeout=time_limit_s, check=False)
    except subprocess.TimeoutExpired as error:
        raise UndecodableError("decoding_timeout", f"not decoded within {time_limit_s} s") from error
    head, _, body = done.stdout.partition(b"\n")
    if done.returncode or not body:
        # The child says "reason" alone where it knows better than libsndfile.
        reason = head.decode(errors="replace").strip()
        raise UndecodableError(reason, "PyAV gave up") if reason == "too_long" else first
    told = json.loads(head)
    return np.frombuffer(body, dtype="<f4").reshape(-1, told["channels"]).copy(), told["sample_rate_hz"]


def main() -> None:
    """The child: how many samples at most and a file on stdin; one line of JSON and float32 samples [T, C] on stdout."""
    import av

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    most = int(sys.stdin.buffer.readline())
    with av.open(io.BytesIO(sys.stdin.buffer.read())) as container:
        stream = container.streams.audio[0]
        layout, rate = stream.codec_context.layout, stream.codec_context.sample_rate
        resampler = av.AudioResampler(format="flt", layout=layout, rate=rate)
        parts, count = [], 0
        try:
            for frame in container.decode(stream):
                for piece in resampler.resample(frame):
                    parts.append(piece.to_ndarray().reshape(-1))
                    count += len(parts[-1])
                if count > most:
                    print("too_long")
                    sys.exit(1)
        except av.error.FFmpegError:
            if not parts:  # what came before the damage is sound; its length tells what is missing
                raise
    head = {"sample_rate_hz": rate, "channels": layout.nb_channels}
    sys.stdout.buffer.write(json.dumps(head).encode() + b"\n" + np.concatenate(parts).astype("<f4").tobytes())
