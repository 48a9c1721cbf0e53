"""FFmpeg in a child process, which may hang, grow or crash without harm: started when first asked, anew when it has ended.

One child serves a thread for all its files: an interpreter takes longer to start than most sounds to decode.

Shapes: T samples, C channels.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import soundfile

MEMORY_LIMIT = 6 << 30  # bytes of address space of the child
GRACE_S = 5  # after which a child ends itself whose parent is gone


class ChildEndedError(RuntimeError):
    """The child ended without an answer: nothing in the file that FFmpeg reads, or a crash. The next file gets a new one."""


class TooManyError(ValueError):
    """More samples than were asked for."""


class _Child(threading.local):
    process: subprocess.Popen | None = None


_child = _Child()


def unpack(source: str, target: str, most: int, time_limit_s: float) -> None:
    """Write the sound of the file `source` to `target`, a float32 WAV (RF64).

    TooManyError past `most` samples over all channels, TimeoutError past the limit, ChildEndedError where FFmpeg cannot read it.
    """
    if _asked("unpack", [os.path.abspath(source), os.path.abspath(target), most], time_limit_s) is None:
        raise TooManyError(f"more than {most} samples")


def seconds(source: str, time_limit_s: float) -> float:
    """How long the file's sound is, decoded. Errors as `unpack`."""
    return _asked("seconds", [os.path.abspath(source)], time_limit_s)  # the child stays where it was started


def _asked(task: str, words: list, time_limit_s: float) -> float | None:
    child = _running()
    began, timer = time.monotonic(), threading.Timer(time_limit_s, child.kill)
    timer.start()
    try:
        with contextlib.suppress(BrokenPipeError):  # it has ended: no line comes
            child.stdin.write(json.dumps([task, words, time_limit_s]).encode() + b"\n")
        line = child.stdout.readline()
        if time.monotonic() - began >= time_limit_s:
            raise TimeoutError(f"not decoded within {time_limit_s} s")
        if not line:
            raise ChildEndedError("FFmpeg gave up")
        return json.loads(line)
    except BaseException:  # an answer that comes later would be taken for the next file's
        _end()
        raise
    finally:
        timer.cancel()


def _running() -> subprocess.Popen:
    if _child.process is None or _child.process.poll() is not None:
        _end()
        # With this process's own path: on a cluster the code may lie where a fresh interpreter would not look.
        code = f"import sys; sys.path[:] = {sys.path!r}; from biolingual import child_decoder; child_decoder.serve()"
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        _child.process = subprocess.Popen([sys.executable, "-c", code], bufsize=0, **pipes)
    return _child.process


def _end() -> None:
    process, _child.process = _child.process, None
    if process is not None:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


def serve() -> None:
    """The child: answers each line [task, words, seconds] with a line of JSON; ends with its parent's pipe and at any error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a codec prints is no answer
    if sys.platform == "linux":  # elsewhere the limit is not kept or there is none
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT, MEMORY_LIMIT))
    for line in sys.stdin:
        task, words, time_limit_s = json.loads(line)
        if hasattr(signal, "alarm"):
            signal.alarm(int(time_limit_s) + GRACE_S)
        answer = {"unpack": _unpack, "seconds": _seconds}[task](*words)
        if hasattr(signal, "alarm"):
            signal.alarm(0)
        print(json.dumps(answer), file=answers, flush=True)


def _unpack(source: str, target: str, most: int) -> int | None:
    """How many samples were written; None past `most`."""
    count, writer = 0, None
    for samples, rate in _samples(source):  # [T, C]
        if writer is None:
            writer = soundfile.SoundFile(target, "w", rate, samples.shape[1], format="RF64", subtype="FLOAT")
        count += samples.size
        if count > most:
            return None
        writer.write(samples)
    writer.close()
    return count


def _seconds(source: str) -> float:
    return sum(frame.samples / frame.sample_rate for frame in _frames(source))


def _samples(source: str) -> Iterator[tuple[np.ndarray, int]]:
    """(float32 [T, C], rate) frame by frame."""
    import av

    resampler = None
    for frame in _frames(source):
        channels, rate = frame.layout.nb_channels, frame.sample_rate
        resampler = resampler or av.AudioResampler(format="flt", layout=frame.layout, rate=rate)
        for piece in resampler.resample(frame):
            yield piece.to_ndarray().reshape(-1, channels).astype("<f4"), rate


def _frames(source: str) -> Iterator:
    """Decoded frames. What came before a damage is sound; its length tells what is missing."""
    import av

    begun = False
    with av.open(source) as container:
        try:
            for frame in container.decode(container.streams.audio[0]):
                yield frame
                begun = True
        except av.error.FFmpegError:
            if not begun:
                raise
