"""Nothing lost, nothing done twice, the same index however often it was interrupted."""

import json
import os
import shutil

import numpy as np
import pytest

from biolingual.search import embedding, indexing
from biolingual.search.index import Index
from biolingual.search.indexing import build_index
from biolingual.search.journal import Entry, Journal
from biolingual.search.models import load


def contents(folder) -> dict[str, bytes]:
    """Every file of an index but its locks."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def counted(monkeypatch):
    """The paths that were read."""
    done = []
    real = embedding.read

    def read(job, log_mel):
        done.append(job.path)
        return real(job, log_mel)

    monkeypatch.setattr(embedding, "read", read)
    return done


def test_every_file_is_windows_or_a_row_with_its_reason(indexed):
    folder, index = indexed
    listed = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {one["path"] for one in index.files} == listed
    reasons = {one["path"].split("/")[-1]: one["reason"] for one in index.files if one["status"] == "broken"}
    assert reasons == {"page.mp3": "html_page", "empty.wav": "empty_file", "cut.flac": "undecodable"}
    assert {one["path"] for one in index.files if one["status"] == "not_sound"} == {"notes.txt", ".DS_Store"}
    assert index.card["recordings"] == 4 and len(index) == 7 + 3 + 1 + 4
    assert all(np.diff(index.file_of) >= 0)


def test_vectors_are_the_embedders_of_the_same_windows(indexed, model_folder):
    import soundfile

    folder, index = indexed
    embedder = load(model_folder)
    sound, _ = soundfile.read(folder / "north/north_20260501_040000.wav", dtype="float32")
    number = next(n for n, one in enumerate(index.files) if one["path"].startswith("north/north_20260501"))
    rows = np.flatnonzero(index.file_of == number)
    for row in rows:
        start = round(index.starts_s[row] * 48000)
        expected = embedder.audio([sound[start : start + 96000]])[0]
        assert np.abs(index.vectors[row].astype(np.float32) - expected).max() < 1e-3
    assert abs(index.ends_s[rows].max() - 7.3) < 1e-3


def test_a_second_run_embeds_nothing_and_an_added_file_alone_is_embedded(recordings, model_folder, counted, tmp_path):
    out = tmp_path / "index"
    build_index(str(recordings), out, model_folder)
    before, first = contents(out), len(counted)
    assert contents(build_index(str(recordings), out, model_folder).folder) == before and len(counted) == first
    shutil.copy(recordings / "south/SOUTH_20260503_000000.WAV", recordings / "south/copy_20260504_000000.wav")
    more = build_index(str(recordings), out, model_folder)
    assert len(counted) == first and len(more) == 15 + 4, "equal bytes are embedded once"
    assert not list(out.glob("journal")) and len(list(out.glob("data-*"))) == 1


def test_renaming_moving_and_removing_need_no_new_embedding(recordings, model_folder, counted, tmp_path):
    build_index(str(recordings), tmp_path / "index", model_folder)
    first = len(counted)
    moved = tmp_path / "elsewhere"
    shutil.move(recordings, moved)
    (moved / "south").rename(moved / "valley")
    (moved / "north/north_20260501_040000.wav").unlink()
    index = build_index(str(moved), tmp_path / "index", model_folder)
    assert len(counted) == first and len(index) == 8
    assert "valley/south_20260501_130000.wav" in {one["path"] for one in index.indexed}


def test_index_and_recordings_moved_together_find_each_other(recordings, model_folder, tmp_path):
    build_index(str(recordings), tmp_path / "index", model_folder)
    (tmp_path / "new").mkdir()
    shutil.move(recordings, tmp_path / "new/recordings")
    shutil.move(tmp_path / "index", tmp_path / "new/index")
    index = Index(tmp_path / "new/index")
    assert index.audio == str((tmp_path / "new/recordings").resolve())


def test_a_run_that_died_goes_on_and_ends_with_the_same_bytes(recordings, model_folder, counted, tmp_path, monkeypatch):
    build_index(str(recordings), tmp_path / "whole", model_folder, hop_s=0.1)
    whole, first = contents(tmp_path / "whole"), len(counted)
    monkeypatch.setattr(indexing, "FLUSH_S", 0.0)
    read = embedding.read

    def dying(job, log_mel):
        if len(counted) == first + 3:
            raise KeyboardInterrupt
        return read(job, log_mel)

    monkeypatch.setattr(embedding, "read", dying)
    with pytest.raises(KeyboardInterrupt):
        build_index(str(recordings), tmp_path / "cut", model_folder, hop_s=0.1)
    monkeypatch.setattr(embedding, "read", read)
    build_index(str(recordings), tmp_path / "cut", model_folder, hop_s=0.1)
    assert len(counted) == first + 3 + 5, "two were kept, the third's last windows were in no batch yet"
    assert contents(tmp_path / "cut") == whole


def test_a_journal_of_other_vectors_is_not_read(tmp_path):
    journal = Journal(tmp_path, "one")
    journal.add(Entry("a" * 64, 1, starts_s=np.zeros(1), vectors=np.ones((1, 4), np.float16)))
    journal.flush()
    assert [one.sha256 for one in Journal(tmp_path, "one").entries()] == ["a" * 64]
    assert list(Journal(tmp_path, "two").entries()) == [] and not (tmp_path / "one").exists()


def test_a_simulated_model_is_refused_on_real_sounds(recordings, model_folder, tmp_path):
    made_up = tmp_path / "model"
    shutil.copytree(model_folder, made_up)
    (made_up / "lineage.json").write_text(json.dumps({"origin": "simulated"}))
    with pytest.raises(ValueError, match="--allow-simulated"):
        build_index(str(recordings), tmp_path / "index", str(made_up))
    assert not (tmp_path / "index").exists()
    allowed = build_index(str(recordings), tmp_path / "index", str(made_up), allow_simulated=True)
    assert (allowed.card["model_origin"], allowed.card["origin"]) == ("simulated", "real")


def test_without_network_the_default_model_is_one_line_with_the_remedy(recordings, tmp_path, monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match="--model FOLDER") as error:
        build_index(str(recordings), tmp_path / "index")
    assert "\n" not in str(error.value)


def test_a_name_that_is_no_text_and_a_file_that_cannot_be_read_are_rows(
    recordings, model_folder, tmp_path, monkeypatch
):
    shutil.copy(recordings / "south/empty.wav", os.fsencode(recordings) + b"/caf\xe9.wav")
    real = embedding.open_url

    def failing(url, mode="rb"):
        if url.endswith("page.mp3"):
            raise OSError(5, "Input/output error")
        return real(url, mode)

    monkeypatch.setattr(embedding, "open_url", failing)
    index = build_index(str(recordings), tmp_path / "index", model_folder)
    reasons = {one["path"]: one["reason"] for one in index.files if one["status"] == "broken"}
    assert reasons["caf\\udce9.wav"] == "name_not_utf8" and reasons["south/page.mp3"] == "unreadable"
    monkeypatch.undo()
    again = build_index(str(recordings), tmp_path / "index", model_folder)
    assert next(one["reason"] for one in again.files if one["path"] == "south/page.mp3") == "html_page"


def test_a_folder_without_a_sound_is_an_index_without_windows(model_folder, tmp_path):
    from biolingual.search.query import Searcher

    (tmp_path / "empty").mkdir()
    index = build_index(str(tmp_path / "empty"), tmp_path / "index", model_folder)
    assert len(index) == 0 and Searcher(index, load(model_folder)).search("a wren").hits == []


def test_a_name_and_password_in_a_url_reach_no_file():
    assert indexing._public("https://ada:secret@example.org/season") == "https://example.org/season"


def test_a_bucket_is_indexed_like_its_folder(recordings, model_folder, tmp_path, s3_bucket):
    from biolingual.storage import put

    for path in recordings.rglob("*"):
        if path.is_file():
            put(path, f"{s3_bucket}/{path.relative_to(recordings).as_posix()}")
    here = build_index(str(recordings), tmp_path / "here", model_folder)
    there = build_index(s3_bucket, tmp_path / "there", model_folder)
    assert there.files == here.files
    assert np.array_equal(there.vectors, here.vectors) and there.address(0).startswith("s3://")
