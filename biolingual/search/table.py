"""An index's vectors as one Parquet file, for other programs.

Shapes: N windows, D embedding.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biolingual.search.index import Index
from biolingual.search.nearest import CHUNK

ABOUT = ("embedding_id", "model", "model_sha", "model_origin", "origin", "window_s", "hop_s")


def write_embeddings(index: Index, out: str | Path) -> int:
    """file, start_s, end_s, embed float16 [D] of every window, the embedding id in the schema's metadata; returns N."""
    width = index.vectors.shape[1]
    about = {name: str(index.card[name]) for name in ABOUT}
    schema = pa.schema(
        [
            ("file", pa.string()),
            ("start_s", pa.float64()),
            ("end_s", pa.float64()),
            ("embed", pa.list_(pa.float16(), width)),
        ],
        metadata=about,
    )
    out = Path(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    with pq.ParquetWriter(part, schema) as writer:
        for at in range(0, len(index), CHUNK):
            rows = slice(at, min(at + CHUNK, len(index)))
            names = [index.files[number]["path"] for number in index.file_of[rows]]
            flat = pa.array(np.asarray(index.vectors[rows]).ravel(), pa.float16())
            seconds = pa.array(index.starts_s[rows]), pa.array(index.ends_s[rows])
            columns = [pa.array(names), *seconds, pa.FixedSizeListArray.from_arrays(flat, width)]
            writer.write_table(pa.table(columns, schema=schema))
    os.replace(part, out)
    return len(index)
