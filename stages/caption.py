"""Write the captions of one dump's recordings, those included that the dump itself brought along."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from biolingual.captioning import captioner
from biolingual.captioning.endpoint import Endpoint
from biolingual.captioning.summary import Summary
from biolingual.params import CaptionParams
from biolingual.records import Caption, Recording
from biolingual.tabular import read_table, rows, schema, table, write_json, write_table
from stages.entry import run

BATCH = 20_000  # recordings in memory at a time


def main(
    caption: CaptionParams, endpoint: Endpoint, manifests: Path, out: Path, report: Path, offline: bool = False
) -> None:
    endpoint = dataclasses.replace(endpoint, offline=endpoint.offline or offline)
    brought = manifests / "captions.parquet"
    written: list[pa.Table] = []
    statuses: Counter[str] = Counter()
    summary = Summary()
    recordings = summary.watched(_recordings(manifests / "recordings.parquet"))
    stream = captioner(caption.captioner).captions(recordings, caption, endpoint)
    while batch := list(islice(stream, BATCH)):
        for of_one in batch:
            summary.add(of_one)
        own = [one for of_one in batch for one in of_one]
        statuses.update(one.status for one in own)
        written.append(table(own, Caption))
    if brought.is_file():
        written.append(read_table(brought, Caption))
        statuses.update(written[-1]["status"].to_pylist())
    write_table(pa.concat_tables([schema(Caption).empty_table(), *written]).combine_chunks(), out)
    write_json(summary.as_json(), report)
    told = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    print(f"caption {out.stem}: {told} (captioner {caption.captioner})")


def _recordings(path: Path) -> Iterator[Recording]:
    """The recordings of a manifest, a batch at a time: a million do not fit into a small memory."""
    for batch in _batches(path):
        yield from rows(pa.Table.from_batches([batch]), Recording)


def _batches(path: Path) -> Iterable[pa.RecordBatch]:
    with pq.ParquetFile(path) as file:
        if file.schema_arrow.names != schema(Recording).names:
            read_table(path, Recording)  # says which columns differ
        yield from file.iter_batches(BATCH)


if __name__ == "__main__":
    run(main)
