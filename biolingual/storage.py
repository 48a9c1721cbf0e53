"""The only door to bytes outside the working tree: open, exists, list, put and digest by URL, file:// and s3:// alike."""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISDIR
from typing import IO, TypeVar
from urllib.parse import unquote

CHUNK = 1 << 20
ATTEMPTS = 8
FIRST_PAUSE_S = 0.25  # doubles: half a minute of failures in all
FINAL = (
    FileNotFoundError,
    PermissionError,
    IsADirectoryError,
    NotADirectoryError,
    ValueError,
    TypeError,
    NotImplementedError,
)
Result = TypeVar("Result")


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


def patiently(action: Callable[[], Result]) -> Result:
    """action(), tried again with growing pauses after a fault of the network or a server; FINAL errors are raised at once."""
    for attempt in range(ATTEMPTS):
        try:
            return action()
        except FINAL:
            raise
        except Exception:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(FIRST_PAUSE_S * 2**attempt)


def open_url(url: str, mode: str = "rb") -> IO:
    """Open a path or URL. Endpoint and keys of S3 come from the environment, as s3fs reads them."""
    filesystem, path = _filesystem(url)
    return open(path, mode) if filesystem is None else filesystem.open(path, mode)


def exists(url: str) -> bool:
    """Whether a file or folder stands at a path or URL."""
    filesystem, path = _filesystem(url)
    return Path(path).exists() if filesystem is None else patiently(lambda: filesystem.exists(path))


def list_files(url: str) -> Iterator[tuple[str, str]]:
    """(path relative to `url`, address) of every file below a folder, sorted; of the file itself when it is one."""
    filesystem, path = _filesystem(url)
    if filesystem is None:
        root = Path(path)
        if root.is_file():
            yield root.name, str(root)
        elif root.is_dir():
            # Sorted as text, like S3 does: by parts, as Path sorts, a copy would get another digest.
            yield from sorted((name, os.path.join(root, name)) for name in _below(str(root), ""))
        return
    scheme = url.split("://")[0]
    for item in sorted(_objects(filesystem, path)):
        relative = item.removeprefix(path.rstrip("/")).lstrip("/") or item.rsplit("/", 1)[-1]
        if "://" in item:  # a web server lists addresses, with their odd characters escaped
            yield unquote(relative), item
        else:
            yield relative, f"{scheme}://{item}"


def _below(folder: str, name: str) -> Iterator[str]:
    """The relative names of the files below a local folder whose own relative name is `name`; links to folders are not followed.

    A folder below it that may not be read stands for itself: whoever opens it is told why.
    """
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except PermissionError:
        if not name:
            raise
        yield name
        return
    for entry in entries:
        relative = f"{name}/{entry.name}" if name else entry.name
        if entry.is_dir(follow_symlinks=False):
            yield from _below(entry.path, relative)
        elif entry.is_file():
            yield relative


def _objects(filesystem, path: str) -> dict[str, dict]:
    """Path -> entry of every file below a remote folder; the empty objects "folder/" that S3 consoles make are none."""
    return {where: one for where, one in filesystem.find(path, detail=True).items() if not where.endswith("/")}


@dataclass(frozen=True)
class Landed:
    """A folder or file directly below a place where dumps land, and what tells whether it still grows."""

    name: str
    url: str
    files: int
    size: int  # bytes
    newest: float  # seconds since 1970 of the last change in it


def landed(url: str) -> list[Landed]:
    """What lies directly below a folder or s3:// prefix, by name; empty where there is no such place."""
    filesystem, path = _filesystem(url)
    if filesystem is None:
        root = Path(path)
        items = sorted(root.iterdir()) if root.is_dir() else []
        return [_landed_here(item) for item in items]
    scheme, grouped = url.split("://")[0], {}
    prefix = path.rstrip("/") + "/"
    for where, one in _objects(filesystem, path).items() if filesystem.exists(path) else ():
        grouped.setdefault(where.removeprefix(prefix).split("/")[0], []).append(one)
    return [
        Landed(
            name, f"{scheme}://{prefix}{name}", len(all_), sum(one["size"] for one in all_), max(map(_changed, all_))
        )
        for name, all_ in sorted(grouped.items())
    ]


def _landed_here(item: Path) -> Landed:
    """The folders' own times count: a copy that keeps the files' times still shows when its last file came."""
    stats = [one.stat() for one in [item, *item.rglob("*")] if one.exists()]
    files = [one for one in stats if not S_ISDIR(one.st_mode)]
    return Landed(
        item.name,
        str(item),
        len(files),
        sum(one.st_size for one in files),
        max((one.st_mtime for one in stats), default=0),
    )


def _changed(entry: dict) -> float:
    stamp = entry.get("LastModified") or entry.get("mtime") or 0
    return stamp.timestamp() if hasattr(stamp, "timestamp") else float(stamp)


def put(local: Path, url: str) -> None:
    """Copy a local file to a path or URL; folders on the way are made."""
    if not is_remote(url):
        Path(url.removeprefix("file://")).parent.mkdir(parents=True, exist_ok=True)
    with open(local, "rb") as source, open_url(url, "wb") as target:
        while chunk := source.read(CHUNK):
            target.write(chunk)


def fetch(url: str, path: Path, md5: str) -> None:
    """Copy a URL to a local file, whole or not at all.

    A body that breaks off is asked for again. ValueError when the URL gives the same bytes twice and they do not have this md5.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    seen = ""
    try:
        while (now := patiently(lambda: _copied(url, part))) != md5:
            if now == seen:
                raise ValueError(f"{url} holds other bytes than its name says ({now}): push that file again.")
            seen = now
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def _copied(url: str, part: Path) -> str:
    """The md5 of what a URL gave, now in the file `part`."""
    found = hashlib.md5(usedforsecurity=False)
    with open_url(url) as source, open(part, "wb") as target:
        while chunk := source.read(8 * CHUNK):
            found.update(chunk)
            target.write(chunk)
    return found.hexdigest()


def size_of(url: str) -> int:
    """Bytes at a path or URL."""
    filesystem, path = _filesystem(url)
    return Path(path).stat().st_size if filesystem is None else patiently(lambda: filesystem.size(path))


def read_range(url: str, offset: int, length: int) -> bytes:
    """`length` bytes from `offset`; fewer where the file ends. A remote body that breaks off is asked for again."""
    filesystem, path = _filesystem(url)
    if filesystem is None:
        with open(path, "rb") as file:
            return os.pread(file.fileno(), length, offset)

    def whole() -> bytes:
        data = filesystem.cat_file(path, start=offset, end=offset + length)
        if len(data) < length and offset + len(data) < size_of(url):
            raise OSError(f"{url} gave {len(data)} of {length} bytes from {offset}")
        return data

    return patiently(whole)


def remove(url: str) -> None:
    """Remove a file; nothing happens where there is none."""
    filesystem, path = _filesystem(url)
    if filesystem is None:
        Path(path).unlink(missing_ok=True)
    elif exists(url):
        patiently(lambda: filesystem.rm_file(path))


def remove_tree(url: str) -> None:
    """Remove a folder and all in it; nothing happens where there is none."""
    filesystem, path = _filesystem(url)
    if filesystem is None:
        shutil.rmtree(path, ignore_errors=True)
    elif filesystem.exists(path):
        filesystem.rm(path, recursive=True)


def arrow_filesystem(url: str):
    """(pyarrow filesystem, path) of a remote folder, for libraries that store through Arrow; (None, path) for a local one."""
    filesystem, path = _filesystem(url)
    if filesystem is None:
        return None, path
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    return PyFileSystem(FSSpecHandler(filesystem)), path


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
        with open_url(address) as file:
            whole.update(f"{relative}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
        count += 1
    if not count:
        raise FileNotFoundError(f"{url} holds no file. Give the folder, zip or URL that the dump was saved to.")
    return f"sha256:{whole.hexdigest()}"
