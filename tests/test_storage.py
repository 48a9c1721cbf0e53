"""Bytes by path and by URL; S3 against a real local server."""

import hashlib
import os
import time
from pathlib import Path

import pytest

from biolingual import storage

FILES = {"pages/page-0001.json": b"{}", "audio/XC2.mp3": b"two", "audio/XC1.mp3": b"one", "readme.txt": b""}


def write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def test_files_are_listed_sorted_by_their_place_in_the_folder(tmp_path):
    listed = list(storage.list_files(str(write(tmp_path, FILES))))
    assert listed == [(name, str(tmp_path / name)) for name in sorted(FILES)]


def test_a_single_file_is_listed_under_its_own_name(tmp_path):
    path = write(tmp_path, FILES) / "audio" / "XC1.mp3"
    assert list(storage.list_files(str(path))) == [("XC1.mp3", str(path))]


def test_a_folder_that_may_not_be_read_is_listed_and_not_passed_over(tmp_path, monkeypatch):
    """As root nothing is forbidden: the refusal of a card's lost+found is played."""
    (tmp_path / "lost+found").mkdir()
    (tmp_path / "song.wav").touch()
    scandir = os.scandir

    def refusing(folder):
        if str(folder).endswith("lost+found"):
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr("os.scandir", refusing)
    assert [name for name, _ in storage.list_files(str(tmp_path))] == ["lost+found", "song.wav"]
    with pytest.raises(PermissionError):
        list(storage.list_files(str(tmp_path / "lost+found")))


def test_links_to_folders_are_not_followed(tmp_path):
    (tmp_path / "song.wav").touch()
    (tmp_path / "round").symlink_to(tmp_path)
    assert [name for name, _ in storage.list_files(str(tmp_path))] == ["song.wav"]


def test_a_file_url_is_a_path(tmp_path):
    write(tmp_path, FILES)
    with storage.open_url(f"file://{tmp_path}/audio/XC1.mp3") as file:
        assert file.read() == b"one"
    assert storage.exists(f"file://{tmp_path}/audio") and not storage.exists(f"file://{tmp_path}/video")


@pytest.mark.parametrize(
    ("url", "remote"), [("s3://dumps/a", True), ("https://x.org/a", True), ("file:///a", False), ("data/a", False)]
)
def test_a_scheme_other_than_file_is_remote(url, remote):
    assert storage.is_remote(url) is remote


def test_the_digests_of_a_file_are_those_of_hashlib(tmp_path):
    data = b"x" * (storage.CHUNK + 7)
    (tmp_path / "big").write_bytes(data)
    assert storage.file_digests(str(tmp_path / "big")) == (
        hashlib.sha256(data).hexdigest(),
        hashlib.md5(data).hexdigest(),
    )


def test_a_moved_folder_keeps_its_digest(tmp_path):
    digests = {storage.digest(str(write(tmp_path / name, FILES))) for name in ("here", "deep/er")}
    assert len(digests) == 1 and digests.pop().startswith("sha256:")


@pytest.mark.parametrize(
    "change",
    [
        {"audio/XC1.mp3": b"One"},
        {"audio/XC3.mp3": b""},
        {"pages/page-0001.json": b"{}", "readme.txt": b" "},
    ],
    ids=["a byte", "a further file", "a file no longer empty"],
)
def test_another_content_is_another_digest(tmp_path, change):
    before = storage.digest(str(write(tmp_path, FILES)))
    assert storage.digest(str(write(tmp_path, change))) != before


def test_a_renamed_file_is_another_digest(tmp_path):
    before = storage.digest(str(write(tmp_path, FILES)))
    (tmp_path / "audio" / "XC2.mp3").rename(tmp_path / "audio" / "XC9.mp3")  # at its old place in the order
    assert storage.digest(str(tmp_path)) != before


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_digest_of_nothing_says_what_to_give(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=f"{name} holds no file. Give the folder, zip or URL"):
        storage.digest(str(tmp_path / name))


def test_a_file_is_put_to_a_path(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * (storage.CHUNK + 1))
    storage.put(tmp_path / "a", str(tmp_path / "b"))
    assert (tmp_path / "b").read_bytes() == (tmp_path / "a").read_bytes()


def upload(folder: Path, url: str) -> str:
    for name in FILES:
        storage.put(folder / name, f"{url}/{name}")
    return url


def test_what_was_put_to_s3_is_read_back(s3_bucket, tmp_path):
    upload(write(tmp_path, FILES), f"{s3_bucket}/xc")
    with storage.open_url(f"{s3_bucket}/xc/audio/XC2.mp3") as file:
        assert file.read() == b"two"
    assert storage.exists(f"{s3_bucket}/xc") and not storage.exists(f"{s3_bucket}/nothing")


@pytest.mark.parametrize("slash", ["", "/"])
def test_files_on_s3_are_listed_as_below_a_folder(s3_bucket, tmp_path, slash):
    url = upload(write(tmp_path, FILES), f"{s3_bucket}/xc")
    upload(tmp_path, f"{s3_bucket}/xc-2")  # a neighbour whose name begins alike
    assert list(storage.list_files(url + slash)) == [(name, f"{url}/{name}") for name in sorted(FILES)]


def test_a_dump_on_s3_has_the_digest_of_its_local_copy(s3_bucket, tmp_path):
    url = upload(write(tmp_path, FILES), f"{s3_bucket}/moved/xc")
    assert storage.digest(url) == storage.digest(str(tmp_path))


def test_an_absent_dump_on_s3_is_not_found(s3_bucket):
    with pytest.raises(FileNotFoundError, match="nothing holds no file"):
        storage.digest(f"{s3_bucket}/nothing")


def test_the_folder_that_an_s3_console_makes_changes_no_digest(s3_bucket, tmp_path):
    import boto3

    url = upload(write(tmp_path, FILES), f"{s3_bucket}/xc")
    boto3.client("s3").put_object(Bucket=s3_bucket.removeprefix("s3://"), Key="xc/", Body=b"")
    assert storage.digest(url) == storage.digest(str(tmp_path))


# what has landed


def test_what_lies_directly_below_a_folder_has_landed_with_its_count_size_and_newest_change(tmp_path):
    write(tmp_path / "in" / "xc-2", FILES)
    write(tmp_path / "in", {"a-1.zip": b"zipped"})
    for number, path in enumerate(sorted((tmp_path / "in").rglob("*"))):
        os.utime(path, (1000 + number, 1000 + number))
    os.utime(tmp_path / "in/xc-2/audio/XC1.mp3", (5000, 5000))
    first, second = storage.landed(str(tmp_path / "in"))
    assert (first.name, first.url, first.files, first.size) == ("a-1.zip", str(tmp_path / "in/a-1.zip"), 1, 6)
    assert (second.name, second.files, second.size, second.newest) == ("xc-2", 4, 8, 5000.0)


def test_a_file_added_with_an_old_time_is_a_new_change_of_its_folder(tmp_path):
    folder = write(tmp_path / "in" / "xc-1", FILES)
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1000, 1000))
    before = storage.landed(str(tmp_path / "in"))[0].newest
    (folder / "audio/XC3.mp3").write_bytes(b"three")
    os.utime(folder / "audio/XC3.mp3", (1000, 1000))
    assert before == 1000.0 and storage.landed(str(tmp_path / "in"))[0].newest > time.time() - 60


def test_an_empty_folder_has_landed_with_no_file_and_a_broken_link_is_none(tmp_path):
    (tmp_path / "in/empty").mkdir(parents=True)
    (tmp_path / "in/empty/gone").symlink_to(tmp_path / "nowhere")
    assert [(one.name, one.files, one.size) for one in storage.landed(str(tmp_path / "in"))] == [("empty", 0, 0)]


def test_nothing_has_landed_where_there_is_no_place(tmp_path, s3_bucket):
    assert storage.landed(str(tmp_path / "nowhere")) == storage.landed(f"{s3_bucket}/nowhere") == []


@pytest.mark.parametrize("slash", ["", "/"])
def test_what_has_landed_on_s3_is_told_as_in_a_folder(s3_bucket, tmp_path, slash):
    upload(write(tmp_path / "in" / "xc-1", FILES), f"{s3_bucket}/in/xc-1")
    upload(tmp_path / "in" / "xc-1", f"{s3_bucket}/in-2/other")  # a neighbour whose name begins alike
    storage.put(tmp_path / "in/xc-1/audio/XC1.mp3", f"{s3_bucket}/in/a-1.zip")
    found = storage.landed(f"{s3_bucket}/in{slash}")
    assert [(one.name, one.url, one.files, one.size) for one in found] == [
        ("a-1.zip", f"{s3_bucket}/in/a-1.zip", 1, 3),
        ("xc-1", f"{s3_bucket}/in/xc-1", 4, 8),
    ]
    assert all(abs(one.newest - time.time()) < 60 for one in found)


def test_the_folder_that_an_s3_console_makes_is_no_dump(s3_bucket):
    import boto3

    bucket = s3_bucket.removeprefix("s3://")
    for key in ("in/", "in/xc-1/"):
        boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=b"")
    assert storage.landed(f"{s3_bucket}/in") == []


# pieces of files, and whole trees


@pytest.fixture(params=["folder", "s3"])
def somewhere(request, tmp_path) -> str:
    """An address below which a test may write: a folder, or S3."""
    return str(tmp_path / "there") if request.param == "folder" else request.getfixturevalue("s3_bucket") + "/there"


def test_a_file_is_put_below_folders_that_do_not_exist_yet(somewhere, tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    storage.put(tmp_path / "a", f"{somewhere}/deep/er/a")
    assert storage.size_of(f"{somewhere}/deep/er/a") == 5


def test_a_range_of_a_file_is_read_and_fewer_bytes_where_it_ends(somewhere, tmp_path):
    (tmp_path / "a").write_bytes(b"0123456789")
    storage.put(tmp_path / "a", f"{somewhere}/a")
    assert storage.read_range(f"{somewhere}/a", 3, 4) == b"3456"
    assert storage.read_range(f"{somewhere}/a", 8, 100) == b"89"


def test_a_tree_is_removed_with_all_in_it_and_its_neighbour_stays(somewhere, tmp_path):
    for name in FILES:
        for tree in ("run", "run-2"):
            storage.put(write(tmp_path / "local", FILES) / name, f"{somewhere}/{tree}/{name}")
    storage.remove_tree(f"{somewhere}/run")
    assert [name for name, _ in storage.list_files(f"{somewhere}/run-2")] == sorted(FILES)
    assert list(storage.list_files(f"{somewhere}/run")) == []


def test_a_tree_that_is_not_there_is_removed_without_a_word(somewhere):
    storage.remove_tree(f"{somewhere}/nothing")
    assert not storage.exists(f"{somewhere}/nothing")


def test_a_fetched_file_is_whole_and_leaves_nothing_else(somewhere, tmp_path):
    data = b"x" * (storage.CHUNK + 3)
    (tmp_path / "a").write_bytes(data)
    storage.put(tmp_path / "a", f"{somewhere}/a")
    (tmp_path / "here").mkdir()
    storage.fetch(f"{somewhere}/a", tmp_path / "here/b", hashlib.md5(data).hexdigest())
    assert [(path.name, path.read_bytes()) for path in (tmp_path / "here").iterdir()] == [("b", data)]


def test_other_bytes_than_the_md5_says_are_refused_and_leave_nothing(somewhere, tmp_path):
    (tmp_path / "a").write_bytes(b"other")
    storage.put(tmp_path / "a", f"{somewhere}/a")
    (tmp_path / "here").mkdir()
    with pytest.raises(ValueError, match="holds other bytes than its name says"):
        storage.fetch(f"{somewhere}/a", tmp_path / "here/b", hashlib.md5(b"said").hexdigest())
    assert list((tmp_path / "here").iterdir()) == []


def test_a_file_that_cannot_be_fetched_leaves_nothing(somewhere, tmp_path):
    (tmp_path / "here").mkdir()
    with pytest.raises(FileNotFoundError):
        storage.fetch(f"{somewhere}/nothing", tmp_path / "here/b", "0" * 32)
    assert list((tmp_path / "here").iterdir()) == []


def test_arrow_writes_to_s3_what_we_read_there(s3_bucket):
    filesystem, path = storage.arrow_filesystem(f"{s3_bucket}/run")
    with filesystem.open_output_stream(f"{path}/state.pt") as file:
        file.write(b"weights")
    with storage.open_url(f"{s3_bucket}/run/state.pt") as file:
        assert file.read() == b"weights"


def test_a_local_folder_needs_no_filesystem_of_arrows(tmp_path):
    assert storage.arrow_filesystem(f"file://{tmp_path}") == (None, str(tmp_path))
