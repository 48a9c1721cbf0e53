"""Every way to the nearest windows against the obvious slow one."""

import numpy as np
import pytest

from biolingual.search import nearest


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """f16 [20000, 64] around 200 centres: sounds are alike in groups."""
    draw = np.random.Generator(np.random.PCG64(3))
    centres = draw.standard_normal((200, 64))
    found = centres[draw.integers(200, size=20000)] + 0.5 * draw.standard_normal((20000, 64))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float16)


@pytest.fixture
def query(vectors) -> np.ndarray:
    return vectors[77].astype(np.float32) + 0.01


def slow(vectors, query, count, rows=None):
    values = vectors.astype(np.float64) @ query.astype(np.float64)
    order = np.argsort(-values, kind="stable")
    return [row for row in order if rows is None or row in set(rows)][:count]


def test_exact_is_the_slow_twins_order_and_scores(vectors, query, monkeypatch):
    monkeypatch.setattr(nearest, "CHUNK", 777)
    rows, scores = nearest.by_exact(vectors, query, None, 50)
    assert rows.tolist() == slow(vectors, query, 50)
    assert np.allclose(scores, vectors[rows].astype(np.float64) @ query, atol=1e-12)


def test_exact_among_some_rows_gives_none_but_them(vectors, query):
    among = np.arange(5, 20000, 7)
    assert nearest.by_exact(vectors, query, among, 30)[0].tolist() == slow(vectors, query, 30, among)
    assert len(nearest.by_exact(vectors, query, np.zeros(0, int), 30)[0]) == 0


def test_int8_finds_the_same_ten(vectors, query):
    int8, scales = nearest.to_int8(vectors)
    assert nearest.by_int8(vectors, int8, scales, query, 10)[0].tolist() == slow(vectors, query, 10)


def test_a_row_of_zeros_has_a_scale():
    int8, scales = nearest.to_int8(np.zeros((2, 8), np.float16))
    assert not int8.any() and np.isfinite(scales).all()


def test_the_graph_finds_nearly_all_saved_and_opened_again(vectors, query, tmp_path):
    nearest.build_graph(vectors, tmp_path / "g")
    graph = nearest.open_graph(tmp_path / "g", 64)
    found = nearest.by_graph(vectors, graph, query, 10)[0].tolist()
    assert len(set(found) & set(slow(vectors, query, 10))) >= 9
