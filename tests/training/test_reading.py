"""Training batches streamed from an S3 server: what its faults change, what a damaged shard does, and reading ahead."""

import hashlib
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import s3fs
import torch

from biolingual import storage
from biolingual.shard_reader import Shards, address
from biolingual.training.batches import AHEAD, Prefetched
from tests.training.faulty_store import faulty
from tests.training.test_loop import made_batches


def streamed(folder: Path, params, bucket: str, cache_bytes: int, damage: int | None = None):
    """(batches read here, batches whose shards lie in the bucket alone, by content hash)"""
    here, _ = made_batches(folder, params)
    data = bytearray((folder / "dump/shard-00000.tar").read_bytes())
    md5 = hashlib.md5(data).hexdigest()
    if damage is not None:
        data[damage] ^= 0xFF
    (folder / "upload").write_bytes(data)
    store = f"{bucket}/files/md5"
    storage.put(folder / "upload", address(store, md5))
    away, _ = made_batches(folder, params)
    away.pairs = [replace(pair, shard_md5=md5) for pair in away.pairs]
    away.shards = Shards(str(folder / "nowhere"), (store,), str(folder / "cache"), cache_bytes)
    return here, away


@pytest.mark.parametrize("cache_bytes", [10**9, 0], ids=["whole shards", "by range"])
def test_faults_of_the_store_change_nothing_but_time(tmp_path, params, s3_bucket, s3_server, monkeypatch, cache_bytes):
    """A third of the answers are spoilt, seven times what a busy store spoils."""
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.01)
    here, away = streamed(tmp_path, params, s3_bucket, cache_bytes)
    with faulty(s3_server, every=3) as (endpoint, seen):
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        s3fs.S3FileSystem.clear_instance_cache()
        indices = np.arange(8)
        assert torch.equal(away.batch(indices, 3).mels, here.batch(indices, 3).mels)
    assert seen.total() > seen["none"] > 0


@pytest.mark.parametrize("cache_bytes", [10**9, 0], ids=["whole shards", "by range"])
def test_an_outage_longer_than_s3fs_bears_is_waited_out(tmp_path, params, s3_bucket, monkeypatch, cache_bytes):
    """Each call that reading makes fails twice, after all that s3fs itself has tried."""
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.0)
    here, away = streamed(tmp_path, params, s3_bucket, cache_bytes)
    failures, real = [], storage._filesystem

    class Failing:
        """An S3 file system whose every method fails twice."""

        def __init__(self, filesystem):
            self.filesystem = filesystem

        def __getattr__(self, name):
            def call(*args, **kwargs):
                failures.append(name)
                if failures.count(name) <= 2:
                    raise OSError("503 Slow Down")
                return getattr(self.filesystem, name)(*args, **kwargs)

            return call

    def failing(url):
        filesystem, path = real(url)
        return Failing(filesystem) if filesystem else None, path

    monkeypatch.setattr(storage, "_filesystem", failing)
    assert torch.equal(away.batch(np.arange(4), 3).mels, here.batch(np.arange(4), 3).mels)
    assert {"exists", "size", "open" if cache_bytes else "cat_file"} <= set(failures)


def test_a_store_that_never_answers_ends_in_its_own_error(monkeypatch):
    monkeypatch.setattr(storage, "FIRST_PAUSE_S", 0.0)
    asked = []

    def fail() -> None:
        asked.append(1)
        raise OSError("503 Slow Down")

    with pytest.raises(OSError, match="Slow Down"):
        storage.patiently(fail)
    assert len(asked) == storage.ATTEMPTS


def test_what_is_not_there_is_not_asked_for_again():
    asked = []

    def absent() -> None:
        asked.append(1)
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError):
        storage.patiently(absent)
    assert len(asked) == 1


@pytest.mark.parametrize("cache_bytes", [10**9, 0], ids=["whole shards", "by range"])
def test_a_damaged_shard_stops_the_run_and_is_named(tmp_path, params, s3_bucket, cache_bytes):
    _, away = streamed(tmp_path, params, s3_bucket, cache_bytes, damage=512 + 5000)
    with pytest.raises(ValueError, match=r"dump/shard-00000\.tar"):
        next(iter(Prefetched(away.stream(24, 0, slice(0, 24)))))


def test_batches_are_read_ahead_and_the_waiting_is_counted():
    made = []

    def slow():
        for number in range(AHEAD):
            time.sleep(0.05)
            made.append(number)
            yield number

    ahead = Prefetched(slow())
    deadline = time.monotonic() + 10
    while len(made) < AHEAD and time.monotonic() < deadline:
        time.sleep(0.02)
    assert list(ahead) == list(range(AHEAD)) and ahead.waited_s < 0.05 * AHEAD / 2
    behind = Prefetched(slow())
    assert list(behind) == list(range(AHEAD)) and behind.waited_s > 0.05 * AHEAD / 2


def test_large_batches_are_not_piled_up():
    made = []
    items = iter(Prefetched((made.append(n) or n for n in range(9)), rows=4096))
    assert next(items) == 0
    time.sleep(0.3)
    assert made == [0, 1]  # one in use, one ahead


def test_an_error_of_the_reader_comes_to_whoever_asks():
    def broken():
        yield 1
        raise ValueError("shard x is damaged")

    items = iter(Prefetched(broken()))
    assert next(items) == 1
    with pytest.raises(ValueError, match="shard x"):
        next(items)


def test_a_reader_that_is_left_ends_its_thread():
    def endless():
        while True:
            yield 0

    before = threading.active_count()
    items = iter(Prefetched(endless()))
    next(items)
    items.close()
    assert threading.active_count() == before
