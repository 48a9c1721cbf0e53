"""The body of an answer: written as it comes, known whole by its length and hash, and told from a page served in its place."""

from __future__ import annotations

import base64
import hashlib
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

CHUNK = 1 << 18


@dataclass(frozen=True)
class Answer:
    """A whole body, now in `path`. path None: the host says that nothing has changed since the ETag given."""

    path: Path | None
    sha256: str = ""
    size: int = 0  # bytes
    etag: str = ""
    content_type: str = ""


class HarvestError(ValueError):
    """The harvest cannot go on; what it has stays, and the same command goes on from there."""


class NoAnswerError(HarvestError):
    """One address gave no whole answer in all attempts."""


class RefusedError(HarvestError):
    """The host refuses this address for good. status: 401, 403, 404, 410 ..."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class AgainError(Exception):
    """An answer that a later one may better."""


def shown(url: str) -> str:
    """An address without query and credentials."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def begun(part: Path) -> tuple[int, str]:
    """(bytes that are there, the ETag they have) of a body that broke off; (0, "") where it cannot be gone on with."""
    mark = part.with_name(f"{part.name}.etag")
    if part.is_file() and mark.is_file() and part.stat().st_size:
        return part.stat().st_size, mark.read_text()
    forget(part)
    return 0, ""


def forget(part: Path) -> None:
    part.unlink(missing_ok=True)
    part.with_name(f"{part.name}.etag").unlink(missing_ok=True)


def written(response: httpx.Response, part: Path, have: int, most_bytes: int) -> Answer:
    """The body behind the `have` bytes in `part`. AgainError when it broke off or has another hash than its header says."""
    headers = response.headers
    etag, declared = headers.get("ETag", ""), headers.get("Content-Length")
    if headers.get("Accept-Ranges") == "bytes" and etag.startswith('"') and "Content-Encoding" not in headers:
        part.with_name(f"{part.name}.etag").write_text(etag)
    if have and not headers.get("Content-Range", "").startswith(f"bytes {have}-"):
        forget(part)
        raise AgainError("another range than was asked for")
    with open(part, "ab") as file:
        for chunk in response.iter_bytes():  # as it comes: what is here counts when the rest does not come
            file.write(chunk)
            if file.tell() > most_bytes:
                forget(part)
                raise RefusedError(f"{shown(str(response.url))} is larger than {most_bytes} bytes", 413)
    if declared is not None and response.num_bytes_downloaded != int(declared):
        raise AgainError(f"broke off after {response.num_bytes_downloaded} of {declared} bytes")
    sha, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with open(part, "rb") as file:
        while chunk := file.read(CHUNK):
            sha.update(chunk)
            md5.update(chunk)
    if not have and (wrong := _other_hash(headers, sha.digest(), md5.digest())):
        forget(part)
        raise AgainError(f"other bytes than its {wrong} says")
    return Answer(
        part, sha.hexdigest(), part.stat().st_size, etag, headers.get("Content-Type", "").split(";")[0].lower()
    )


def _other_hash(headers: httpx.Headers, sha256: bytes, md5: bytes) -> str:
    """The header whose hash of the body is another; "" where all fit (RFC 9530, and the older Digest and Content-MD5)."""
    for header, mark, found in (
        ("Repr-Digest", "sha-256=", sha256),
        ("Content-Digest", "sha-256=", sha256),
        ("Digest", "sha-256=", sha256),
        ("Digest", "md5=", md5),
        ("Content-MD5", "", md5),
    ):
        told = headers.get(header, "")
        if told and mark in told.lower() and base64.b64encode(found).decode() not in told:
            return header
    return ""


def is_json(path: Path, content_type: str) -> None:
    """ValueError for anything but JSON, such as the HTML page of an overloaded host."""
    try:
        json.loads(path.read_bytes())
    except ValueError:
        raise ValueError(f"{_kind(path, content_type)} instead of JSON") from None


def is_sound(path: Path, content_type: str) -> None:
    """ValueError for an empty file and for a page served in place of a sound. Whether it decodes is ingest's question."""
    if not path.stat().st_size:
        raise ValueError("an empty file instead of a sound")
    with open(path, "rb") as file:
        head = file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n")
    if head[:1] in (b"<", b"{") or content_type in ("text/html", "application/json"):
        raise ValueError(f"{_kind(path, content_type)} instead of a sound")


def is_html(path: Path, content_type: str) -> None:
    """ValueError for an answer that is no page."""
    if b"<" not in path.read_bytes()[:4096]:
        raise ValueError(f"{_kind(path, content_type)} instead of a page")


def is_zip(path: Path, content_type: str) -> None:
    """ValueError for anything but a zip whose directory can be read."""
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{_kind(path, content_type)} instead of a zip")


def _kind(path: Path, content_type: str) -> str:
    with open(path, "rb") as file:
        head = file.read(64).lstrip()
    return "an HTML page" if head[:1] == b"<" else (content_type or "something else")
