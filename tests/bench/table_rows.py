"""The table stages on a made-up world without sounds: five archives, up to 1.1 M recordings of 28,000 species.

There is no peer: `ours` is the rate at 1.1 M recordings, `peer` the same code's at 10,000, so that a ratio of 1 says that a
row costs the same whatever the number of rows. The last two rows hold the whole to its limits of time and memory.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench.registry import Measured, row

SIZES = (10_000, 100_000, 1_100_000)
SPECIES = 28_000
LIMIT_S, LIMIT_BYTES = 600, 6e9
STEPS = ("leakage", "assemble", "validate", "diff")
PLOT = Path("build/tables.png")


@row
def tables() -> Iterator[Measured]:
    """Leakage, assemble, validate and diff, each in a process of its own, at three sizes."""
    found = {}
    with tempfile.TemporaryDirectory() as name:
        for size in SIZES:
            found[size] = _measured(Path(name) / str(size), size)
            told = ", ".join(f"{step} {found[size][step]['seconds']:.1f} s" for step in STEPS)
            print(
                f"tables: {size} recordings: {told}; {max(one['peak'] for one in found[size].values()) / 1e9:.2f} GB",
                flush=True,
            )
    _plot(found)
    small, big = SIZES[0], SIZES[-1]
    for step in STEPS:
        rates = [size / found[size][step]["seconds"] / 1000 for size in (big, small)]
        yield Measured(f"tables_{step}", "1000/s", *rates, rates[0] / rates[1], 0.67, 0.0)
    seconds = sum(found[big][step]["seconds"] for step in STEPS)
    peak = max(one["peak"] for one in found[big].values())
    yield Measured("tables_seconds", "s", seconds, LIMIT_S, LIMIT_S / seconds, 1.0, 0.0)
    yield Measured("tables_memory", "GB", peak / 1e9, LIMIT_BYTES / 1e9, LIMIT_BYTES / peak, 1.0, 0.0)


def _measured(folder: Path, size: int) -> dict:
    from tests.table_world import write

    write(folder, size, min(SPECIES, size // 4))
    return {step: _step(folder, step) for step in STEPS}


def _step(folder: Path, step: str) -> dict:
    words = [sys.executable, "-m", "tests.bench.table_steps", str(folder), step]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{step}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def _plot(found: dict) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4))
    for step in STEPS:
        axes.plot(SIZES, [1e6 * found[size][step]["seconds"] / size for size in SIZES], marker="o", label=step)
    axes.set(xscale="log", yscale="log", xlabel="recordings", ylabel="microseconds for each", title="Cost of a row")
    axes.legend()
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=120, bbox_inches="tight")
    pyplot.close(figure)
