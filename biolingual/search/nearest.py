"""The nearest windows to a query: exact over f16, an int8 first pass with exact re-scoring, or usearch's graph.

Every method re-scores its best candidates in float64 with the query as it is, so a score does not depend on the method.

Shapes: N windows, R rows of them, D embedding, K candidates.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numkong
import numpy as np

CHUNK = 1 << 16  # rows scored at a time
CANDIDATES = 1000  # re-scored exactly
GRAPH_FROM = 1_000_000  # windows; below, exact search is fast enough and misses nothing
INT8_FROM = 100_000  # windows; below, a pass over f16 takes milliseconds
CONNECTIVITY = 32
EXPANSION_ADD = 128
EXPANSION_SEARCH = 512


def scores(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
    """float32 [N] or [R]: inner products of f16 or int8 [N, D] with [D], the query rounded to the vectors' type."""
    parts = list(_chunks(vectors, query, rows))
    return np.concatenate([values for _, values in parts]) if parts else np.zeros(0, np.float32)


def _chunks(
    vectors: np.ndarray, query: np.ndarray, rows: np.ndarray | None, scales: np.ndarray | None = None, most: int = 0
):
    """(positions, scores) chunk by chunk over all cores; with `most`, of each chunk's best alone.

    NumKong's kernels convert in registers and let other threads run, so this costs about one read of the vectors.
    """
    asked = _rounded(query, vectors.dtype)[None]
    total = len(vectors) if rows is None else len(rows)

    def scored(at: int) -> tuple[np.ndarray, np.ndarray]:
        stop = min(at + CHUNK, total)
        part = np.asarray(vectors[at:stop] if rows is None else vectors[rows[at:stop]])
        values = np.asarray(numkong.cdist(part, asked, metric="dot")).ravel().astype(np.float32)
        if scales is not None:
            values *= scales[at:stop]
        kept = best(values, most) if most else np.arange(len(values))
        return at + kept, values[kept]

    return _pool().map(scored, range(0, total, CHUNK))


def _top(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray | None, count: int, scales: np.ndarray | None = None):
    """[K] positions of the `count` best by the rounded query, in no order."""
    parts = list(_chunks(vectors, query, rows, scales, count))
    if not parts:
        return np.zeros(0, np.int64)
    positions, values = (np.concatenate(one) for one in zip(*parts, strict=True))
    return positions[best(values, count)]


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(os.cpu_count() or 1, "nearest")


def _rounded(query: np.ndarray, dtype: np.dtype) -> np.ndarray:
    if dtype == np.int8:
        return np.round(query * (127 / np.abs(query).max())).astype(np.int8)
    return query.astype(dtype)


def exactly(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """float64 [K]: inner products of the rows with the query as it is."""
    return vectors[rows].astype(np.float64) @ query.astype(np.float64)


def best(found: np.ndarray, count: int) -> np.ndarray:
    """Positions of the `count` largest, in no order."""
    if count >= len(found):
        return np.arange(len(found))
    return np.argpartition(found, len(found) - count)[-count:]


def ranked(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(rows, their scores), best first; equal scores in the rows' order."""
    rows = np.sort(rows)
    values = exactly(vectors, query, rows)
    order = np.argsort(-values, kind="stable")
    return rows[order], values[order]


def by_exact(vectors: np.ndarray, query: np.ndarray, rows: np.ndarray | None, count: int):
    """(rows, scores) of the `count` nearest among `rows` (all where None)."""
    chosen = _top(vectors, query, rows, max(count, CANDIDATES))
    chosen, values = ranked(vectors, query, chosen if rows is None else rows[chosen])
    return chosen[:count], values[:count]


def by_int8(vectors: np.ndarray, int8: np.ndarray, scales: np.ndarray, query: np.ndarray, count: int):
    """The same by a first pass over int8 [N, D] whose rows stand for int8 * scales: half the bytes of the exact pass."""
    chosen = _top(int8, query, None, max(count, CANDIDATES), scales)
    chosen, values = ranked(vectors, query, chosen)
    return chosen[:count], values[:count]


def by_graph(vectors: np.ndarray, graph, query: np.ndarray, count: int):
    """The same by usearch's graph: what it does not reach is missed."""
    keys = graph.search(_rounded(query, np.dtype(np.float16)), max(count, CANDIDATES)).keys.astype(np.int64)
    chosen, values = ranked(vectors, query, keys)
    return chosen[:count], values[:count]


def to_int8(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """f16 [R, D] -> (int8 [R, D], scales float32 [R]), each row by its own largest element."""
    wide = vectors.astype(np.float32)
    scales = np.maximum(np.abs(wide).max(axis=1), 1e-12) / 127
    return np.round(wide / scales[:, None]).astype(np.int8), scales.astype(np.float32)


def build_graph(vectors: np.ndarray, path: Path | None = None):
    """usearch's index over f16 [N, D], row numbers as keys; saved where a path is given."""
    graph = empty_graph(vectors.shape[1])
    for at in range(0, len(vectors), CHUNK):
        part = np.asarray(vectors[at : at + CHUNK])
        graph.add(np.arange(at, at + len(part)), part)
    if path is not None:
        graph.save(str(path))
    return graph


def empty_graph(width: int):
    from usearch.index import Index

    return Index(
        ndim=width,
        metric="ip",
        dtype="f16",
        connectivity=CONNECTIVITY,
        expansion_add=EXPANSION_ADD,
        expansion_search=EXPANSION_SEARCH,
    )


def open_graph(path: Path, width: int):
    """A saved graph, mapped and not read."""
    graph = empty_graph(width)
    graph.view(str(path))
    return graph
