"""Turn one dump into clips in shards and a manifest."""

from pathlib import Path

from biolingual.ingestion import ingest as ingest_dump
from biolingual.parallel import Machine
from biolingual.params import DumpRow, IngestParams
from stages.entry import run


def main(
    ingest: IngestParams,
    row: DumpRow,
    dump: str,
    source: str,
    manifests: Path,
    audio: Path,
    machine: Machine,
    tombstones: Path | None = None,
) -> None:
    counts = ingest_dump(dump, row, ingest, source, manifests, audio, machine, tombstones)
    print(
        f"ingest {dump}: {counts['recordings']} recordings, {counts['hours']:.2f} h, {counts['clips']} clips, "
        f"{counts['rejected']} rejected ({row.origin})"
    )


if __name__ == "__main__":
    run(main)
