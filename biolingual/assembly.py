"""AnimalSpeak from manifests and captions: the join, the duplicates, the caps. Table operations, made for a million rows.

Shapes: R recordings of all dumps in order, C clips.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from biolingual.dataset.overlaps import Overlap
from biolingual.duplicates import Duplicate
from biolingual.params import AssembleParams
from biolingual.records import Caption, Clip, Pair, PairCaption, Recording, Rejected
from biolingual.refusals import refuse_beyond_caps, refuse_duplicates, refuse_overlaps
from biolingual.splits import RULE, splits_of
from biolingual.tabular import read_columns, schema, table

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
    refuse_duplicates(recordings, alike, reasons, details)
    refuse_overlaps(recordings, overlaps, reasons, details)
    refuse_beyond_caps(recordings, params, reasons, details)
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
