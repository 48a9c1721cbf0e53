"""The registry of bench rows and how one is measured."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

SETTLE_S = 0.2  # numpy's BLAS threads spin on for a while after their work, on a core that the next act is to have

ROWS: dict[str, Callable[[], Iterator[Measured]]] = {}


@dataclass(frozen=True)
class Measured:
    """One line of build/bench.json. ratio > 1: ours is better; goal: the ratio asked for, None where there is none."""

    name: str
    unit: str
    ours: float
    peer: float
    ratio: float
    goal: float | None
    spread: float  # (max - min) / median of ours over the rounds: the machine's noise

    def as_dict(self) -> dict:
        return asdict(self)


def row(function: Callable[[], Iterator[Measured]]) -> Callable[[], Iterator[Measured]]:
    """Register a bench row under its function's name."""
    ROWS[function.__name__] = function
    return function


def compare(
    name: str,
    unit: str,
    amount: float,
    ours: Callable[[], object],
    peer: Callable[[], object],
    goal: float | None,
    rounds: int = 5,
) -> Measured:
    """Rates (amount per second) of both, taken in turn `rounds` times after one unmeasured turn each; medians and their ratio."""
    ours()
    peer()
    seconds: dict[str, list[float]] = {"ours": [], "peer": []}
    for _ in range(rounds):
        for who, act in (("ours", ours), ("peer", peer)):
            time.sleep(SETTLE_S)
            started = time.perf_counter()
            act()
            seconds[who].append(time.perf_counter() - started)
    mine, theirs = statistics.median(seconds["ours"]), statistics.median(seconds["peer"])
    spread = (max(seconds["ours"]) - min(seconds["ours"])) / mine
    return Measured(name, unit, amount / mine, amount / theirs, theirs / mine, goal, spread)
