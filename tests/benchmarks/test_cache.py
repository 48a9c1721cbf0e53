"""A sound is embedded once by a model, and never taken for another's."""

import numpy as np
import pytest

from biolingual.benchmarks import cache
from tests.benchmarks.toy_context import ToyEmbedder


@pytest.fixture
def embedder():
    made = ToyEmbedder({}, lambda waveform: np.array([waveform.mean(), waveform.max()], np.float32))
    made.embedding_id = "toy-1"
    return made


def sounds(read: list, *names: str) -> dict:
    """A waveform for each name, as loud as its letter; `read` is told of each that is read."""

    def reader(name: str):
        def waveform() -> np.ndarray:
            read.append(name)
            return np.full(10, ord(name), np.float32)

        return waveform

    return {name: reader(name) for name in names}


def test_what_is_kept_is_not_read_again_and_is_the_same(embedder, tmp_path):
    read = []
    first = cache.embed(tmp_path, embedder, sounds(read, "b", "a"))
    second = cache.embed(tmp_path, embedder, sounds(read, "a", "c", "b"))
    assert read == ["b", "a", "c"] and list(second) == ["a", "c", "b"]
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert second["c"].tolist() == [99.0, 99.0] and second["c"].dtype == np.float32


def test_another_models_embeddings_are_not_taken(embedder, tmp_path):
    read = []
    cache.embed(tmp_path, embedder, sounds(read, "a"))
    embedder.embedding_id, embedder.of_sound = "toy-2", lambda waveform: np.array([-1.0, 0.0])
    assert cache.embed(tmp_path, embedder, sounds(read, "a"))["a"].tolist() == [-1.0, 0.0] and read == ["a", "a"]


def test_nothing_asked_for_writes_nothing(embedder, tmp_path):
    assert cache.embed(tmp_path, embedder, {}) == {} and not list(tmp_path.iterdir())
