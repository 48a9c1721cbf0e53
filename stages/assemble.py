"""Join manifests and captions into a version of AnimalSpeak, and keep out of training what the benchmarks hold."""

from pathlib import Path

import pyarrow as pa

from biolingual.assembly import assemble as assembled
from biolingual.assembly import read_dump
from biolingual.dataset import card as cards
from biolingual.dataset.firewall import COMPARED, alike, compare
from biolingual.dataset.overlaps import NEEDED, within
from biolingual.params import AssembleParams, DumpRow
from biolingual.records import Recording
from biolingual.tabular import table
from stages.entry import run


def main(
    assemble: AssembleParams, dumps: dict[str, DumpRow], manifests: Path, captions: Path, benchmarks: Path, out: Path
) -> None:
    read, folders = [read_dump(name, manifests, captions) for name in dumps], [manifests / name for name in dumps]
    columns = list(dict.fromkeys([*NEEDED, *COMPARED]))
    recordings = pa.concat_tables(
        [table([], Recording).select(columns), *(one.recordings.select(columns) for one in read)]
    )
    met = compare(recordings, folders, benchmarks, assemble.fingerprints != "none")
    copies = alike(recordings, folders, assemble.fingerprints == "all")
    made = assembled(read, assemble, met.rows, copies)
    leakage = {"benchmarks": met.summary(made.rejected), "own_tests": within(made.recordings)}
    card = cards.write(made, list(dumps), manifests, captions, out, leakage, met.table)
    splits = ", ".join(f"{count} {split}" for split, count in made.splits().items())
    print(
        f"assemble: {card['recordings']} recordings, clips: {splits}; {len(made.rejected)} rejected {card['rejected']}"
    )
    for task, told in leakage["benchmarks"].items():
        print(f"assemble: {task}: {told['left']} recordings left train and valid, found by {told['found']}")


if __name__ == "__main__":
    run(main)
