"""The embeddings of the test clips as a table: a clip is embedded once by a model, whatever dataset version asks for it.

Shapes: D embedding.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biolingual.audio import from_flac
from biolingual.model import Embedder
from biolingual.records import Pair
from biolingual.shard_reader import Shards
from biolingual.tabular import write_table

ID = b"embedding_id"


def test_clips(pairs: list[Pair]) -> list[Pair]:
    """The clips a score is made from."""
    return [pair for pair in pairs if pair.split.startswith("test")]


def update(path: Path, clips: list[Pair], embedder: Embedder, shards: Shards) -> tuple[int, int]:
    """Write the embeddings of `clips` to `path`, keeping those that stand there already; returns (embedded, kept).

    Kept is what the same embedding id made from the same bytes (shard and offset), so the file is the same either way.
    """
    old = _standing(path, embedder.embedding_id)
    new = [clip for clip in clips if _key(clip) not in old]
    vectors = embedder.audio(from_flac(shards.read(clip)) for clip in new)
    found = old | dict(zip(map(_key, new), vectors, strict=True))
    ordered = sorted(clips, key=lambda clip: clip.clip_id)
    width = embedder.model.config.projection_dim
    flat = np.stack([found[_key(clip)] for clip in ordered]) if ordered else np.zeros((0, width), np.float32)
    columns = {
        "clip_id": pa.array([clip.clip_id for clip in ordered], pa.string()),
        "shard_md5": pa.array([clip.shard_md5 for clip in ordered], pa.string()),
        "byte_offset": pa.array([clip.byte_offset for clip in ordered], pa.int64()),
        "embed": pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel(), pa.float32()), width),
    }
    write_table(pa.table(columns).replace_schema_metadata({ID: embedder.embedding_id.encode()}), path)
    return len(new), len(ordered) - len(new)


def read(path: Path, embedding_id: str) -> dict[str, np.ndarray]:
    """clip_id -> [D]. ValueError when the table is of another embedding id: mixing them would compare nothing."""
    table = pq.read_table(path)
    found = (table.schema.metadata or {}).get(ID, b"").decode()
    if found != embedding_id:
        raise ValueError(
            f"{path} holds embeddings of {found or 'no model'}, the model's are {embedding_id}. Run: dvc repro embed"
        )
    return dict(zip(table["clip_id"].to_pylist(), _matrix(table), strict=True))


def _standing(path: Path, embedding_id: str) -> dict[tuple, np.ndarray]:
    if not path.is_file():
        return {}
    table = pq.read_table(path)
    if (table.schema.metadata or {}).get(ID, b"").decode() != embedding_id:
        return {}
    keys = zip(*(table[name].to_pylist() for name in ("clip_id", "shard_md5", "byte_offset")), strict=True)
    return dict(zip(keys, _matrix(table), strict=True))


def _key(clip: Pair) -> tuple[str, str, int]:
    return clip.clip_id, clip.shard_md5, clip.byte_offset


def _matrix(table: pa.Table) -> np.ndarray:
    """[n, D]"""
    column = table["embed"].combine_chunks()
    return np.asarray(column.values).reshape(len(table), column.type.list_size)
