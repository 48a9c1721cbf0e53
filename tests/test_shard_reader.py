"""Reading clips from a checkout, from DVC's cache and from a remote over S3."""

import hashlib
import os
from types import SimpleNamespace

import pytest

from biolingual.shard_reader import Shards, address
from biolingual.shards import ShardWriter

CLIPS = {f"xeno_canto:XC{number}#0": bytes([number]) * (300 + number) for number in range(5)}


@pytest.fixture
def written(tmp_path):
    """(folder of dumps, the clips with their addresses)"""
    writer = ShardWriter(tmp_path / "audio/dump", 1_000_000)
    members = {name: writer.add(name, data) for name, data in CLIPS.items()}
    digests = writer.close()
    return tmp_path / "audio", {
        name: SimpleNamespace(dump="dump", **vars(one), shard_md5=digests[one.shard][1])
        for name, one in members.items()
    }


def store(folder, sounds):
    """A content-addressed store as DVC keeps it, with every shard of `sounds`."""
    for shard in (sounds / "dump").iterdir():
        data = shard.read_bytes()
        target = address(str(folder), hashlib.md5(data).hexdigest())
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "wb") as file:
            file.write(data)
    return str(folder)


def test_clips_come_from_the_checkout_or_else_from_the_cache_by_content(written, tmp_path):
    sounds, clips = written
    kept = store(tmp_path / "cache/files/md5", sounds)
    for shards in (Shards(str(sounds)), Shards(str(tmp_path / "nothing"), (kept,))):
        assert {name: shards.read(clip) for name, clip in clips.items()} == CLIPS


def test_a_shard_that_is_nowhere_says_how_to_fetch_it(written, tmp_path):
    clip = next(iter(written[1].values()))
    with pytest.raises(FileNotFoundError, match="dvc pull ingest@dump"):
        Shards(str(tmp_path / "nothing"), (str(tmp_path / "empty"),)).read(clip)


def test_a_short_shard_names_the_remedy(written):
    sounds, clips = written
    clip = list(clips.values())[-1]
    path = sounds / "dump" / clip.shard
    os.truncate(path, clip.byte_offset + 3)
    with pytest.raises(ValueError, match="dvc checkout"):
        Shards(str(sounds)).read(clip)


def test_a_remote_shard_is_fetched_once_and_kept(written, tmp_path, s3_bucket):
    sounds, clips = written
    remote = push(sounds, s3_bucket)
    shards = Shards(str(tmp_path / "nothing"), (remote,), str(tmp_path / "kept"), 10**9)
    assert {name: shards.read(clip) for name, clip in clips.items()} == CLIPS
    assert [path.name for path in (tmp_path / "kept").iterdir() if not path.name.startswith(".")] == [
        next(iter(clips.values())).shard_md5
    ]


def test_a_shard_too_large_for_the_cache_is_read_by_range(written, tmp_path, s3_bucket):
    sounds, clips = written
    shards = Shards(str(tmp_path / "nothing"), (push(sounds, s3_bucket),), str(tmp_path / "kept"), 100)
    assert {name: shards.read(clip) for name, clip in clips.items()} == CLIPS
    assert not [path for path in (tmp_path / "kept").iterdir() if not path.name.startswith(".")]


def test_other_bytes_under_a_shards_name_are_refused(written, tmp_path, s3_bucket):
    sounds, clips = written
    clip = next(iter(clips.values()))
    remote = push(sounds, s3_bucket)
    from biolingual.storage import open_url

    with open_url(address(remote, clip.shard_md5), "wb") as file:
        file.write(b"something else")
    with pytest.raises(ValueError, match="other bytes than its name says"):
        Shards(str(tmp_path / "nothing"), (remote,), str(tmp_path / "kept"), 10**9).read(clip)


def push(sounds, bucket):
    from biolingual.storage import put

    for shard in (sounds / "dump").iterdir():
        put(shard, address(f"{bucket}/files/md5", hashlib.md5(shard.read_bytes()).hexdigest()))
    return f"{bucket}/files/md5"
