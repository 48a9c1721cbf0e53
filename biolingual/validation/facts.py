"""What is counted over a whole dataset version: the one row that the suites `dataset`, `splits` ... hold to thresholds."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from biolingual import licences
from biolingual.splits import SHARED_CELLS
from biolingual.validation.frames import Source

COLUMNS = [
    *(
        "recording_id",
        "origin",
        "split",
        "cell",
        "archive",
        "source_recording",
        "scientific_name",
        "rank",
        "genus",
        "family",
    ),
    *("checklist", "license", "captions"),
]


def facts(found: Source) -> dict[str, float]:
    """Counts and shares, by name."""
    rows, card = found.of_recordings(COLUMNS), found.card
    many = max(1, len(rows))
    trained = rows.filter(pc.equal(rows["split"], "train"))
    species = pc.equal(trained["rank"], "species")
    unseen = rows.filter(pc.equal(rows["split"], "test_unseen"))["scientific_name"].unique()
    rejected = sum(dump["rejected"] for dump in card["dumps"].values()) + sum(card["rejected"].values())
    seen = sum(dump["recordings"] + dump["rejected"] for dump in card["dumps"].values())
    texts, statuses, owners = _texts(rows["captions"])
    told = pa.table({"owner": owners, "text": texts}).group_by(["owner", "text"]).aggregate([])
    return {
        "recordings": len(rows),
        "train_species": pc.count_distinct(trained["scientific_name"].filter(species)).as_py(),
        "train_share": len(trained) / many,
        "rejected_share": rejected / max(1, seen),
        "records_unaccounted_for": seen - rejected - len(rows),
        "top_species_share": _most(trained["scientific_name"].filter(species)) / max(1, len(trained)),
        "top_caption_share": _most(told["text"]) / many,
        "fallback_share": _share(statuses, "fallback"),
        "cells_in_two_splits": _torn(rows.filter(pc.invert(pc.is_in(rows["split"], pa.array(SHARED_CELLS)))), "cell"),
        "sources_in_two_splits": _torn(_sources(rows), "source"),
        "held_out_species_in_train": pc.sum(pc.is_in(trained["scientific_name"].unique(), unseen)).as_py() or 0,
        "noncommercial_share": _noncommercial(rows["license"]) / many,
        "unresolved_share": _share(rows["checklist"], ""),
        "genera_in_two_families": _homonyms(rows),
        "benchmarks": len(card.get("leakage", {}).get("benchmarks", {})),
        "shared_days_share": _shared_days(card),
        "still_share": pc.mean(pc.equal(found.read(["activity"])["activity"], 0.0).cast(pa.float64())).as_py() or 0.0,
    }


def _texts(captions: pa.ChunkedArray) -> tuple[pa.Array, pa.Array, pa.Array]:
    lists = pa.concat_arrays(captions.chunks)
    flat = lists.flatten()
    return flat.field("text"), flat.field("status"), pc.list_parent_indices(lists)


def _most(values: pa.ChunkedArray) -> int:
    counts = values.value_counts()
    return (
        pc.max(
            pa.concat_arrays(counts.chunks) if isinstance(counts, pa.ChunkedArray) else counts.field("counts")
        ).as_py()
        or 0
    )


def _share(values: pa.ChunkedArray, wanted: str) -> float:
    return pc.mean(pc.equal(values, wanted).cast(pa.float64())).as_py() or 0.0


def _torn(rows: pa.Table, key: str) -> int:
    """How many values of a column, "" aside, stand in two splits."""
    known = rows.select([key, "split"]).filter(pc.not_equal(rows[key], ""))
    each = known.group_by([key, "split"]).aggregate([]).group_by([key]).aggregate([("split", "count")])
    return pc.sum(pc.greater(each["split_count"], 1)).as_py() or 0


def _sources(rows: pa.Table) -> pa.Table:
    """Cuts with the recording they are of; its number counts within its archive alone."""
    cuts = rows.filter(pc.not_equal(rows["source_recording"], ""))
    own = pc.binary_join_element_wise(cuts["archive"], cuts["source_recording"], ":")
    source = pc.if_else(pc.match_substring(cuts["source_recording"], ":"), cuts["source_recording"], own)
    return pa.table({"source": source, "split": cuts["split"]})


def _homonyms(rows: pa.Table) -> int:
    """Genera that stand in two families."""
    named = rows.select(["genus", "family"]).filter(
        pc.and_(pc.not_equal(rows["genus"], ""), pc.not_equal(rows["family"], ""))
    )
    each = named.group_by(["genus", "family"]).aggregate([]).group_by(["genus"]).aggregate([("family", "count")])
    return pc.sum(pc.greater(each["family_count"], 1)).as_py() or 0


def _noncommercial(column: pa.ChunkedArray) -> int:
    counts = {one["values"]: one["counts"] for one in column.value_counts().to_pylist()}
    return sum(count for text, count in counts.items() if (found := licences.parse(text)) and found.nc)


def _shared_days(card: dict) -> float:
    """Of the test recordings of seen species, the share whose recordist and day stand in train too, at another place."""
    told = card.get("leakage", {}).get("own_tests", {}).get("test_seen", {})
    return told.get("recordist_day", 0) / max(1, told.get("recordings", 0))
