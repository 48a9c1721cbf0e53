"""Asks an archive whether it has something new: a conditional request for a published snapshot, or a `since` question to an API.

What it fetches lands in the watched folder under a temporary name and is renamed when it is whole.
"""

from __future__ import annotations

import filecmp
import http.client
import json
import os
import shlex
import shutil
import subprocess
import urllib.error
import urllib.request
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flows.dvc_graph import environment

TIMEOUT_S = 60
AGENT = "BioLingual (watch source)"


def refresh(source, told: dict) -> list:
    """Bring a source's folder up to date; what is worth saying comes back as Seen rows, what to remember goes into `told`."""
    key = f"{source.kind} {shown(source.url)}"
    note = told.setdefault(key, {})
    try:
        return _snapshot(source, note) if source.kind == "http" else _since(source, note)
    except AnswerError as error:
        return [_said(source, "waiting", f"{shown(source.url)}: {error}")]
    except (OSError, ValueError, TypeError, http.client.HTTPException) as error:
        return [_said(source, "waiting", f"{shown(source.url)} did not answer ({_reason(error)})")]


class AnswerError(ValueError):
    """An answer, or a harvest, that is not what was asked for; its text names no address."""


def _snapshot(source, note: dict) -> list:
    """A whole dump at one address: fetched again only when its ETag or date has changed."""
    request = _request(source.url)
    for header, name in (("If-None-Match", "etag"), ("If-Modified-Since", "modified")):
        if note.get(name):
            request.add_header(header, note[name])
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:
            _land(answer, Path(source.location), source.archive)
            note.update(etag=answer.headers.get("ETag", ""), modified=answer.headers.get("Last-Modified", ""))
    except urllib.error.HTTPError as error:
        if error.code != 304:
            raise
    return []


def _land(answer, folder: Path, archive: str) -> None:
    """Whole or not at all, under a name of its own: a dump that was taken before is never overwritten, and none comes twice."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{archive}-{datetime.now(UTC).date().isoformat()}"
    part = folder / f".{name}.zip.part"
    try:
        with open(part, "wb") as file:
            shutil.copyfileobj(answer, file)
        declared, size = answer.headers.get("Content-Length"), part.stat().st_size
        if declared is not None and size != int(declared):
            raise AnswerError(f"broke off after {size} of {declared} bytes")
        if any(filecmp.cmp(part, other, shallow=False) for other in folder.glob(f"{archive}-*.zip")):
            return  # a server without ETag and date
        targets = (folder / f"{name}{suffix}.zip" for suffix in ("", *(f"-{number}" for number in range(2, 100))))
        os.replace(part, next(target for target in targets if not target.exists()))
    finally:
        part.unlink(missing_ok=True)


def _since(source, note: dict) -> list:
    """An API that counts what is new: the harvest command runs when there is something, with {since} filled in."""
    since = note.setdefault("since", datetime.now(UTC).date().isoformat())
    with urllib.request.urlopen(_request(source.url.replace("{since}", since)), timeout=TIMEOUT_S) as answer:
        body = json.load(answer)
    if source.count not in body:
        raise AnswerError(f"the answer has no field {source.count!r}")
    count = int(body[source.count])
    if count == 0:
        return []
    if not source.harvest:
        return [_said(source, "waiting", f"{count} recordings are new since {since}; no harvest command is set")]
    words = shlex.split(source.harvest.replace("{since}", since))
    try:
        done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    except OSError as error:
        raise AnswerError(f"the harvest command cannot be started ({type(error).__name__})") from error
    if done.returncode:
        return [_said(source, "waiting", f"the harvest command failed with exit code {done.returncode}")]
    note["since"] = datetime.now(UTC).date().isoformat()
    return []


def shown(url: str) -> str:
    """An address without its query and credentials: keys stand there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _request(url: str) -> urllib.request.Request:
    """A request in which user:password of the address travel as a header; urllib would take them for the host's name."""
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    request = urllib.request.Request(bare.geturl(), headers={"User-Agent": AGENT})
    if parts.username:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        request.add_unredirected_header("Authorization", f"Basic {b64encode(pair.encode()).decode()}")
    return request


def _reason(error: Exception) -> str:
    """Why, without the address: an HTTP error's own text may carry the query."""
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP {error.code}"
    cause = getattr(error, "reason", None)  # of a URLError: the connection's own fault
    return type(cause if isinstance(cause, Exception) else error).__name__


def _said(source, state: str, reason: str):
    from flows.watch import Seen

    return Seen(source.archive, f"{source.kind} {shown(source.url)}", state, reason, source)
