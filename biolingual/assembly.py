"""AnimalSpeak from manifests and captions: the join, the duplicates, the caps. Table operations, made for a million rows.

Shapes: R recordings of all dumps in order, C clips. Only recordings that share an id, a sound or a source with another one
are looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from biolingual.dataset.overlaps import OVERLAP, Overlap
from biolingual.duplicates import Duplicate
from biolingual.params import AssembleParams
from biolingual.records import Caption, Clip, Pair, PairCaption, Recording, Rejected, read_columns, schema, table
from biolingual.splits import RULE, SHARED_CELLS, splits_of, unit

STAGE = "assemble"
BATCH = 131_072  # rows of pairs.parquet that are made and written at a time
OF_RECORDING = [name for name in schema(Pair).names if name in schema(Recording).names and name != "duration_s"]
READ = list(dict.fromkeys([*OF_RECORDING, *RULE, "source_recording", "duration_s"]))


@dataclass(frozen=True)
class Dump:
    """What assemble reads of one dump: tables of Recording (the columns of READ), Clip and Caption."""

    name: str
    recordings: pa.Table
    clips: pa.Table
    captions: pa.Table


@dataclass(frozen=True)
class Dataset:
    """What assemble decided. recordings [R]: those that stay, with cell, split and captions; clips [C] in the order of
    their ids, `row` saying whose they are; rejected: a row for every other recording."""

    recordings: pa.Table
    clips: pa.Table
    rejected: pa.Table

    def batches(self, size: int = BATCH) -> Iterator[pa.Table]:
        """The pairs, a table of the noun's schema at a time."""
        expected = schema(Pair)
        for start in range(0, max(1, self.clips.num_rows), size):
            clips = self.clips.slice(start, size)
            owners = self.recordings.take(clips["row"])
            columns = [(clips if name in clips.column_names else owners)[name] for name in expected.names]
            yield pa.Table.from_arrays(
                [one.cast(field.type) for one, field in zip(columns, expected, strict=True)], schema=expected
            )

    def pairs(self) -> pa.Table:
        """All of them at once."""
        return pa.concat_tables(self.batches())

    def splits(self) -> dict[str, int]:
        """{split: clips}"""
        found = self.recordings["split"].take(self.clips["row"]).value_counts().to_pylist()
        return dict(sorted((one["values"], one["counts"]) for one in found))


def assemble(
    dumps: Iterable[Dump],
    params: AssembleParams,
    overlaps: Iterable[Overlap] = (),
    alike: Iterable[Duplicate] = (),
) -> Dataset:
    """Every recording becomes its pairs or one rejected row. Earlier dumps win over later ones; inside a dump, the row order.

    A duplicate (same id, same decoded audio, or the same sound by what `alike` knows) is dropped: as `straddles` where its own
    split would be another one than the first copy's, since then the same sound would sit on both sides. So is a cut, or a part,
    of a recording that lies elsewhere. What overlaps with a benchmark leaves train and valid; caps leave train.
    """
    dumps = list(dumps)
    recordings = pa.concat_tables(
        [_judged(dump, number, params) for number, dump in enumerate(dumps)] or [_judged(_nothing(), 0, params)]
    ).combine_chunks()
    reasons, details = np.full(len(recordings), "", object), np.full(len(recordings), "", object)
    uncaptioned = pc.equal(pc.list_value_length(recordings["captions"]), 0).to_numpy()
    reasons[uncaptioned], details[uncaptioned] = "no_caption", "no name to caption it by"
    _refuse_duplicates(recordings, alike, reasons, details)
    _refuse_overlaps(recordings, overlaps, reasons, details)
    _refuse_beyond_caps(recordings, params, reasons, details)
    kept = reasons == ""
    rejected = pa.table(
        {
            "recording_id": recordings["recording_id"].filter(pa.array(~kept)),
            "dump": recordings["in_dump"].filter(pa.array(~kept)),
            "stage": pa.array([STAGE] * int((~kept).sum()), pa.string()),
            "reason": pa.array(reasons[~kept], pa.string()),
            "detail": pa.array(details[~kept], pa.string()),
        }
    )
    number = np.where(kept, np.cumsum(kept) - 1, -1)  # [R] among those that stay
    clips = _clips(dumps, recordings, number)
    stays = recordings.filter(pa.array(kept)).drop_columns(["in_dump", "dump_number"]).combine_chunks()
    return Dataset(stays, clips, rejected.cast(schema(Rejected)))


def _nothing() -> Dump:
    return Dump("", table([], Recording).select(READ), table([], Clip), table([], Caption))


def _judged(dump: Dump, number: int, params: AssembleParams) -> pa.Table:
    """The recordings of a dump with cell, split and the captions that may be trained on."""
    own = dump.recordings.select(READ)
    cells, splits = splits_of(own, params)
    further = {
        "cell": pa.array(cells, pa.string()),
        "split": pa.array(splits, pa.string()),
        "captions": _captions(dump),
        "in_dump": pa.array([dump.name] * len(own), pa.string()),
        "dump_number": pa.array(np.full(len(own), number), pa.int32()),
    }
    for name, column in further.items():
        own = own.append_column(name, column)
    return own


def _captions(dump: Dump) -> pa.Array:
    """[recordings of the dump] lists of PairCaption, in the order of the captions; refused ones are left out."""
    usable = dump.captions.filter(pc.not_equal(dump.captions["status"], "refused"))
    owner = pc.index_in(usable["recording_id"], dump.recordings["recording_id"].combine_chunks())
    usable, owner = usable.filter(owner.is_valid()), owner.drop_null().to_numpy()
    ordered = usable.take(pa.array(np.argsort(owner, kind="stable"))).combine_chunks()
    offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(dump.recordings)))])
    inner = schema(PairCaption)
    parts = [ordered[name].combine_chunks() for name in inner.names]
    texts = pa.StructArray.from_arrays(parts, fields=list(inner))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), texts).cast(schema(Pair).field("captions").type)


def _refuse_duplicates(
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


def _refuse_overlaps(
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


def _refuse_beyond_caps(recordings: pa.Table, params: AssembleParams, reasons: np.ndarray, details: np.ndarray) -> None:
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


def _clips(dumps: list[Dump], recordings: pa.Table, number: np.ndarray) -> pa.Table:
    """[C] the clips of the recordings that stay, by their ids, with `row` of their recording; recording_id is the owner's."""
    start, found = 0, []
    for dump in dumps or [_nothing()]:
        ids = dump.recordings["recording_id"].combine_chunks()
        owner = pc.index_in(dump.clips["recording_id"], ids).fill_null(-1).to_numpy()
        row = np.where(owner >= 0, number[start + owner] if len(number) else owner, -1)
        clips = dump.clips.drop_columns(["recording_id"]).append_column("row", pa.array(row, pa.int64()))
        found.append(clips.filter(pa.array(row >= 0)))
        start += len(ids)
    clips = pa.concat_tables(found).combine_chunks()
    return clips.take(pc.sort_indices(clips["clip_id"])).combine_chunks()


def read_dump(name: str, manifests: Path, captions: Path) -> Dump:
    """One dump's tables. ValueError names the table that is not what its stage writes."""
    folder = manifests / name
    return Dump(
        name,
        read_columns(folder / "recordings.parquet", Recording, READ),
        read_columns(folder / "clips.parquet", Clip, schema(Clip).names),
        read_columns(captions / f"{name}.parquet", Caption, schema(Caption).names),
    )
