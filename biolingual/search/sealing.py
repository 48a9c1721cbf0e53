"""The last step of indexing: everything known, in the order of paths, written as one index.

Shapes: N windows in all, D embedding.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biolingual.search.index import FORMAT, windows_table, write_card
from biolingual.search.journal import Entry, Journal
from biolingual.search.nearest import CHUNK, GRAPH_FROM, INT8_FROM, build_graph, to_int8
from biolingual.search.recorders import Circumstances, circumstances

HEADER = pa.struct(
    [(name, pa.float64() if name in ("latitude", "longitude") else pa.string()) for name in vars(Circumstances())]
)
FILES = pa.schema(
    [
        ("path", pa.string()),
        ("status", pa.string()),  # indexed | broken | not_sound
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("sha256", pa.string()),
        ("size", pa.int64()),
        ("sample_rate_hz", pa.int64()),
        ("channels", pa.int64()),
        ("duration_s", pa.float64()),
        *[(name, HEADER.field(name).type) for name in vars(Circumstances())],
        ("header", HEADER),  # the recording's own words, before names and tables
    ]
)


def seal(
    out: Path,
    card: dict,
    named: dict[str, str],
    known: dict[str, Entry],
    others: list[str],
    table: dict[str, Circumstances],
    journal: Journal,
) -> None:
    """Write the index of `named` files and `others` that are no sounds; the card is replaced last, then the old data goes."""
    paths = sorted([*named, *others])
    entries = [known[named[path]] if path in named else None for path in paths]
    files = [_row(path, one, table) for path, one in zip(paths, entries, strict=True)]
    digest = hashlib.sha256(json.dumps([card, files], sort_keys=True).encode()).hexdigest()[:16]
    data = out / f"data-{digest}"
    if not (data / "files.parquet").is_file():
        part = out / ".data.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        _write(part, entries, files, card["window_s"])
        if data.exists():
            shutil.rmtree(data)
        os.replace(part, data)
    indexed = [one for one in files if one["status"] == "indexed"]
    told = {
        "format": FORMAT,
        "data": data.name,
        "windows": sum(len(one.starts_s) for one in entries if one),
        "recordings": len(indexed),
        "broken": sum(one["status"] == "broken" for one in files),
        "not_sound": len(others),
        "hours": round(sum(one["duration_s"] for one in indexed) / 3600, 4),
    }
    write_card(out, card | told)
    for old in out.glob("data-*"):
        if old != data:
            shutil.rmtree(old, ignore_errors=True)
    journal.remove()


def _row(path: str, one: Entry | None, table: dict[str, Circumstances]) -> dict:
    empty = Entry("", 0)
    facts = (one or empty).facts()
    header = facts.pop("header")
    facts.pop("windows")
    status = "not_sound" if one is None else "broken" if one.reason else "indexed"
    where = vars(circumstances(path, (one or empty).header, table))
    return {"path": path, "status": status, **facts, **where, "header": header}


def _write(folder: Path, entries: list[Entry | None], files: list[dict], window_s: float) -> None:
    held = [(number, one) for number, one in enumerate(entries) if one is not None and len(one.starts_s)]
    count = sum(len(one.starts_s) for _, one in held)
    width = max((one.vectors.shape[1] for one in entries if one is not None), default=0)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float16, (count, width)) if count else None
    at = 0
    for _, one in held:
        vectors[at : at + len(one.vectors)] = one.vectors
        at += len(one.vectors)
    if vectors is None:
        np.save(folder / "vectors.npy", np.zeros((0, width), np.float16))
    else:
        vectors.flush()
    file_of = np.repeat([number for number, _ in held], [len(one.starts_s) for _, one in held])
    starts = np.concatenate([one.starts_s for _, one in held]) if held else np.zeros(0)
    durations = np.array([one["duration_s"] for one in files])[file_of.astype(int)] if held else np.zeros(0)
    table = windows_table(file_of, starts, np.minimum(starts + window_s, durations))
    pq.write_table(table, folder / "windows.parquet")
    if count >= INT8_FROM:
        write_int8(folder, vectors)
    if count > GRAPH_FROM:
        build_graph(vectors, folder / "ann.usearch")
    pq.write_table(pa.Table.from_pylist(files, FILES), folder / "files.parquet")


def write_int8(folder: Path, vectors: np.ndarray) -> None:
    """int8.npy [N, D] and scales.npy [N], by which a first pass reads half the bytes."""
    int8 = np.lib.format.open_memmap(folder / "int8.npy", "w+", np.int8, vectors.shape)
    scales = np.empty(len(vectors), np.float32)
    for at in range(0, len(vectors), CHUNK):
        rows = slice(at, min(at + CHUNK, len(vectors)))
        int8[rows], scales[rows] = to_int8(vectors[rows])
    int8.flush()
    np.save(folder / "scales.npy", scales)
