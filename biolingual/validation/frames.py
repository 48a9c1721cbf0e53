"""The tables that the gate looks at, made of a dataset's pairs: one row for a recording, a caption, a clip, or the dataset.

Column by column, for a million recordings. `Read` gives some columns of pairs.parquet, so that no suite holds them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from biolingual import licences
from biolingual.dataset.sums import caption_sums
from biolingual.params import AssembleParams
from biolingual.records import SPLITS
from biolingual.splits import RULE, splits_of

Read = Callable[[list[str]], pa.Table]
TOLD = ("recording_id", "split", "origin", "license", "scientific_name", "audio_sha256", "dump")
BINOMIAL = r"[A-Z][\w-]+(?: \([A-Z][\w-]+\))?(?: [x×])? [\w.-]+"


@dataclass(frozen=True)
class Source:
    """A dataset version as the gate reads it. first: a clip of each recording [R], twice where clips disagree about it."""

    read: Read
    card: dict
    overlaps: pa.Table
    first: pa.Array

    def of_recordings(self, columns: list[str]) -> pa.Table:
        return self.read(columns).take(self.first)


def source(read: Read, card: dict, overlaps: pa.Table) -> Source:
    """Finds the clips to look at for each recording. What its clips tell differently stays apart, so its id is seen twice."""
    told = read(list(TOLD)).append_column("captions", pa.array(caption_sums(read(["captions"])["captions"])))
    numbered = told.append_column("at", pa.array(np.arange(len(told))))
    first = numbered.group_by([*TOLD, "captions"], use_threads=False).aggregate([("at", "min")])["at_min"]
    return Source(read, card, overlaps, pa.array(np.sort(first.to_numpy())))


def recordings(found: Source) -> pd.DataFrame:
    names = ["recording_id", "origin", "dump", "scientific_name", "common_name", "event_date", "latitude", "longitude"]
    rows = found.of_recordings([*names, "captions"])
    frame = rows.select(names).to_pandas()
    frame["id_tells_origin"] = frame["recording_id"].str.startswith("simulated:") == (frame["origin"] == "simulated")
    frame["has_a_name"] = (frame["scientific_name"] != "") | (frame["common_name"] != "")
    frame["is_of_a_dump"] = frame["dump"].isin(list(found.card["dumps"]))
    frame["has_captions"] = pc.greater(pc.list_value_length(rows["captions"]), 0).to_numpy()
    return frame.drop(columns=["scientific_name", "common_name", "dump"])


def captions(found: Source) -> pd.DataFrame:
    rows = found.of_recordings(["recording_id", "common_name", "scientific_name", "captions"])
    lists = _one(rows["captions"])
    owner, texts = pc.list_parent_indices(lists), lists.flatten()
    kind = texts.field("kind")
    named = pc.case_when(
        pc.make_struct(pc.equal(kind, "common"), pc.equal(kind, "scientific")),
        _one(rows["common_name"]).take(owner),
        _one(rows["scientific_name"]).take(owner),
        "",
    )
    lowered, names = pc.utf8_lower(texts.field("text")).to_pylist(), pc.utf8_lower(named).to_pylist()
    said = [name in text for name, text in zip(names, lowered, strict=True)]
    frame = pa.table({name: texts.field(name) for name in ("kind", "text", "status", "captioner")}).to_pandas()
    frame["recording_id"] = _one(rows["recording_id"]).take(owner).to_pandas()
    frame["names_its_species"] = said
    frame["is_told_once"] = ~pd.DataFrame(
        {"owner": owner.to_numpy(), "kind": frame["kind"], "text": frame["text"]}
    ).duplicated()
    return frame


def clips(found: Source) -> pd.DataFrame:
    names = ["clip_id", "duration_s", "offset_s", "activity", "byte_length", "byte_offset", "shard_sha256", "shard_md5"]
    rows = found.read([*names, "recording_id", "dump", "shard"])
    frame = rows.select(names).to_pandas()
    told = pc.replace_substring_regex(rows["clip_id"], r"#\d+$", "")
    frame["is_of_its_recording"] = pc.equal(told, rows["recording_id"]).to_numpy()
    frame["lies_alone"] = ~rows.select(["dump", "shard", "byte_offset"]).to_pandas().duplicated(keep=False)
    return frame


def splits(found: Source, params: AssembleParams) -> pd.DataFrame:
    rows = found.of_recordings([*RULE, "cell", "split"])
    cells, drawn = splits_of(rows, params)
    frame = rows.select(["recording_id", "split"]).to_pandas()
    frame["cell_is_the_rules"] = pc.equal(rows["cell"], pa.array(cells, pa.string())).to_numpy()
    unknown = ~frame["split"].isin(SPLITS).to_numpy()  # what is no split is told of once
    frame["split_is_the_rules"] = pc.equal(rows["split"], pa.array(drawn, pa.string())).to_numpy() | unknown
    return frame


def licensed(found: Source) -> pd.DataFrame:
    rows = found.of_recordings(["recording_id", "license", "recorded_by", "rights_holder", "url"])
    frame = rows.to_pandas()
    parsed = {text: licences.parse(text) for text in frame["license"].unique()}
    known = {text: one is not None or not text.strip() for text, one in parsed.items()}  # none at all is told elsewhere
    frame["is_a_known_licence"] = frame["license"].map(known)
    frame["allows_clips"] = frame["license"].map({text: one is None or not one.nd for text, one in parsed.items()})
    asks = frame["license"].map({text: one is not None and " BY" in one.family for text, one in parsed.items()})
    nameless = (frame[["recorded_by", "rights_holder", "url"]] == "").all(axis=1)
    frame["can_be_attributed"] = ~(asks.astype(bool) & nameless)
    return frame[["recording_id", "license", "is_a_known_licence", "allows_clips", "can_be_attributed"]]


def taxa(found: Source) -> pd.DataFrame:
    frame = found.of_recordings(["recording_id", "scientific_name", "rank", "genus", "class_", "checklist"]).to_pandas()
    species = frame["rank"] == "species"
    names = frame["scientific_name"].drop_duplicates()
    binomial = frame["scientific_name"].map(dict(zip(names, names.str.match(BINOMIAL), strict=True)))
    frame["is_a_binomial"] = ~species | binomial.astype(bool)
    head = frame["scientific_name"].str.split(" ", n=1).str[0]
    frame["is_of_its_genus"] = ~species | (frame["genus"] == "") | (head == frame["genus"])
    return frame[["recording_id", "rank", "is_a_binomial", "is_of_its_genus"]]


def audio(found: Source) -> pd.DataFrame:
    frame = found.of_recordings(["recording_id", "audio_sha256", "source_sample_rate_hz"]).to_pandas()
    each = frame[["recording_id", "audio_sha256"]].drop_duplicates()["audio_sha256"]
    frame["sounds_once"] = ~frame["audio_sha256"].isin(each[each.duplicated() & (each != "")])
    return frame


def leakage(found: Source) -> pd.DataFrame:
    rows = found.of_recordings(["recording_id", "split"])
    met = found.overlaps.filter(
        pc.is_in(found.overlaps["key"], pa.array(["source_id", "audio", "fingerprint", "recordist_day"]))
    )
    learnt = pc.is_in(rows["split"], pa.array(["train", "valid"]))
    held = pc.is_in(rows["recording_id"], _one(met["recording_id"]))
    frame = rows.to_pandas()
    frame["is_in_no_benchmark"] = pc.invert(pc.and_(learnt, held)).to_numpy()
    return frame


def _one(column: pa.ChunkedArray) -> pa.Array:
    """One array of a column's chunks."""
    found = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return found if isinstance(found, pa.Array) else pa.concat_arrays(found.chunks)
