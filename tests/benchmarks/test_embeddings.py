"""A test clip is embedded once by a model: what is kept equals what would be made anew, and nothing else is kept."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from biolingual.audio import to_flac
from biolingual.benchmarks import embeddings
from biolingual.model import Embedder
from biolingual.records import Pair
from biolingual.shard_reader import Shards
from biolingual.shards import ShardWriter
from tests.made_pairs import pair


class Counting(Embedder):
    """The tiny model; remembers how many clips it embedded."""

    count = 0

    def audio(self, waveforms):
        waveforms = list(waveforms)
        self.count += len(waveforms)
        return super().audio(waveforms)


@pytest.fixture
def embedder(tiny, monkeypatch):
    monkeypatch.setattr("biolingual.model.EMBED_BATCH", 4)  # so that clips change neighbours, and for speed
    model, log_mel, tokenizer = tiny
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other on a busy machine
    yield Counting(model, tokenizer, log_mel, "a" * 64)
    torch.set_num_threads(before)


def sounds(folder: Path, waveforms, names: str = "abcde", dump: str = "dump", split: str = "test_seen") -> list[Pair]:
    """Clips in one shard of a dump, as rows of a dataset version."""
    writer = ShardWriter(folder / "audio" / dump, 10_000_000)
    members = {name: writer.add(name, to_flac(one, 48000)) for name, one in zip(names, waveforms, strict=False)}
    digests = writer.close()
    return [
        pair(name, clip_id=name, split=split, dump=dump, shard_md5=digests[member.shard][1], **vars(member))
        for name, member in members.items()
    ]


@pytest.fixture
def clips(tmp_path, waveforms):
    return sounds(tmp_path, waveforms)


def update(folder: Path, name: str, clips: list[Pair], embedder) -> tuple[int, int]:
    return embeddings.update(folder / name, clips, embedder, Shards(str(folder / "audio")))


def test_only_the_test_splits_are_embedded(clips):
    splits = ("train", "valid", "test_seen", "test_unseen", "test_seen")
    given = [replace(clip, split=split) for clip, split in zip(clips, splits, strict=True)]
    assert [clip.clip_id for clip in embeddings.test_clips(given)] == ["c", "d", "e"]


def test_kept_and_new_together_are_the_bytes_of_a_fresh_table(clips, embedder, tmp_path):
    assert update(tmp_path, "grown", clips[1:4], embedder) == (3, 0)
    assert update(tmp_path, "grown", clips, embedder) == (2, 3)
    assert embedder.count == 5
    assert update(tmp_path, "fresh", clips[::-1], embedder) == (5, 0)
    assert (tmp_path / "grown").read_bytes() == (tmp_path / "fresh").read_bytes()


def test_nothing_new_embeds_nothing_and_changes_no_byte(clips, embedder, tmp_path):
    update(tmp_path, "table", clips, embedder)
    before = (tmp_path / "table").read_bytes()
    assert update(tmp_path, "table", clips, embedder) == (0, 5) and embedder.count == 5
    assert (tmp_path / "table").read_bytes() == before


def test_a_clip_that_is_asked_for_no_more_leaves_the_table(clips, embedder, tmp_path):
    update(tmp_path, "table", clips, embedder)
    assert update(tmp_path, "table", clips[:2], embedder) == (0, 2)
    assert list(embeddings.read(tmp_path / "table", embedder.embedding_id)) == ["a", "b"]


def test_what_is_read_is_what_the_model_says_of_each_clip(clips, embedder, tmp_path, waveforms):
    update(tmp_path, "table", clips, embedder)
    found = embeddings.read(tmp_path / "table", embedder.embedding_id)
    expected = embedder.audio(waveforms)
    assert list(found) == list("abcde")
    for name, own in zip("abcde", expected, strict=True):
        assert np.abs(found[name] - own).max() < 1e-3  # FLAC keeps 16 bits
    assert np.abs(found["a"] - found["b"]).max() > 1e-3


def test_another_models_embeddings_are_not_kept(clips, embedder, tmp_path):
    update(tmp_path, "table", clips, embedder)
    other = Counting(embedder.model, embedder.tokenizer, embedder.log_mel, "b" * 64)
    assert update(tmp_path, "table", clips, other) == (5, 0)
    assert list(embeddings.read(tmp_path / "table", other.embedding_id)) == list("abcde")


def test_another_models_embeddings_are_refused_on_reading(clips, embedder, tmp_path):
    update(tmp_path, "table", clips, embedder)
    with pytest.raises(ValueError, match=f"holds embeddings of {embedder.embedding_id}.* dvc repro embed"):
        embeddings.read(tmp_path / "table", "another-id")


def test_a_table_that_names_no_model_is_refused_and_not_kept(clips, embedder, tmp_path):
    import pyarrow.parquet as pq

    update(tmp_path, "table", clips, embedder)
    pq.write_table(pq.read_table(tmp_path / "table").replace_schema_metadata(None), tmp_path / "table")
    with pytest.raises(ValueError, match="holds embeddings of no model"):
        embeddings.read(tmp_path / "table", embedder.embedding_id)
    assert update(tmp_path, "table", clips, embedder) == (5, 0)


def test_the_same_clip_with_other_bytes_is_embedded_again(clips, embedder, tmp_path, waveforms):
    update(tmp_path, "table", clips, embedder)
    before = embeddings.read(tmp_path / "table", embedder.embedding_id)
    again = sounds(tmp_path, [waveforms[0] * 0.5, waveforms[3]], "ad", dump="dump-2")
    assert update(tmp_path, "table", [again[0], *clips[1:3], again[1]], embedder) == (2, 2)
    after = embeddings.read(tmp_path / "table", embedder.embedding_id)
    assert not np.array_equal(after["a"], before["a"]) and np.array_equal(after["b"], before["b"])
    assert np.array_equal(after["d"], before["d"])  # the same sound in another shard


def test_a_clip_at_another_place_of_its_shard_is_embedded_again(clips, embedder, tmp_path):
    update(tmp_path, "table", clips, embedder)
    moved = replace(clips[0], byte_offset=clips[1].byte_offset, byte_length=clips[1].byte_length)
    assert update(tmp_path, "table", [moved, *clips[1:]], embedder) == (1, 4)
    found = embeddings.read(tmp_path / "table", embedder.embedding_id)
    assert np.array_equal(found["a"], found["b"])


def test_a_version_without_test_clips_has_an_empty_table(embedder, tmp_path):
    assert update(tmp_path, "table", [], embedder) == (0, 0)
    assert embeddings.read(tmp_path / "table", embedder.embedding_id) == {}
