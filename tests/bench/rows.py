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
def ingest() -> Iterator[Measured]:
    """A dump to shards with guarded decode, marks, hashing, fingerprint and activity, in one process, against bare
    librosa.load (soxr_hq) and a FLAC write of the whole file: a generated dump, the same without fingerprints, the real
    recordings beside the checkout where there are some; then two processes against one."""
    import warnings
    from unittest import mock

    import audioread
    import librosa
    import soundfile

    from biolingual.ingestion import ingest as ingest_dump
    from biolingual.parallel import Machine
    from biolingual.params import load
    from tests import ingest_chaos

    params = load(Path("params.yaml"))
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        work, row_ = Path(name), params.dumps[ingest_chaos.DUMP]
        real = Path("../shared/data/recordings")
        real_row = row_.model_copy(update={"archive": "folder", "origin": "real", "checklist": ""})

        def dump(records: int) -> list[Path]:
            items = ingest_chaos.planned(records, seed=1, distinct=80)
            sounds = ingest_chaos.sounds(items, 80, Machine(workers=1))
            ingest_chaos.write_xeno_canto(items, sounds, work / f"{records}")
            return sorted((work / f"{records}/audio").iterdir())

        def ours(source: Path, workers: int, row_=row_) -> None:
            folders = (work / "manifests", work / "audio")
            ingest_dump("bench-1", row_, params.ingest, str(source), *folders, Machine(workers=workers))

        def peer(files: list[Path]) -> None:
            for file in files:
                try:
                    sound, rate = librosa.load(file, sr=params.ingest.sample_rate_hz)
                except (soundfile.LibsndfileError, audioread.DecodeError, OSError, ValueError):
                    continue
                if len(sound):
                    soundfile.write(work / "peer.flac", sound, rate)

        files = dump(200)
        one = [lambda: ours(work / "200", 1), lambda: peer(files)]
        yield compare("ingest_per_core", "files/s", len(files), *one, 0.9, rounds=5)
        no_words = np.empty(0, dtype=np.uint32)
        with mock.patch("biolingual.fingerprints.fingerprint", return_value=no_words):
            yield compare("ingest_unfingerprinted", "files/s", len(files), *one, None, rounds=5)
        if real.exists():
            files = sorted(path for path in real.rglob("*") if path.is_file() and path.suffix != ".csv")
            one = [lambda: ours(real, 1, real_row), lambda: peer(files)]
            yield compare("ingest_real_per_core", "files/s", len(files), *one, 0.9, rounds=3)
        else:
            print(f"ingest_real_per_core NOT RUN: {real} is not there")
        many = len(dump(3000))
        both = [lambda workers=workers: ours(work / "3000", workers) for workers in (2, 1)]
        yield compare("ingest_two_workers", "files/s", many, *both, 1.7, rounds=2)


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
    import tempfile
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
