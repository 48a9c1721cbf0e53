"""What is measured so far. Each row stays under eight minutes on two cores."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench.registry import Measured, compare, row


def _noise(count: int, seconds: int) -> list[np.ndarray]:
    draw = np.random.Generator(np.random.PCG64(0))
    return [(0.1 * draw.standard_normal(seconds * 48000)).astype(np.float32) for _ in range(count)]


@row
def frontend() -> Iterator[Measured]:
    """Waveforms to log-mel in batches of 16, padding included, against transformers' ClapFeatureExtractor: the demo's 2 s
    and the paper's 10 s."""
    from transformers import ClapFeatureExtractor

    from biolingual.frontend import LogMel

    for duration_s, count in ((2, 256), (10, 64)):
        extractor = ClapFeatureExtractor(
            max_length_s=duration_s, frequency_min=50, truncation="rand_trunc", padding="repeatpad"
        )
        clips = _noise(count, duration_s)
        batches = [clips[start : start + 16] for start in range(0, count, 16)]
        for precision, goal in (("float32", 5.0), ("float64", None)):
            log_mel = LogMel.from_extractor(extractor, precision)
            yield compare(
                f"frontend_{duration_s}s_{precision}",
                "clips/s",
                count,
                lambda log_mel=log_mel, batches=batches: [log_mel(log_mel.pad(batch)) for batch in batches],
                lambda extractor=extractor, batches=batches: [
                    extractor(batch, sampling_rate=48000) for batch in batches
                ],
                goal,
            )


@row
def no_op() -> Iterator[Measured]:
    """An up-to-date graph: `dvc repro` against `dvc status`, in seconds' inverse. Needs a reproduced graph."""

    def dvc(*words: str) -> None:
        subprocess.run([sys.executable, "-m", "dvc", *words], check=True, capture_output=True)

    yield compare("no_op_repro", "runs/s", 1, lambda: dvc("repro"), lambda: dvc("status"), goal=None, rounds=3)


@row
def flow_overhead() -> Iterator[Measured]:
    """What Prefect adds to an up-to-date `build`, in seconds over dvc's own no-op: against a running server, and without one.

    The peer column is the limit (10 s; 30 s in all without a server). Needs a reproduced graph.
    """
    import os
    import statistics
    import time

    from tests.flows.prefect_stack import environment, stack
    from tests.small_world import ROOT

    def seconds(words: list[str], values: dict[str, str], rounds: int = 3) -> list[float]:
        found = []
        for _ in range(rounds):
            started = time.perf_counter()
            subprocess.run(words, cwd=ROOT, env=values, check=True, capture_output=True)
            found.append(time.perf_counter() - started)
        return found

    def over(name: str, taken: list[float], base: float, limit: float) -> Measured:
        mine = statistics.median(taken) - base
        return Measured(
            name, "s", mine, limit, limit / max(mine, 1e-9), 1.0, (max(taken) - min(taken)) / statistics.median(taken)
        )

    with tempfile.TemporaryDirectory() as home:
        no_op = statistics.median(seconds([sys.executable, "-m", "dvc", "repro", "validate"], dict(os.environ)))
        alone = seconds([sys.executable, "-m", "flows", "build"], environment(Path(home), None))
        yield over("flow_without_server_in_all", alone, 0.0, 30.0)
        with stack(ROOT, Path(home) / "prefect") as values:
            served = seconds(["prefect", "deployment", "run", "build/local", "--watch"], values)
        yield over("flow_overhead_with_server", served, no_op, 10.0)
