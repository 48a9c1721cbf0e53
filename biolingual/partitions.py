"""Work that survives a kill: a map over partitions whose results each lie in a file until the whole is done.

The folder's name is a hash of all that decides the results, so that an interrupted run goes on and another one starts fresh.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from biolingual.parallel import Machine, map_ordered

Item = TypeVar("Item")
Result = TypeVar("Result")


def key_of(*facts: object) -> str:
    """A hash of JSON-able facts and of the project's code as it is loaded: another line of it, another key."""
    code = [
        Path(module.__file__).read_text(encoding="utf-8")
        for name, module in sorted(sys.modules.items())
        if name.startswith("biolingual") and getattr(module, "__file__", None)
    ]
    return hashlib.sha256(json.dumps([facts, code], sort_keys=True).encode()).hexdigest()[:16]


def kept_results(
    function: Callable[[list[Item]], Result], items: Sequence[Item], size: int, work: Path, key: str, machine: Machine
) -> Iterator[Result]:
    """function(partition) for each partition of `size` items, in order; computed where `work`/`key` does not hold it yet.

    The workers run ahead of the caller, and one result is in memory at a time. Work of other keys is deleted. The caller
    deletes `work` when it has put the results in their place.
    """
    folder = work / key
    for other in work.iterdir() if work.is_dir() else ():
        if other.name != key:
            shutil.rmtree(other)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:06d}" for number in range(-(-len(items) // size))]
    missing = {number: path for number, path in enumerate(paths) if not path.exists()}
    partitions = ((path, items[number * size : (number + 1) * size]) for number, path in missing.items())
    # A worker on this machine writes its result itself: half a gigabyte an hour need not pass through a pipe.
    beside = machine.workers > 1 and not machine.ray_address
    found = map_ordered(partial(_written if beside else _given, function), partitions, machine, chunk=1)
    for number, path in enumerate(paths):
        if number in missing and (result := next(found)) is not None:
            _write(result, path)
            yield result
        else:
            with path.open("rb") as file:
                yield pickle.load(file)


def _given(function: Callable, partition: tuple[Path, list]) -> object:
    return function(partition[1])


def _written(function: Callable, partition: tuple[Path, list]) -> None:
    _write(function(partition[1]), partition[0])


def _write(result: object, path: Path) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        pickle.dump(result, file, protocol=5)
    os.replace(part, path)
