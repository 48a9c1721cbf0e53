"""Yes and no: kept, counted, learnt from."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from biolingual.search.index import Index
from biolingual.search.indexing import build_index
from biolingual.search.marks import Mark, Marks, learnt, precision
from biolingual.search.query import Vector


def marked(score: float, yes: bool) -> Mark:
    return Mark("q", "f", "s", 0.0, score, yes, "e")


def test_the_last_answer_counts_and_one_taken_back_is_none(recordings, model_folder, tmp_path):
    index = build_index(str(recordings), tmp_path / "index", model_folder)
    marks = Marks(index)
    for row, yes in ((0, True), (1, False), (0, False), (1, None)):
        marks.add("a wren", row, 0.5, yes)
    marks.add("a frog", 2, 0.5, True)
    assert {row: mark.yes for row, mark in marks.of("a wren").items()} == {0: False}
    (recordings / "north").rename(recordings / "zenith")
    build_index(str(recordings), tmp_path / "index", model_folder)
    row, mark = next(iter(Marks(Index(tmp_path / "index")).of("a wren").items()))
    assert row != 0 and mark.file.startswith("north/"), "a mark follows the sound, not the name"


def test_twenty_listeners_at_once_lose_no_mark(recordings, model_folder, tmp_path):
    index = build_index(str(recordings), tmp_path / "index", model_folder)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda row: Marks(index).add("a wren", row % len(index), 0.5, True), range(200)))
    assert len(Marks(index).path.read_text().splitlines()) == 200 and len(Marks(index).of("a wren")) == len(index)


def test_precision_is_of_what_lies_at_the_threshold_or_above():
    marks = [marked(0.9, True), marked(0.8, True), marked(0.5, False), marked(0.2, False)]
    one = precision(marks, 0.5)
    assert (one.yes, one.marked) == (2, 3) and one.low < 2 / 3 < one.high
    assert precision(marks, 0.95).marked == 0
    assert precision([marked(1, True)] * 8 + [marked(1, False)] * 2, 0).low == pytest.approx(0.4902, abs=1e-4)  # Wilson


def test_learning_moves_what_was_called_wrong_down_and_its_like_too():
    draw = np.random.Generator(np.random.PCG64(0))
    right, wrong = draw.standard_normal((2, 32))
    query = Vector(((right + wrong) / np.linalg.norm(right + wrong)).astype(np.float32), "e", "q")

    def near(centre, count):
        made = centre + 0.3 * draw.standard_normal((count, 32))
        return made / np.linalg.norm(made, axis=1, keepdims=True)

    vectors = np.concatenate([near(right, 6), near(wrong, 6)]).astype(np.float16)
    found = learnt(query, vectors, np.arange(12) < 6)
    scores = np.concatenate([near(right, 50), near(wrong, 50)]) @ found.values + found.bias
    assert (scores[:50] > 0).mean() > 0.9 and (scores[50:] < 0).mean() > 0.9


def test_learning_needs_both_answers():
    with pytest.raises(ValueError, match="at least one hit yes and one no"):
        learnt(Vector(np.ones(2, np.float32), "e", "q"), np.ones((2, 2), np.float16), np.array([True, True]))
