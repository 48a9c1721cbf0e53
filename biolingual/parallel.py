"""One ordered map over items: a spawn pool on this machine, Ray on a cluster, the same results from both."""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from biolingual.processes import end_with_parent

MIN_WAITING = 64  # batches under way on Ray
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Machine:
    """What changes only the bill: read from the environment by the two readers (stages/entry.py, cli.py)."""

    workers: int = 1  # processes for decoding and the like
    train_workers: int = 1  # Ray Train workers, at most
    min_train_workers: int = 0  # with fewer it waits; 0 = as many as train_workers
    use_gpu: bool = False
    ray_address: str = ""  # "" = no cluster
    ray_storage: str = ""  # where Ray Train keeps checkpoints; s3://... on a cluster, "" = the run's folder here
    shard_cache: str = ".runs/shards"  # shards streamed from a DVC remote
    shard_cache_gb: float = 50.0


def this_machine() -> Machine:
    """The machine as the environment describes it: BIOLINGUAL_WORKERS, BIOLINGUAL_TRAIN_WORKERS, BIOLINGUAL_GPU,
    RAY_ADDRESS, BIOLINGUAL_RAY_STORAGE, BIOLINGUAL_SHARD_CACHE, BIOLINGUAL_SHARD_CACHE_GB."""
    cores = len(os.sched_getaffinity(0))
    least, most = _span(os.environ.get("BIOLINGUAL_TRAIN_WORKERS", str(min(2, cores))))
    return Machine(
        workers=int(os.environ.get("BIOLINGUAL_WORKERS", cores)),
        train_workers=most,
        min_train_workers=least,
        use_gpu=os.environ.get("BIOLINGUAL_GPU", "0") == "1",
        ray_address=os.environ.get("RAY_ADDRESS", ""),
        ray_storage=os.environ.get("BIOLINGUAL_RAY_STORAGE", Machine.ray_storage),
        shard_cache=os.environ.get("BIOLINGUAL_SHARD_CACHE", Machine.shard_cache),
        shard_cache_gb=float(os.environ.get("BIOLINGUAL_SHARD_CACHE_GB", Machine.shard_cache_gb)),
    )


def _span(text: str) -> tuple[int, int]:
    """ "2" -> (0, 2), "1-4" -> (1, 4)."""
    words = text.split("-")
    if (
        not all(word.isdecimal() and int(word) > 0 for word in words)
        or len(words) > 2
        or int(words[0]) > int(words[-1])
    ):
        raise ValueError(f'BIOLINGUAL_TRAIN_WORKERS is {text!r}. Give a number, or the fewest and the most: "1-4".')
    return (0 if len(words) == 1 else int(words[0])), int(words[-1])


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
        # Not multiprocessing.Pool: it waits for ever for a worker that was killed, this raises BrokenProcessPool.
        with ProcessPoolExecutor(machine.workers, mp_context=get_context("spawn"), initializer=end_with_parent) as pool:
            yield from _in_order(
                items, chunk, 4 * machine.workers, partial(pool.submit, _each, function), lambda future: future.result()
            )


def _map_ray(
    function: Callable[[Item], Result], items: Iterable[Item], machine: Machine, chunk: int
) -> Iterator[Result]:
    import ray

    own_code = {"py_modules": [str(Path(__file__).parent)]}  # another node need not have this checkout
    ray.init(address=machine.ray_address, ignore_reinit_error=True, log_to_driver=False, runtime_env=own_code)
    remote = ray.remote(_each)
    # A cluster that grows with its work starts small: enough must wait for it to see.
    most = max(MIN_WAITING, 2 * int(ray.cluster_resources().get("CPU", 1)))
    yield from _in_order(items, chunk, most, partial(remote.remote, function), ray.get)


def _each(function: Callable[[Item], Result], batch: list[Item]) -> list[Result]:
    return [function(item) for item in batch]


def _in_order(items: Iterable[Item], chunk: int, most: int, submit: Callable, result_of: Callable) -> Iterator[Result]:
    """Results in order with at most `most` batches under way, so that neither side runs ahead of memory."""
    waiting: deque = deque()
    iterator = iter(items)
    while batch := list(itertools.islice(iterator, chunk)):
        waiting.append(submit(batch))
        if len(waiting) >= most:
            yield from result_of(waiting.popleft())
    while waiting:
        yield from result_of(waiting.popleft())
