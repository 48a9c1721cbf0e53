"""The nouns every room passes to the next, each with its Arrow schema, reader and writer.

Names are Darwin Core's in snake_case where it has one. Unknown text is "", an unknown number is None; nothing else
stands for "unknown". Tables are written sorted and without timestamps, so equal rows give equal bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ORIGINS = ("real", "simulated", "fixture", "mixed")
SPLITS = ("train", "valid", "test_seen", "test_unseen", "test_rare", "test_region")
CAPTION_KINDS = ("common", "scientific", "taxonomic", "descriptive", "background")
CAPTION_STATUSES = ("ok", "fallback", "refused")


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One sound of an archive, as the archive describes it, plus what decoding found."""

    recording_id: str  # "xeno_canto:XC12345"; begins with "simulated:" where the origin is simulated
    origin: str  # real | simulated
    dump: str
    archive: str
    scientific_name: str = ""  # accepted
    source_name: str = ""  # as given
    common_name: str = ""
    taxon_id: str = ""
    checklist: str = ""  # "" = names taken as given, unresolved
    checklist_version: str = ""
    kingdom: str = ""
    phylum: str = ""
    class_: str = ""  # Darwin Core's `class`; the underscore is Python's
    order: str = ""
    family: str = ""
    genus: str = ""
    rank: str = ""
    behavior: str = ""
    sex: str = ""
    life_stage: str = ""
    background_species: list[str] = field(default_factory=list)
    remarks: str = ""  # the source's own words
    remarks_language: str = ""
    recorded_by: str = ""
    rights_holder: str = ""
    license: str = ""  # normalised
    license_source: str = ""  # as given
    country: str = ""
    locality_coarse: str = ""
    latitude: float | None = None
    longitude: float | None = None
    coordinate_uncertainty_m: float | None = None
    event_date: str = ""
    event_time: str = ""
    source_recording: str = ""  # the recording this one was cut from, where the archive says so
    source_sample_rate_hz: int | None = None
    channels: int | None = None
    duration_s: float | None = None
    declared_duration_s: float | None = None
    audio_sha256: str = ""  # of the decoded sound, not of the file
    url: str = ""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A window of a recording, stored in a shard."""

    clip_id: str
    recording_id: str
    offset_s: float
    duration_s: float
    shard: str
    shard_sha256: str
    shard_md5: str  # DVC's content address: the remote holds the shard at files/md5/aa/bb...
    byte_offset: int
    byte_length: int
    activity: float  # 0..1, see audio.activity_windows


@dataclass(frozen=True, kw_only=True)
class Caption:
    """One sentence about a recording and where it came from."""

    recording_id: str
    kind: str
    text: str
    status: str
    reason: str = ""
    captioner: str
    model: str = ""
    prompt_sha: str = ""


@dataclass(frozen=True, kw_only=True)
class PairCaption:
    """The part of a Caption that travels inside a Pair."""

    kind: str
    text: str
    status: str
    captioner: str
    model: str = ""
    prompt_sha: str = ""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A clip with its captions, split and provenance: the row the model learns from."""

    clip_id: str
    recording_id: str
    origin: str
    dump: str
    archive: str
    split: str
    cell: str  # what the split was drawn for: recordist | date | place, or the source recording
    captions: list[PairCaption]
    scientific_name: str
    common_name: str
    rank: str
    kingdom: str
    phylum: str
    class_: str
    order: str
    family: str
    genus: str
    checklist: str
    behavior: str
    background_species: list[str]
    recorded_by: str
    rights_holder: str
    license: str
    country: str
    latitude: float | None
    longitude: float | None
    event_date: str
    source_sample_rate_hz: int | None
    audio_sha256: str
    url: str
    offset_s: float
    duration_s: float
    activity: float
    shard: str
    shard_sha256: str
    shard_md5: str
    byte_offset: int
    byte_length: int
    source_name: str = ""
    taxon_id: str = ""
    checklist_version: str = ""
    sex: str = ""
    life_stage: str = ""
    license_source: str = ""
    locality_coarse: str = ""
    coordinate_uncertainty_m: float | None = None
    event_time: str = ""
    source_recording: str = ""


@dataclass(frozen=True, kw_only=True)
class Rejected:
    """An input that became no row, and why."""

    recording_id: str  # the id, or the file where there is no id
    dump: str
    stage: str
    reason: str  # a short fixed code
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class BenchmarkItem:
    """One labelled sound of a benchmark: the row of a task's manifest, which the leakage check reads too."""

    task: str
    item_id: str
    split: str
    labels: list[str]
    start_s: float = 0.0
    end_s: float | None = None  # None: to the end of the file
    file: str = ""
    source_id: str = ""  # "xeno_canto:XC12345" where the benchmark's sound comes from an archive
    recorded_by: str = ""
    event_date: str = ""
    audio_sha256: str = ""
    license: str = ""


@dataclass(frozen=True, kw_only=True)
class Score:
    """What a model reached on a task, with everything needed to reproduce and to trace it."""

    task: str
    origin: str  # of the sounds that were scored
    model_origin: str  # of the sounds the model learnt from; "mixed" where it saw both
    protocol: str
    metrics: dict[str, float]
    primary: str
    value: float
    chance: float
    ci95: list[float]  # [low, high], bootstrap by recording
    n: int
    n_classes: int
    prompt_template: str
    classes_sha: str
    dataset_sha: str
    model_sha: str
    embedding_id: str
    seed: int
    verdict: str  # one sentence, the first line a reader sees
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)  # chance, majority, mfcc_logreg
    n_skipped: int = 0
    notes: str = ""
    # What only some tasks tell; not written where there is nothing to tell.
    groups: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)  # "family" -> name -> {value, n}
    confused: list[list] = field(default_factory=list)  # [true class, what it was taken for, how often]
    curves: dict[str, dict] = field(
        default_factory=dict
    )  # name -> {x: what levels are, points: [[level, value]], chance?}

    def as_json(self) -> dict:
        """The score as it is written to a file."""
        told = dataclasses.asdict(self)
        return {key: value for key, value in told.items() if value or key not in ("groups", "confused", "curves")}


ARROW_TYPES = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    int | None: pa.int64(),
    float | None: pa.float64(),
    list[str]: pa.list_(pa.string()),
}


def schema(noun: type) -> pa.Schema:
    """The Arrow schema of a noun. Text is never null; numbers typed `| None` may be."""
    hints = typing.get_type_hints(noun)
    fields = []
    for column in dataclasses.fields(noun):
        hint = hints[column.name]
        if typing.get_origin(hint) is list and dataclasses.is_dataclass(typing.get_args(hint)[0]):
            arrow = pa.list_(pa.struct(list(schema(typing.get_args(hint)[0]))))
        else:
            arrow = ARROW_TYPES[hint]
        fields.append(pa.field(column.name, arrow, nullable=hint in (int | None, float | None)))
    return pa.schema(fields)


def table(rows: Iterable[object], noun: type) -> pa.Table:
    """Rows of one noun as an Arrow table with the noun's schema."""
    # Not dataclasses.asdict: it deep-copies every field and is forty times slower on a million rows.
    columns = {column.name: [] for column in dataclasses.fields(noun)}
    for row in rows:
        for name, values in columns.items():
            values.append(getattr(row, name))
    expected = schema(noun)
    arrays = []
    for column in expected:
        values = columns[column.name]
        if pa.types.is_list(column.type) and pa.types.is_struct(column.type.value_type):
            values = [[vars(item) for item in items] for items in values]
        arrays.append(pa.array(values, type=column.type))
    return pa.Table.from_arrays(arrays, schema=expected)


def rows(source: pa.Table | Path, noun: type) -> list:
    """The rows of a table (or of a Parquet file) as nouns."""
    data = source if isinstance(source, pa.Table) else read_table(source, noun)
    hints = typing.get_type_hints(noun)
    nested = {
        name: typing.get_args(hint)[0]
        for name, hint in hints.items()
        if typing.get_origin(hint) is list and dataclasses.is_dataclass(typing.get_args(hint)[0])
    }
    out = []
    for row in data.to_pylist():
        for name, inner in nested.items():
            row[name] = [inner(**item) for item in row[name]]
        out.append(noun(**row))
    return out


def read_table(path: Path, noun: type | None = None) -> pa.Table:
    """A Parquet file written by `write_table`. ValueError when its columns are not the noun's.

    A column that the noun got later, with a default, may be missing: rows of an older version hold the default.
    """
    data = pq.read_table(path)
    if noun is not None:
        check_columns(path, data.schema.names, noun)
    return data


def check_columns(path: Path, names: list[str], noun: type) -> None:
    """ValueError when the columns of a file are not the noun's."""
    later = {column.name for column in dataclasses.fields(noun) if _has_default(column)} - set(names)
    expected = [name for name in schema(noun).names if name not in later]
    if names != expected:
        differ = sorted(set(expected) ^ set(names))
        raise ValueError(f"{path} does not hold {noun.__name__} rows: columns differ in {differ}. Re-run its stage.")


def read_columns(path: Path, noun: type, columns: list[str]) -> pa.Table:
    """Some columns of a noun's table. ValueError when the file is not one."""
    with pq.ParquetFile(path) as file:
        check_columns(path, file.schema_arrow.names, noun)
        return file.read(columns=columns).select(columns)


def _has_default(column: dataclasses.Field) -> bool:
    return column.default is not dataclasses.MISSING or column.default_factory is not dataclasses.MISSING


def write_table(data: pa.Table, path: Path) -> None:
    """Write Parquet to a temporary name, then rename. Equal tables give equal bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    pq.write_table(data, part, compression="zstd", use_dictionary=True, write_statistics=True)
    os.replace(part, path)


def write_rows(items: Iterable[object], noun: type, path: Path) -> None:
    """`write_table` of the rows of one noun."""
    write_table(table(items, noun), path)


def write_json(value: object, path: Path) -> None:
    """Write readable JSON with sorted-by-author keys and a final newline, to a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(part, path)


def read_json(path: Path) -> dict:
    """The JSON object in a file; ValueError names the file when it is not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path} is not JSON ({error}). Re-run the stage that writes it.") from error
