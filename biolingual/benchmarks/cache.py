"""Embeddings of any sounds by any model, kept on disk: a sound is embedded once by a model, whichever task asks for it.

A sound is known by the hash of its decoded samples, a model by its embedding id. Shapes: T samples, n sounds, D embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biolingual.model import Embedder
from biolingual.records import write_table


def embed(folder: Path, embedder: Embedder, sounds: dict[str, Callable[[], np.ndarray]]) -> dict[str, np.ndarray]:
    """audio_sha256 -> [D], in the order of `sounds` (audio_sha256 -> what reads its waveform [T]).

    Only what `folder` does not hold of this embedding id is read and embedded, and then kept there. Two processes that write
    at once lose no more than one's additions, which the next one makes again.
    """
    path = folder / f"{embedder.embedding_id}.parquet"
    kept = _read(path)
    missing = [sha for sha in sounds if sha not in kept]
    if missing:
        made = embedder.audio(sounds[sha]() for sha in missing)
        kept |= dict(zip(missing, made, strict=True))
        _write(kept, path)
    return {sha: kept[sha] for sha in sounds}


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        return {}
    table = pq.read_table(path).combine_chunks()
    column = table["embed"].combine_chunks()
    rows = np.asarray(column.values).reshape(len(table), column.type.list_size)  # [n, D]
    return dict(zip(table["audio_sha256"].to_pylist(), rows, strict=True))


def _write(kept: dict[str, np.ndarray], path: Path) -> None:
    names = sorted(kept)
    flat = np.concatenate([kept[name] for name in names]).astype(np.float32)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat), len(flat) // len(names))
    write_table(pa.table({"audio_sha256": pa.array(names), "embed": vectors}), path)
