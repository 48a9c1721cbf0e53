"""One ordered map over items: a spawn pool on this machine, Ray on a cluster, the same results from both."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Machine:
    """What changes only the bill: read from the environment by the two readers (stages/entry.py, cli.py)."""

    workers: int = 1  # processes for decoding and the like
    train_workers: int = 1  # Ray Train workers
    use_gpu: bool = False
    ray_address: str = ""  # "" = no cluster


def this_machine() -> Machine:
    """The machine as the environment describes it: BIOLINGUAL_WORKERS, BIOLINGUAL_TRAIN_WORKERS, BIOLINGUAL_GPU, RAY_ADDRESS."""
    cores = len(os.sched_getaffinity(0))
    return Machine(
        workers=int(os.environ.get("BIOLINGUAL_WORKERS", cores)),
        train_workers=int(os.environ.get("BIOLINGUAL_TRAIN_WORKERS", min(2, cores))),
        use_gpu=os.environ.get("BIOLINGUAL_GPU", "0") == "1",
        ray_address=os.environ.get("RAY_ADDRESS", ""),
    )


def map_ordered(
    function: Callable[[Item], Result], items: Iterable[Item], machine: Machine, chunk: int = 8
) -> Iterator[Result]:
    """function(item) for every item, in the items' order; `function` must be importable by name (spawn, Ray).

    An exception in a worker is raised here. Spawn, not fork: codec libraries hold locks that a fork would copy held.
    """
    if machine.ray_address:
        yield from _map_ray(function, items, machine, chunk)
    elif machine.workers <= 1:
        yield from map(function, items)
    else:
        with get_context("spawn").Pool(machine.workers) as pool:
            yield from pool.imap(function, items, chunksize=chunk)


def _map_ray(
    function: Callable[[Item], Result], items: Iterable[Item], machine: Machine, chunk: int
) -> Iterator[Result]:
    import ray

    ray.init(address=machine.ray_address, ignore_reinit_error=True, log_to_driver=False)
    remote = ray.remote(lambda batch: [function(item) for item in batch])
    most_waiting = 2 * int(ray.cluster_resources().get("CPU", 1))
    waiting: list = []
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, chunk)):
        waiting.append(remote.remote(batch))
        if len(waiting) >= most_waiting:
            yield from ray.get(waiting.pop(0))
    for reference in waiting:
        yield from ray.get(reference)
