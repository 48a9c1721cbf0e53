"""The card of a dataset version: what it was made from, by hash, and what is in it, by origin."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from biolingual.records import SPLITS, Pair
from biolingual.storage import file_digests
from biolingual.tabular import read_json, schema, write_json, write_table

BY = {
    "archives": "archive",
    "classes": "class_",
    "countries": "country",
    "licences": "license",
    "rates_hz": "source_sample_rate_hz",
}


def write(
    made: object, names: list[str], manifests: Path, captions: Path, out: Path, leakage: dict, met: pa.Table
) -> dict:
    """Write pairs, rejected, overlaps and card.json of `made` (a Dataset); returns the card.

    The card holds the sha256 of every table that went in and of pairs.parquet itself (`dataset_sha`): the passport's joint.
    """
    write_pairs(made.batches(), out / "pairs.parquet")
    write_table(made.rejected, out / "rejected.parquet")
    write_table(met, out / "overlaps.parquet")
    reasons = made.rejected["reason"].value_counts().to_pylist()
    card = {
        "dataset_sha": file_digests(str(out / "pairs.parquet"))[0],
        "dumps": {name: dump_card(name, manifests, captions) for name in names},
        "recordings": made.recordings.num_rows,
        "clips": made.clips.num_rows,
        "rejected": dict(sorted((one["values"], one["counts"]) for one in reasons)),
        "by_origin": by_origin(made.recordings, made.clips),
        "leakage": leakage,
    }
    write_json(card, out / "card.json")
    return card


def write_pairs(batches: object, path: Path) -> None:
    """Batches of pairs to one file, a row group each, on a temporary name first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with pq.ParquetWriter(part, schema(Pair), compression="zstd", use_dictionary=True, write_statistics=True) as file:
        for batch in batches:
            file.write_table(batch)
    part.replace(path)


def by_origin(recordings: pa.Table, clips: pa.Table) -> dict:
    """{origin: recordings and species by split, hours by split, and counts of recordings by archive, class, country ...}"""
    hours = clips["duration_s"].combine_chunks()
    told = {}
    for origin in sorted(recordings["origin"].unique().to_pylist()):
        here = pc.equal(recordings["origin"], origin)
        mine, splits = recordings.filter(here), {}
        owners = here.take(clips["row"])
        of_clips = recordings["split"].take(clips["row"])
        for split in SPLITS:
            ones = mine.filter(pc.equal(mine["split"], split))
            clip_hours = (
                pc.sum(hours.filter(pc.and_(owners, pc.equal(of_clips, split)).combine_chunks())).as_py() or 0.0
            )
            splits[split] = (len(ones), pc.count_distinct(ones["scientific_name"]).as_py(), round(clip_hours / 3600, 3))
        told[origin] = {
            "recordings": {split: counts[0] for split, counts in splits.items()},
            "species": {split: counts[1] for split, counts in splits.items()},
            "hours": {split: counts[2] for split, counts in splits.items()},
            **{name: counted(mine[column]) for name, column in BY.items()},
        }
    return told


def counted(column: pa.ChunkedArray) -> dict[str, int]:
    """{value: rows} in the order of the values; "" for unknown."""
    found = {
        "" if one["values"] is None else str(one["values"]): one["counts"] for one in column.value_counts().to_pylist()
    }
    return dict(sorted(found.items()))


def dump_card(name: str, manifests: Path, captions: Path) -> dict:
    """What a dump was, and the sha256 of its three tables."""
    counts = read_json(manifests / name / "ingest.json")
    return {
        "archive": counts["archive"],
        "origin": counts["origin"],
        "digest": counts["digest"],
        "recordings": counts["recordings"],
        "rejected": counts["rejected"],
        "manifest_sha": file_digests(str(manifests / name / "recordings.parquet"))[0],
        "clips_sha": file_digests(str(manifests / name / "clips.parquet"))[0],
        "captions_sha": file_digests(str(captions / f"{name}.parquet"))[0],
    }
