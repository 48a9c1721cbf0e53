"""Reads of Parquet tables that touch only the columns asked for."""

from __future__ import annotations

from pathlib import Path


def rows_where(path: Path, columns: list[str], column: str, values: set[str]) -> list[dict]:
    """The rows whose `column` holds one of the values; only the columns named."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    found = []
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            wanted = file.read_row_group(group, columns=[column])[column]
            mask = pc.is_in(wanted, value_set=pa.array(sorted(values), pa.string()))
            if pc.any(mask).as_py():
                found += file.read_row_group(group, columns=columns).filter(mask).to_pylist()
    return found


def column_values(path: Path, column: str) -> list[str]:
    """A column, as it stands."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        return file.read(columns=[column])[column].to_pylist()


def counted(path: Path, columns: list[str]) -> dict[tuple, int]:
    """{values of the columns: how many rows}, the most first."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        groups = file.read(columns=columns).group_by(columns).aggregate([([], "count_all")])
    found = {tuple(row[name] for name in columns): row["count_all"] for row in groups.to_pylist()}
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))
