"""Search: indexing against a plain transformers script, and the ways to the nearest windows against one read of the vectors.

Shapes: N windows, D embedding.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.bench.registry import SETTLE_S, Measured, compare, row

D = 512
MANY = 1_000_000
GRAPH = 200_000
CENTRES = 2000
BLOCK = 50_000


def _embeddings(count: int) -> np.ndarray:
    """f16 [count, D] around CENTRES centres, noise as large as the centre itself around each."""
    draw = np.random.Generator(np.random.PCG64(0))
    centres = draw.standard_normal((CENTRES, D), dtype=np.float32)
    found = np.empty((count, D), np.float16)
    for at in range(0, count, BLOCK):
        part = centres[draw.integers(CENTRES, size=min(BLOCK, count - at))]
        part = part + draw.standard_normal(part.shape, dtype=np.float32)
        found[at : at + BLOCK] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return found


def _queries(vectors: np.ndarray, count: int) -> np.ndarray:
    """float32 [count, D] near some of the vectors, of unit length."""
    draw = np.random.Generator(np.random.PCG64(1))
    near = vectors[draw.choice(len(vectors), count, replace=False)].astype(np.float32)
    near += 0.5 / np.sqrt(D) * draw.standard_normal(near.shape, dtype=np.float32)
    return near / np.linalg.norm(near, axis=1, keepdims=True)


def _timed(act: Callable[[np.ndarray], object], queries: np.ndarray) -> list[float]:
    act(queries[0])
    time.sleep(SETTLE_S)
    found = []
    for query in queries:
        begun = time.perf_counter()
        act(query)
        found.append(1000 * (time.perf_counter() - begun))
    return found


def _limit(name: str, taken_ms: list[float], limit_ms: float, goal: float | None = 1.0) -> Measured:
    """Milliseconds of ours beside the limit asked for."""
    mine = statistics.median(taken_ms)
    return Measured(name, "ms", mine, limit_ms, limit_ms / mine, goal, (max(taken_ms) - min(taken_ms)) / mine)


def _share(name: str, ours: float, asked: float) -> Measured:
    """A recall beside the one asked for."""
    return Measured(name, "recall", ours, asked, ours / asked, 1.0, 0.0)


def _recall(found: list[np.ndarray], true: list[np.ndarray]) -> float:
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / len(b) for a, b in zip(found, true, strict=True)]))


def _read_ms(vectors: np.ndarray, rounds: int = 15) -> list[float]:
    """One read of every byte, by torch on all cores: a sum of the bits as integers."""
    import torch

    bits = torch.from_numpy(vectors.view(np.int64))
    return _timed(lambda _: bits.sum(), np.zeros((rounds, 1), np.float32))


@row
def index() -> Iterator[Measured]:
    """Twenty-four minutes of recordings, against soundfile, ClapProcessor and ClapModel in batches of 32 on the same windows."""
    import soundfile
    import torch
    from transformers import ClapModel, ClapProcessor

    from biolingual.model import save
    from biolingual.parallel import this_machine
    from biolingual.search.indexing import build_index
    from tests.bench.model_rows import _world

    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "season").mkdir()
        world = _world("params.yaml", 1)
        save(world.ours, world.log_mel, world.processor.tokenizer, work / "model")
        draw = np.random.Generator(np.random.PCG64(0))
        for number in range(12):
            sound = 0.1 * draw.standard_normal(120 * 48000)
            soundfile.write(work / f"season/A_20260501_{number:02d}0000.wav", sound, 48000)
        plain = ClapModel.from_pretrained(work / "model").eval()
        processor = ClapProcessor.from_pretrained(work / "model")

        def ours() -> None:
            shutil.rmtree(work / "index", ignore_errors=True)
            build_index(str(work / "season"), work / "index", str(work / "model"), machine=this_machine())

        @torch.inference_mode()
        def theirs() -> None:
            for path in sorted((work / "season").iterdir()):
                sound, rate = soundfile.read(path, dtype="float32")
                starts = [*range(0, len(sound) - 2 * rate, rate), len(sound) - 2 * rate]
                for at in range(0, len(starts), 32):
                    clips = [sound[start : start + 2 * rate] for start in starts[at : at + 32]]
                    made = processor(audio=clips, sampling_rate=rate, return_tensors="pt")
                    plain.get_audio_features(input_features=made["input_features"])

        yield compare("index", "h of sound/s", 0.4, ours, theirs, goal=2.0, rounds=2)


@row
def search_exact() -> Iterator[Measured]:
    """The ten nearest of 1,000,000 x 512 f16 on all cores: at most 200 ms, and at most twice one read of the vectors."""
    from biolingual.search.nearest import by_exact

    vectors = _embeddings(MANY)
    taken = _timed(lambda query: by_exact(vectors, query, None, 10), _queries(vectors, 15))
    read = statistics.median(_read_ms(vectors))
    yield _limit("search_exact", taken, 200.0)
    yield _limit("search_exact_two_reads", taken, 2 * read)


@row
def search_int8() -> Iterator[Measured]:
    """The same by an int8 first pass and an exact second over 1,000: at most 80 ms, with 99 % of the ten nearest."""
    from biolingual.search.nearest import by_exact, by_int8, to_int8

    vectors = _embeddings(MANY)
    parts = [to_int8(vectors[at : at + BLOCK]) for at in range(0, MANY, BLOCK)]
    int8, scales = np.concatenate([one for one, _ in parts]), np.concatenate([one for _, one in parts])
    queries = _queries(vectors, 30)
    yield _limit("search_int8", _timed(lambda query: by_int8(vectors, int8, scales, query, 10), queries), 80.0)
    true = [by_exact(vectors, query, None, 10)[0] for query in queries]
    yield _share(
        "search_int8_recall@10", _recall([by_int8(vectors, int8, scales, q, 10)[0] for q in queries], true), 0.99
    )


@row
def search_ann() -> Iterator[Measured]:
    """usearch's graph over 200,000: recall, speed against exact search, and what its building costs (s; no peer)."""
    from biolingual.search.nearest import build_graph, by_exact, by_graph

    vectors = _embeddings(GRAPH)
    begun = time.perf_counter()
    graph = build_graph(vectors)
    built_s = time.perf_counter() - begun
    queries = _queries(vectors, 50)
    true = [by_exact(vectors, query, None, 10)[0] for query in queries]
    yield _share("search_ann_recall@10", _recall([by_graph(vectors, graph, q, 10)[0] for q in queries], true), 0.95)
    exact = statistics.median(_timed(lambda query: by_exact(vectors, query, None, 10), queries))
    yield _limit("search_ann", _timed(lambda query: by_graph(vectors, graph, query, 10), queries), exact, goal=None)
    yield Measured("search_ann_build", "s", built_s, built_s, 1.0, None, 0.0)
