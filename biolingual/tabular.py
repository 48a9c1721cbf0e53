"""The nouns of records.py as Arrow tables and Parquet files, and values as JSON files.

Tables are written without timestamps, so equal rows give equal bytes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import typing
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

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
