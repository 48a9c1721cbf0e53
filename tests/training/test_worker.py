"""What the training job settles before Ray starts: equal shares of the batch, and inputs where every node reads them."""

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from biolingual import storage
from biolingual.parallel import Machine, this_machine
from biolingual.records import Pair
from biolingual.shard_reader import Shards
from biolingual.tabular import write_rows
from biolingual.training import worker
from biolingual.training.job import Job, check_workers, discard, here, placed
from biolingual.training.worker import cause_of, stoppable, wait_for_resources
from tests.made_pairs import pair


def job(folder: Path, params, train: int = 40, batch: int = 32) -> Job:
    """A job over a dataset of `train` training pairs and some others."""
    pairs = [pair(f"r{number}") for number in range(train)]
    write_rows([*pairs, pair("v", split="valid"), pair("t", split="test_seen")], Pair, folder / "in/pairs.parquet")
    (folder / "in/tokenizer").mkdir(exist_ok=True)
    (folder / "in/tokenizer/tokenizer.json").write_text('{"model": {}}')
    (folder / "in/tokenizer/config.json").write_text("{}")
    return Job(
        pretrain=params.pretrain.model_copy(update={"global_batch_size": batch}),
        model=params.model,
        frontend=params.frontend,
        ingest=params.ingest,
        pairs=str(folder / "in/pairs.parquet"),
        shards=Shards(str(folder / "audio"), ("s3://bucket/files/md5",), "cache", 7),
        tokenizer=str(folder / "in/tokenizer"),
        threads=1,
    )


@pytest.mark.parametrize("workers", [1, 2, 3, 32])
def test_any_workers_up_to_the_batch_are_taken(tmp_path, params, workers):
    check_workers(job(tmp_path, params), workers)


def test_more_workers_than_pairs_in_a_batch_are_refused(tmp_path, params):
    with pytest.raises(ValueError, match=r"33 workers cannot share a global batch of 32.* at most 32"):
        check_workers(job(tmp_path, params), 33)


def test_a_dataset_smaller_than_the_batch_is_itself_the_batch(tmp_path, params):
    with pytest.raises(ValueError, match="a global batch of 6:"):
        check_workers(job(tmp_path, params, train=6), 7)


def test_a_dataset_without_training_pairs_says_what_to_do(tmp_path, params):
    with pytest.raises(ValueError, match=r"no pair in its training split\. Add a dump"):
        check_workers(job(tmp_path, params, train=0), 1)


def test_a_job_survives_its_way_to_a_worker_as_plain_data(tmp_path, params):
    one = job(tmp_path, params)
    config = one.config()
    assert all(isinstance(value, (dict, str, int)) for value in config.values())
    assert Job.from_config(config) == one


def test_without_a_cluster_the_inputs_stay_where_they_are(tmp_path, params, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = job(tmp_path, params)
    folder = str(tmp_path / "runs/abc")
    assert placed(one, Machine(), Path("runs/abc")) == (replace(one, stop=f"{folder}/stop"), folder)


@pytest.fixture(params=["s3", "s3/", "folder", "file url"])
def ray_storage(request, tmp_path) -> str:
    """Where a cluster keeps runs: S3, or a disk that every node mounts."""
    if request.param.startswith("s3"):
        return f"{request.getfixturevalue('s3_bucket')}/ray{request.param[2:]}"
    return ("file://" if request.param == "file url" else "") + str(tmp_path / "mounted/ray")


def test_a_clusters_job_reads_copies_of_its_inputs_that_equal_them(tmp_path, params, ray_storage):
    one = job(tmp_path, params)
    moved, folder = placed(one, Machine(ray_storage=ray_storage), tmp_path / "runs/abc")
    assert folder == f"{ray_storage.rstrip('/')}/abc" and moved.pairs.startswith(f"{folder}/inputs/")
    assert moved.shards == one.shards and moved.pretrain == one.pretrain
    assert here(moved.pairs, str(tmp_path / "near")).read_bytes() == Path(one.pairs).read_bytes()
    tokenizer = here(moved.tokenizer, str(tmp_path / "near"))
    assert {path.name: path.read_text() for path in tokenizer.iterdir()} == {
        path.name: path.read_text() for path in Path(one.tokenizer).iterdir()
    }


def test_a_local_input_is_read_where_it_lies(tmp_path):
    assert here(str(tmp_path / "pairs.parquet"), "elsewhere") == tmp_path / "pairs.parquet"


def test_a_finished_run_is_removed_on_both_sides_and_its_neighbour_stays(tmp_path, params, ray_storage):
    one, machine = job(tmp_path, params), Machine(ray_storage=ray_storage)
    folders = {}
    for name in ("abc", "abcd"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        folders[name] = placed(one, machine, tmp_path / "runs" / name)[1]
    discard(machine, tmp_path / "runs/abc")
    assert not (tmp_path / "runs/abc").exists() and (tmp_path / "runs/abcd").is_dir()
    assert list(storage.list_files(folders["abc"])) == [] and len(list(storage.list_files(folders["abcd"]))) == 3


def test_a_run_that_is_gone_is_discarded_without_a_word(tmp_path):
    discard(Machine(), tmp_path / "runs/nothing")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("text", "least", "most"), [("2", 0, 2), ("1-4", 1, 4), ("3-3", 3, 3)])
def test_the_environment_gives_one_number_of_workers_or_the_fewest_and_the_most(monkeypatch, text, least, most):
    monkeypatch.setenv("BIOLINGUAL_TRAIN_WORKERS", text)
    assert (this_machine().min_train_workers, this_machine().train_workers) == (least, most)


@pytest.mark.parametrize("text", ["", "two", "4-1", "0", "1-2-3", "-2"])
def test_a_number_of_workers_that_is_none_is_told(monkeypatch, text):
    monkeypatch.setenv("BIOLINGUAL_TRAIN_WORKERS", text)
    with pytest.raises(ValueError, match='the fewest and the most: "1-4"'):
        this_machine()


def test_sigterm_asks_the_workers_to_stop_and_an_old_wish_is_forgotten(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    monkeypatch.setattr(worker, "GRACE_S", 6)
    stop = tmp_path / "stop"
    stop.write_text("of the last run")
    before = signal.getsignal(signal.SIGTERM)
    with stoppable(str(stop)):
        assert not stop.exists()
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 5
        while not (stop.exists() and stop.read_text()) and time.monotonic() < deadline:  # a thread writes it
            time.sleep(0.01)
        assert stop.read_text() == "stop"
    assert not stop.exists() and signal.getsignal(signal.SIGTERM) is before
    assert not any(isinstance(one, threading.Timer) and not one.finished.is_set() for one in threading.enumerate())
    assert ended == []


def test_a_run_that_does_not_end_after_sigterm_is_ended(tmp_path, monkeypatch):
    ended = []
    monkeypatch.setattr(worker.os, "_exit", ended.append)
    monkeypatch.setattr(worker, "GRACE_S", 0.05)
    with stoppable(str(tmp_path / "stop")):
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 5
        while not ended and time.monotonic() < deadline:
            time.sleep(0.01)
    assert ended == [143]


def test_what_a_worker_says_of_its_input_comes_without_rays_layers():
    class FailedError(Exception):
        worker_failures = {1: ValueError("s3://bucket/ab/cd holds other bytes")}  # noqa: RUF012

    assert str(cause_of(FailedError("long"))) == "s3://bucket/ab/cd holds other bytes"
    machinery = RuntimeError("a node is gone")
    assert cause_of(machinery) is machinery


@pytest.mark.long
def test_workers_that_have_no_place_are_waited_for_with_a_word_and_then_given_up(capsys):
    import ray

    ray.init(address="local", num_cpus=1, logging_level="error")
    try:
        with pytest.raises(RuntimeError, match=r"2 training workers need 2 CPUs, Ray has 1\. Set BIOLINGUAL_TRAIN"):
            wait_for_resources(Machine(), 2)
        with pytest.raises(RuntimeError, match=r"the cluster has 1, .* of them free, after 2 s"):
            wait_for_resources(Machine(ray_address="here"), 2, limit_s=2.0)
        wait_for_resources(Machine(ray_address="here"), 1)
    finally:
        ray.shutdown()


def test_a_run_cut_off_after_its_last_checkpoint_ends_at_once(monkeypatch):
    """Its step equals the steps asked for already: one step more would never be the last."""
    from types import SimpleNamespace as Made

    import ray.train
    import ray.train.torch

    learner = Made(done=True, begin=lambda folder: None, state={"step": 5, "global_batch_size": 2})
    reported = []
    monkeypatch.setattr(worker, "Job", Made(from_config=lambda _: Made(threads=1, pretrain=Made(seed=1))))
    monkeypatch.setattr(worker, "near", lambda job, folder: Made(batches=lambda: (None, None)))
    monkeypatch.setattr(worker, "Learner", lambda *_: learner)
    monkeypatch.setattr(worker, "_report", lambda train, rank, one: reported.append(one))
    monkeypatch.setattr(worker.torch, "set_num_threads", lambda _: None)
    monkeypatch.setattr(ray.train, "get_context", lambda: Made(get_world_rank=lambda: 0, get_world_size=lambda: 1))
    monkeypatch.setattr(ray.train, "get_checkpoint", lambda: None)
    monkeypatch.setattr(ray.train.torch, "get_device", lambda: "cpu")
    worker.work({})
    assert reported == [learner]
