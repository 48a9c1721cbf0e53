"""`biolingual index`: every recording below a folder -> one index, resumed by its journal."""

from __future__ import annotations

import hashlib
import os
import posixpath
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from biolingual.parallel import Machine
from biolingual.search.embedding import Job, embed_all
from biolingual.search.index import Index
from biolingual.search.journal import Entry, Journal, entry
from biolingual.search.models import DEFAULT, admit, load, origin_of
from biolingual.search.recorders import read_table
from biolingual.search.sealing import seal
from biolingual.storage import exists, file_digests, is_remote, list_files, size_of

# Files that lie among recordings and are none; all others are tried.
NO_SOUND = frozenset(
    "csv tsv txt md json xml html htm pdf jpg jpeg png gif xls xlsx docx zip gz py ini log db parquet kml gpx".split()  # noqa: SIM905
)
FLUSH_S = 5.0
NO_NAME = Entry("", 0, "name_not_utf8", "its name is not UTF-8: rename it")


@dataclass(frozen=True)
class Progress:
    """How far an indexing run is. left_s: by the bytes still to read, None before anything is done."""

    files: int
    of_files: int
    hours: float
    hours_per_s: float
    left_s: float | None


def build_index(
    source: str,
    out: str | Path,
    model: str = DEFAULT,
    *,
    hop_s: float | None = None,
    metadata: str = "",
    origin: str = "real",
    allow_simulated: bool = False,
    machine: Machine | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
) -> Index:
    """Index every recording below a folder or s3:// URL; what an earlier run or index has already is kept.

    hop_s: half a window where None. ValueError for a simulated model on real sounds, FileNotFoundError for no such folder.
    """
    machine, out = machine or Machine(), Path(out)
    source = source.rstrip("/") or "/"
    if not exists(source):
        raise FileNotFoundError(
            f"{_public(source)} does not exist. Give the folder or s3:// URL that holds the recordings."
        )
    model_origin = origin_of(model)
    admit(model, model_origin, origin, allow_simulated)
    device = "cuda" if machine.use_gpu else "cpu"
    embedder = load(model, device)
    log_mel = embedder.log_mel
    hop_s = log_mel.duration_s / 2 if hop_s is None else hop_s
    if not 0.01 <= hop_s <= log_mel.duration_s:
        raise ValueError(
            f"a hop of {hop_s:g} s is not between 0.01 s and the model's window of {log_mel.duration_s} s."
        )
    card = {
        "embedding_id": embedder.embedding_id,
        "model": model if not Path(model).is_dir() else str(Path(model).resolve()),
        "model_sha": embedder.model_sha,
        "model_origin": model_origin,
        "origin": origin,
        "window_s": float(log_mel.duration_s),
        "hop_s": hop_s,
        "source": _public(source) if is_remote(source) else str(Path(source).resolve()),
        "source_from_here": "" if is_remote(source) else os.path.relpath(Path(source).resolve(), out.resolve()),
    }
    table = read_table(metadata) if metadata else {}
    out.mkdir(parents=True, exist_ok=True)
    journal = Journal(out / "journal", hashlib.sha256(f"{card['embedding_id']} {hop_s:g}".encode()).hexdigest()[:16])
    own = out.resolve()
    found = [
        (path, url) for path, url in list_files(source) if is_remote(url) or own not in Path(url).resolve().parents
    ]
    nameless = [_shown(path) for path, _ in found if _shown(path) != path]
    found = [(path, url) for path, url in found if _shown(path) == path]
    sounds = [(path, url) for path, url in found if _may_be_sound(path)]
    old = {one.sha256: one for one in chain(_standing(out, card), journal.entries())}
    named = _embed_all(sounds, set(old), journal, model, hop_s, device, machine, progress)
    known = old | {one.sha256: one for one in journal.entries()} | {NO_NAME.reason: NO_NAME}
    named |= {path: NO_NAME.reason for path in nameless}
    seal(out, card, named, known, [path for path, _ in found if not _may_be_sound(path)], table, journal)
    return Index(out, source)


def _embed_all(sounds, known, journal, model, hop_s, device, machine, progress) -> dict[str, str]:
    """Embed what is not known; returns relative path -> sha256 of every file."""
    named: dict[str, str] = {}
    sizes = {path: size_of(url) for path, url in sounds}
    all_bytes = sum(sizes.values())
    known_bytes = done_bytes = 0

    def jobs() -> Iterator[Job]:
        nonlocal known_bytes
        waiting: set[str] = set()
        for path, url in sounds:
            sha256 = "" if is_remote(url) else _sha_of(url)
            if sha256 and (sha256 in known or sha256 in waiting):
                named[path] = sha256
                known_bytes += sizes[path]
            else:
                waiting.add(sha256)
                yield Job(path, url, sha256, model, hop_s, device)

    begun = flushed = time.monotonic()
    hours = 0.0
    for path, one in embed_all(jobs(), machine):
        named[path] = one.sha256
        journal.add(one)
        hours += one.duration_s / 3600
        done_bytes += sizes[path]
        now = time.monotonic()
        if now - flushed > FLUSH_S:
            journal.flush()
            flushed = now
        spent = max(now - begun, 1e-9)
        left_s = (all_bytes - known_bytes - done_bytes) * spent / done_bytes if done_bytes else None
        progress(Progress(len(named), len(sounds), hours, hours / spent, left_s))
    journal.flush()
    return named


def _standing(out: Path, card: dict) -> Iterator[Entry]:
    """What the index that stands there holds, if it is of the same windows and embedding id."""
    try:
        old = Index(out)
    except FileNotFoundError:
        return
    if any(old.card[key] != card[key] for key in ("embedding_id", "hop_s", "window_s")):
        return
    bounds = np.searchsorted(old.file_of, np.arange(len(old.files) + 1))
    for number, one in enumerate(old.files):
        if one["status"] != "not_sound":
            rows = slice(bounds[number], bounds[number + 1])
            facts = {
                key: one[key]
                for key in ("sha256", "size", "reason", "detail", "sample_rate_hz", "channels", "duration_s")
            }
            yield entry({**facts, "header": one["header"]}, old.starts_s[rows], old.vectors[rows])


def _sha_of(url: str) -> str:
    """ "" for a file that may not be read: its worker says so."""
    try:
        return file_digests(url)[0]
    except OSError:
        return ""


def _may_be_sound(path: str) -> bool:
    name = posixpath.basename(path)
    return not name.startswith(".") and posixpath.splitext(name)[1].lstrip(".").lower() not in NO_SOUND


def _shown(path: str) -> str:
    """The path where it is text that can be written down, else with its odd bytes spelled out."""
    return path.encode("utf-8", "backslashreplace").decode()


def _public(url: str) -> str:
    """A URL without the name and password in it."""
    return re.sub(r"://[^/@]*@", "://", url)
