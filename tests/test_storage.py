"""Bytes by path and by URL; S3 against a real local server."""

import hashlib
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def bucket(server, monkeypatch, request) -> Iterator[str]:
    """A fresh bucket's URL, with the environment that leads s3fs to the server."""
    import boto3
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = "dumps-" + hashlib.md5(request.node.name.encode()).hexdigest()[:8]
    boto3.client("s3").create_bucket(Bucket=name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()


def upload(folder: Path, url: str) -> str:
    for name in FILES:
        storage.put(folder / name, f"{url}/{name}")
    return url


def test_what_was_put_to_s3_is_read_back(bucket, tmp_path):
    upload(write(tmp_path, FILES), f"{bucket}/xc")
    with storage.open_url(f"{bucket}/xc/audio/XC2.mp3") as file:
        assert file.read() == b"two"
    assert storage.exists(f"{bucket}/xc") and not storage.exists(f"{bucket}/nothing")


@pytest.mark.parametrize("slash", ["", "/"])
def test_files_on_s3_are_listed_as_below_a_folder(bucket, tmp_path, slash):
    url = upload(write(tmp_path, FILES), f"{bucket}/xc")
    upload(tmp_path, f"{bucket}/xc-2")  # a neighbour whose name begins alike
    assert list(storage.list_files(url + slash)) == [(name, f"{url}/{name}") for name in sorted(FILES)]


def test_a_dump_on_s3_has_the_digest_of_its_local_copy(bucket, tmp_path):
    url = upload(write(tmp_path, FILES), f"{bucket}/moved/xc")
    assert storage.digest(url) == storage.digest(str(tmp_path))


def test_an_absent_dump_on_s3_is_not_found(bucket):
    with pytest.raises(FileNotFoundError, match="nothing holds no file"):
        storage.digest(f"{bucket}/nothing")
