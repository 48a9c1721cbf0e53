"""The only door to bytes outside the working tree: open, exists, list, put and digest by URL, file:// and s3:// alike."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

CHUNK = 1 << 20


def is_remote(url: str) -> bool:
    """True for s3://, https:// and other schemes; False for a path and for file://."""
    return "://" in url and not url.startswith("file://")


def _filesystem(url: str):
    if not is_remote(url):
        return None, str(url).removeprefix("file://")
    if url.startswith("s3://"):
        import s3fs

        return s3fs.S3FileSystem(), url.removeprefix("s3://")
    import fsspec

    return fsspec.core.url_to_fs(url)


def open_url(url: str, mode: str = "rb") -> IO:
    """Open a path or URL. Endpoint and keys of S3 come from the environment, as s3fs reads them."""
    filesystem, path = _filesystem(url)
    return open(path, mode) if filesystem is None else filesystem.open(path, mode)


def exists(url: str) -> bool:
    """Whether a file or folder stands at a path or URL."""
    filesystem, path = _filesystem(url)
    return Path(path).exists() if filesystem is None else filesystem.exists(path)


def list_files(url: str) -> Iterator[tuple[str, str]]:
    """(path relative to `url`, address) of every file below a folder, sorted; of the file itself when it is one."""
    filesystem, path = _filesystem(url)
    if filesystem is None:
        root = Path(path)
        found = [root] if root.is_file() else [item for item in root.rglob("*") if item.is_file()]
        # Sorted as text, like S3 does: Path sorts by its parts, and a copy would get another digest.
        yield from sorted(
            (item.name if item == root else item.relative_to(root).as_posix(), str(item)) for item in found
        )
        return
    scheme = url.split("://")[0]
    for item in sorted(filesystem.find(path)):
        relative = item.removeprefix(path.rstrip("/")).lstrip("/")
        yield relative or item.rsplit("/", 1)[-1], f"{scheme}://{item}"


def put(local: Path, url: str) -> None:
    """Copy a local file to a path or URL."""
    with open(local, "rb") as source, open_url(url, "wb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


def file_digests(url: str) -> tuple[str, str]:
    """(sha256, md5) of a file, read once."""
    sha, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open_url(url) as source:
        while chunk := source.read(CHUNK):
            sha.update(chunk)
            md5.update(chunk)
    return sha.hexdigest(), md5.hexdigest()


def digest(url: str) -> str:
    """The digest "sha256:..." of a file or folder: over sorted relative names and contents, so a moved folder keeps it.

    FileNotFoundError when nothing stands there or the folder is empty.
    """
    whole = hashlib.sha256()
    count = 0
    for relative, address in list_files(url):
        whole.update(f"{relative}\0{file_digests(address)[0]}\n".encode())
        count += 1
    if not count:
        raise FileNotFoundError(f"{url} holds no file. Give the folder, zip or URL that the dump was saved to.")
    return f"sha256:{whole.hexdigest()}"
