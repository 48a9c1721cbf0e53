"""Files embedded in company: by threads or one after another, with batches shared, each file's vectors are its own."""

import threading

import numpy as np
import pytest
import torch

from biolingual.model import EMBED_BATCH, Embedder
from biolingual.parallel import Machine
from biolingual.search import embedding
from biolingual.search.embedding import Job, embed_all, embed_files
from biolingual.search.indexing import build_index
from biolingual.search.journal import Entry
from biolingual.search.models import load
from tests.search.conftest import noise
from tests.search.test_indexing import contents


@pytest.fixture
def read_from(monkeypatch, model_folder):
    """Jobs for files that are not there: path -> (windows, reason)."""

    def make(files: dict[str, tuple[list[np.ndarray], str]]) -> list[Job]:
        def read(job, log_mel):
            found, reason = files[job.path]
            yield from found
            yield Entry(job.path, 1, reason, starts_s=np.zeros(0 if reason else len(found)))

        monkeypatch.setattr(embedding, "read", read)
        return [Job(path, path, path, model_folder, 1.0, "cpu") for path in files]

    return make


def at_work() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name.startswith("index")]


def windows(count: int) -> list[np.ndarray]:
    return [noise(2.0, seed=count + number) for number in range(count)]


def test_three_threads_make_the_index_of_one(recordings, model_folder, tmp_path):
    one = build_index(str(recordings), tmp_path / "one", model_folder, hop_s=0.1)
    three = build_index(str(recordings), tmp_path / "three", model_folder, hop_s=0.1, machine=Machine(workers=3))
    assert contents(three.folder) == contents(one.folder)


def test_files_share_batches_and_keep_their_own_vectors(read_from, model_folder, monkeypatch):
    files = {"a": (windows(3), ""), "b": (windows(EMBED_BATCH), ""), "c": (windows(2), "")}
    jobs = read_from(files)
    audio, calls = Embedder.audio, []
    alone = {path: load(model_folder).audio(found).astype(np.float16) for path, (found, _) in files.items()}
    monkeypatch.setattr(Embedder, "audio", lambda self, batch: calls.append(len(batch)) or audio(self, batch))
    made = dict(embed_files(jobs))
    assert calls == [EMBED_BATCH, 5] and list(made) == list(files)
    assert all(np.array_equal(made[path].vectors, alone[path]) for path in files)


def test_a_recording_that_breaks_off_takes_nothing_of_its_neighbours(read_from, model_folder):
    files = {"a": (windows(3), ""), "broken": (windows(EMBED_BATCH + 7), "undecodable"), "c": (windows(2), "")}
    made = dict(embed_files(read_from(files)))
    assert made["broken"].vectors.shape == (0, load(model_folder).model.config.projection_dim)
    for path in "ac":
        assert np.array_equal(made[path].vectors, load(model_folder).audio(files[path][0]).astype(np.float16))


def test_an_error_in_one_thread_is_raised_and_ends_the_others(read_from, model_folder, monkeypatch):
    jobs = read_from({str(number): (windows(1), "") for number in range(9)})
    taken, real = [], embedding.read

    def failing(job, log_mel):
        taken.append(job.path)
        if job.path == "1":
            raise MemoryError("no room")
        return real(job, log_mel)

    monkeypatch.setattr(embedding, "read", failing)
    before = torch.get_num_threads()
    with pytest.raises(MemoryError, match="no room"):
        list(embed_all(iter(jobs), Machine(workers=2)))
    assert not at_work() and len(taken) < 9 and torch.get_num_threads() == before


def test_who_stops_asking_leaves_no_thread_at_work(read_from):
    asked = []

    def jobs():
        for job in read_from({str(number): (windows(EMBED_BATCH), "") for number in range(50)}):
            asked.append(job.path)
            yield job

    results = embed_all(jobs(), Machine(workers=2))
    next(results)
    results.close()
    assert not at_work() and len(asked) < 50
