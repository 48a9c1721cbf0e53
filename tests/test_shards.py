"""Shards byte for byte, ranged reads, and the order in which training sees clips."""

import itertools
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biolingual.shards import Member, ShardWriter, epoch_order, global_batches
from biolingual.storage import file_digests

CLIPS = {f"xeno_canto:XC{i}#0": bytes([i]) * size for i, size in enumerate((1, 511, 512, 513, 2000, 0, 700))}


def write(folder: Path, shard_bytes: int = 1_000_000) -> tuple[list[Member], dict]:
    writer = ShardWriter(folder, shard_bytes)
    return [writer.add(clip_id, data) for clip_id, data in CLIPS.items()], writer.close()


def test_equal_calls_give_equal_bytes(tmp_path):
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    assert one == two
    assert (tmp_path / "one/shard-00000.tar").read_bytes() == (tmp_path / "two/shard-00000.tar").read_bytes()


def test_tarfile_reads_every_member_back(tmp_path):
    write(tmp_path)
    with tarfile.open(tmp_path / "shard-00000.tar") as tar:
        assert [tar.extractfile(info).read() for info in tar.getmembers()] == list(CLIPS.values())


@pytest.mark.parametrize("shard_bytes", [1, 2500, 1_000_000])
def test_a_members_offset_leads_to_its_bytes(tmp_path, shard_bytes):
    members, _ = write(tmp_path / "dump", shard_bytes)
    data = {name: (tmp_path / "dump" / name).read_bytes() for name in {one.shard for one in members}}
    read = [data[one.shard][one.byte_offset : one.byte_offset + one.byte_length] for one in members]
    assert read == list(CLIPS.values())


def test_a_shard_past_its_size_is_followed_by_the_next(tmp_path):
    members, shards = write(tmp_path, shard_bytes=2500)
    expected = ["shard-00000.tar"] * 3 + ["shard-00001.tar"] * 2 + ["shard-00002.tar"] * 2
    assert [member.shard for member in members] == expected
    assert list(shards) == sorted(set(expected))


def test_the_digests_of_the_shards_are_those_of_the_files(tmp_path):
    _, shards = write(tmp_path, shard_bytes=2500)
    assert shards == {name: file_digests(str(tmp_path / name)) for name in shards}


def test_clips_of_equal_file_names_do_not_collide(tmp_path):
    writer = ShardWriter(tmp_path, 1_000_000)
    for archive in ("xeno_canto", "inaturalist"):
        writer.add(f"{archive}:1.wav#0", archive.encode())
    writer.close()
    with tarfile.open(tmp_path / "shard-00000.tar") as tar:
        assert len(set(tar.getnames())) == 2


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 300), seed=st.integers(0, 99), epoch=st.integers(0, 50))
def test_an_epochs_order_is_a_permutation(n, seed, epoch):
    assert sorted(epoch_order(n, seed, epoch)) == list(range(n))


def test_every_epoch_and_every_seed_has_its_own_order():
    orders = {tuple(epoch_order(20, seed, epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9


def batches(n: int, size: int, seed: int, start: int, stop: int) -> dict[int, list[int]]:
    """{step: indices} of the steps start .. stop-1."""
    taken = itertools.islice(global_batches(n, size, seed, start), stop - start)
    return {step: indices.tolist() for step, indices in taken}


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 60), size=st.integers(1, 40), resumed_at=st.integers(0, 40))
def test_a_resumed_run_sees_the_batches_of_an_unbroken_one(n, size, resumed_at):
    unbroken = batches(n, size, 7, 0, resumed_at + 20)
    resumed = batches(n, size, 7, resumed_at, resumed_at + 20)
    assert resumed == {step: unbroken[step] for step in range(resumed_at, resumed_at + 20)}


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 60), size=st.integers(1, 40))
def test_no_sample_comes_twice_within_an_epoch(n, size):
    per_epoch = n // min(size, n)
    for epoch in range(3):
        steps = batches(n, size, 3, epoch * per_epoch, (epoch + 1) * per_epoch)
        seen = [index for indices in steps.values() for index in indices]
        assert len(seen) == len(set(seen)) == per_epoch * min(size, n)


def test_every_batch_is_full_and_cut_only_for_a_small_dataset():
    assert {len(indices) for indices in batches(10, 4, 0, 0, 9).values()} == {4}
    assert {len(indices) for indices in batches(3, 4, 0, 0, 9).values()} == {3}


def test_over_epochs_every_sample_is_seen():
    seen = np.concatenate([indices for indices in batches(10, 4, 0, 0, 40).values()])
    assert set(seen.tolist()) == set(range(10))
