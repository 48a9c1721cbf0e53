"""Recordings -> windows -> vectors: by threads on this machine, which share one model, or over Ray on a cluster.

Shapes: W windows of one recording, D embedding.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from queue import SimpleQueue

import numpy as np
import torch

from biolingual.audio import UndecodableError
from biolingual.frontend import LogMel
from biolingual.model import EMBED_BATCH, Embedder
from biolingual.parallel import Machine, map_ordered
from biolingual.search.journal import Entry
from biolingual.search.models import load
from biolingual.search.reading import WHOLE_SAMPLES, open_recording, total_samples, window_starts, windows
from biolingual.storage import file_digests, open_url, size_of


@dataclass(frozen=True)
class Job:
    """A file to embed, with all that a worker on another machine needs."""

    path: str  # relative
    url: str
    sha256: str  # "" where the worker is to find it
    model: str
    hop_s: float
    device: str


def embed_all(jobs: Iterator[Job], machine: Machine) -> Iterator[tuple[str, Entry]]:
    """(path, what the file became) of every file, as each is done: in no order where several threads work."""
    if machine.ray_address:
        for group in map_ordered(_alone, jobs, machine, chunk=1):
            yield from group
    elif machine.workers <= 1:
        yield from embed_files(jobs)
    else:
        yield from _by_threads(jobs, machine.workers)


def embed_files(jobs: Iterable[Job], going: Callable[[], bool] = lambda: True) -> Iterator[tuple[str, Entry]]:
    """(path, what the file became) of files in their order. A batch costs the same however full it is, so files share batches.

    going: asked before each batch; where it says no, what is not finished is left.
    """
    batch: list[np.ndarray] = []  # windows to embed
    rows: deque[np.ndarray] = deque()  # embedded, of files in `ended` or of the one that is being read
    ended: deque[tuple[str, Entry, int]] = deque()  # read to the end, with the number of its windows
    for job in jobs:
        embedder = load(job.model, job.device)
        for count, piece in enumerate(read(job, embedder.log_mel)):
            if isinstance(piece, Entry):
                ended.append((job.path, piece, count))
                break
            batch.append(piece)
            if len(batch) == EMBED_BATCH:
                if not going():
                    return
                rows.extend(embedder.audio(batch).astype(np.float16))
                batch.clear()
        yield from _complete(ended, rows, embedder)
    if batch and going():
        rows.extend(embedder.audio(batch).astype(np.float16))
        yield from _complete(ended, rows, embedder)


def _complete(ended: deque, rows: deque, embedder: Embedder) -> Iterator[tuple[str, Entry]]:
    """The files whose windows are all embedded, with their vectors; both deques lose what is theirs."""
    while ended and len(rows) >= ended[0][2]:
        path, one, count = ended.popleft()
        own = [rows.popleft() for _ in range(count)]
        if one.reason:  # what it had before it broke off is no recording
            own = []
        width = embedder.model.config.projection_dim
        yield path, replace(one, vectors=np.stack(own) if own else np.zeros((0, width), np.float16))


def _alone(job: Job) -> list[tuple[str, Entry]]:
    return list(embed_files([job]))


def _by_threads(jobs: Iterator[Job], workers: int) -> Iterator[tuple[str, Entry]]:
    """`embed_files` by threads with cores of their own, each taking the next file; processes would each load the model."""
    first = next(jobs, None)
    if first is None:
        return
    jobs = chain([first], jobs)
    log_mel = load(first.model, first.device).log_mel
    log_mel(torch.zeros(1, log_mel.samples, device=first.device))  # compiled here, not by two threads at a time
    lock, done, stopped = threading.Lock(), SimpleQueue(), threading.Event()

    def shared() -> Iterator[Job]:
        while not stopped.is_set():
            with lock:
                job = next(jobs, None)
            if job is None:
                return
            yield job

    def work() -> None:
        try:
            for one in embed_files(shared(), lambda: not stopped.is_set()):
                done.put(one)
        except BaseException:
            stopped.set()
            raise
        finally:
            done.put(None)

    threads = torch.get_num_threads()
    with ThreadPoolExecutor(workers, "index", _compute_on, (max(1, threads // workers),)) as pool:
        running = [pool.submit(work) for _ in range(workers)]
        try:
            for _ in running:
                yield from iter(done.get, None)
            for one in running:
                one.result()
        finally:
            stopped.set()
            torch.set_num_threads(threads)


def _compute_on(cores: int) -> None:
    """Holds for the calling thread, and for those whose number nobody has asked yet: so it is asked first."""
    torch.get_num_threads()
    torch.set_num_threads(cores)


def read(job: Job, log_mel: LogMel) -> Iterator[np.ndarray | Entry]:
    """A file's windows, and at last what it became, but for the vectors. What is no usable sound is an entry with a reason."""
    size = size_of(job.url)
    sha256 = job.sha256
    try:
        file = open_url(job.url)
        if size <= WHOLE_SAMPLES:
            with file:
                data = file.read()
            file, sha256 = io.BytesIO(data), sha256 or hashlib.sha256(data).hexdigest()
        sha256 = sha256 or file_digests(job.url)[0]
        with file:
            recording = open_recording(file, size)
            rate = log_mel.sample_rate_hz
            starts = window_starts(total_samples(recording, rate), log_mel.samples, round(job.hop_s * rate))
            yield from windows(recording, starts, log_mel.samples, rate)
    except UndecodableError as error:
        yield Entry(sha256, size, error.reason, error.detail)
    except OSError as error:  # a bad card, a lost right: tried again by the next run, since it is known by no hash
        yield Entry("", size, "unreadable", error.strerror or str(error))
    else:
        sound = (recording.sample_rate_hz, recording.channels, recording.duration_s, recording.header)
        yield Entry(sha256, size, "", "", *sound, starts / rate)
