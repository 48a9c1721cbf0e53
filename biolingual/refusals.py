"""Why a recording does not become pairs: the duplicates, the overlaps with benchmarks, the caps.

Shapes: R recordings of all dumps in order; each function writes into reasons [R] and details [R] of those that stand so far.
Only recordings that share an id, a sound or a source with another one are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from biolingual.dataset.overlaps import OVERLAP, Overlap
from biolingual.duplicates import Duplicate
from biolingual.params import AssembleParams
from biolingual.splits import SHARED_CELLS, unit


def refuse_duplicates(
    recordings: pa.Table, alike: Iterable[Duplicate], reasons: np.ndarray, details: np.ndarray
) -> None:
    """The first of an id, a sound or a source stays; only those that have company are walked through."""
    keys = _keys(recordings)
    near = _near(recordings["recording_id"], list(alike))
    contested = np.zeros(len(recordings), bool)
    for _, column in keys:
        codes = column.dictionary_encode().combine_chunks()
        known = codes.indices.fill_null(-1).to_numpy()
        counts = np.bincount(known[known >= 0], minlength=len(codes.dictionary) + 1)
        contested |= np.logical_or.reduce(
            np.split((counts[known] > 1) & (known >= 0), len(known) // max(1, len(reasons)) or 1)
        )
    contested[list(near)] = True
    rows = np.flatnonzero(contested & (reasons == ""))
    told = recordings.select(["recording_id", "split"]).take(pa.array(rows)).to_pydict()
    values = [
        (name, part.take(pa.array(rows)).to_pylist()) for name, column in keys for part in _parts(column, len(reasons))
    ]
    first: dict[str, dict[str, str]] = {name: {} for name, _ in keys}
    standing: dict[str, str] = {}  # {recording_id: split} of those that stay
    for at, (row, ident, split) in enumerate(zip(rows.tolist(), told["recording_id"], told["split"], strict=True)):
        own = [(name, column[at]) for name, column in values if column[at] is not None]
        reason, detail = _refusal(split, own, first)
        if not reason and row in near:
            reason, detail = _likeness(split, near[row], standing)
        if reason:
            reasons[row], details[row] = reason, detail
            continue
        standing[ident] = split
        for name, key in own:
            first[name].setdefault(key, split)


def _refusal(split: str, keys: list[tuple[str, str]], first: dict[str, dict[str, str]]) -> tuple[str, str]:
    """(reason, detail) of a recording, ("", "") where it is the first of its id, sound, source and place."""
    for reason, key in keys:
        other = first[reason].get(key)
        if other is None or (reason in ("source", "cell") and other == split):
            continue
        if other != split:
            return "straddles", f"{reason} {key} lies in {other}, this one would fall in {split}"
        return reason, key
    return "", ""


def _keys(recordings: pa.Table) -> list[tuple[str, pa.ChunkedArray]]:
    """(reason, values [R] or several times [R]); null is no value. A cut meets its original, and the original its cuts."""
    ids, source = recordings["recording_id"], recordings["source_recording"]
    own = pc.replace_substring_regex(ids, "^simulated:", "")
    named = pc.binary_join_element_wise(recordings["archive"], source, ":")
    source = pc.if_else(
        pc.match_substring(source, ":"), source, named
    )  # "xeno_canto:XC123", or an id of its own archive
    source = _none_where(pc.equal(recordings["source_recording"], ""), source)
    audio = _none_where(pc.equal(recordings["audio_sha256"], ""), recordings["audio_sha256"])
    region = pc.equal(recordings["split"], "test_region")
    shared = pc.is_in(recordings["split"], pa.array(SHARED_CELLS))
    far = pc.is_in(recordings["cell"], recordings["cell"].filter(region).combine_chunks())
    cell = _none_where(pc.or_(shared, pc.invert(far)), recordings["cell"])
    twice = pa.chunked_array([*source.chunks, *own.chunks], pa.string())
    return [("duplicate_id", ids), ("duplicate_audio", audio), ("source", twice), ("cell", cell)]


def _none_where(mask: pa.ChunkedArray, values: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.if_else(mask, pa.scalar(None, pa.string()), values)


def _parts(column: pa.ChunkedArray, rows: int) -> list[pa.ChunkedArray]:
    """A column of several times [R] as columns of [R]."""
    return [column.slice(start, rows) for start in range(0, len(column), rows)] if rows else [column]


def _near(ids: pa.ChunkedArray, alike: list[Duplicate]) -> dict[int, Duplicate]:
    """{row: what it is like}; what others are like has a row too, with None. An id that stands twice is a duplicate anyway."""
    if not alike:
        return {}
    of = {one.recording_id: one for one in alike}
    named = pa.array(list({*of, *(one.of for one in alike)}))
    rows = np.flatnonzero(pc.is_in(ids, named).to_numpy())
    return {int(row): of.get(name) for row, name in zip(rows, ids.take(pa.array(rows)).to_pylist(), strict=True)}


def _likeness(split: str, like: Duplicate | None, standing: dict[str, str]) -> tuple[str, str]:
    """(reason, detail) of a recording that is, or shares a part with, an earlier one that stays."""
    other = standing.get(like.of) if like else None
    if other is None or (other == split and not like.same):
        return "", ""
    if other != split:
        return "straddles", f"{like.reason} of {like.of}, which lies in {other}, this one would fall in {split}"
    return f"duplicate_{like.reason}", like.of


def refuse_overlaps(
    recordings: pa.Table, overlaps: Iterable[Overlap], reasons: np.ndarray, details: np.ndarray
) -> None:
    """What a benchmark holds too is neither trained on nor validated on."""
    said = {}
    for one in overlaps:
        said.setdefault(one.recording_id, f"{one.key} of {one.item_id}")
    if not said:
        return
    learnt = pc.and_(
        pc.is_in(recordings["split"], pa.array(["train", "valid"])),
        pc.is_in(recordings["recording_id"], pa.array(list(said))),
    )
    rows = np.flatnonzero(learnt.to_numpy() & (reasons == ""))
    for row, name in zip(rows, recordings["recording_id"].take(pa.array(rows)).to_pylist(), strict=True):
        reasons[row], details[row] = OVERLAP, said[name]


def refuse_beyond_caps(recordings: pa.Table, params: AssembleParams, reasons: np.ndarray, details: np.ndarray) -> None:
    """Beyond a cap the later dump's recordings leave train; inside a dump, those that a hash of the id puts last."""
    caps = (
        ("recordist_cap", params.max_recordings_per_recordist, ["scientific_name", "recorded_by"]),
        ("species_cap", params.max_recordings_per_species, ["scientific_name"]),
    )
    for reason, cap, columns in caps:
        if not cap:
            continue
        named = pc.and_(*(pc.not_equal(recordings[name], "") for name in (columns * 2)[:2])).to_numpy()
        trained = pc.equal(recordings["split"], "train").to_numpy()
        rows = np.flatnonzero(trained & named & (reasons == ""))
        mine = recordings.select([*columns, "recording_id", "dump_number"]).take(pa.array(rows)).to_pandas()
        mine["draw"] = [unit(params.seed, "cap", name) for name in mine["recording_id"]]
        beyond = mine.sort_values(["dump_number", "draw"]).groupby(columns).cumcount().sort_index().to_numpy() >= cap
        reasons[rows[beyond]], details[rows[beyond]] = reason, f"more than {cap} in train"
