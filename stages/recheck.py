"""Compare what today's code makes of a sample of a dump with the dump's manifest and shards. No arm of the graph."""

import json
from pathlib import Path

from biolingual.parallel import Machine
from biolingual.params import DumpRow, IngestParams
from biolingual.recheck import recheck
from biolingual.records import Clip
from biolingual.tabular import read_json, rows
from stages.entry import run, shards


def main(
    ingest: IngestParams, row: DumpRow, machine: Machine, dump: str, manifests: Path, audio: Path, sample: int
) -> None:
    source = read_json(Path(row.source))["source"] if row.source.endswith(".json") else row.source
    clips = [Located(dump, clip.shard) for clip in rows(manifests / "clips.parquet", Clip)]
    looked, difference = recheck(dump, row, ingest, source, manifests, shards(audio, clips, machine), sample)
    print(json.dumps({"records": looked, "difference": difference}, ensure_ascii=False))


class Located:
    """A clip's dump and shard, by which `shards` looks whether it is here."""

    def __init__(self, dump: str, shard: str):
        self.dump, self.shard = dump, shard


if __name__ == "__main__":
    run(main)
