"""Score a model, or MFCCs, on a folder of labelled sounds in BEANS' layout, or write its manifest. No arm of the graph.

`python -m stages.evaluate` with --data comes here.
"""

import dataclasses
from pathlib import Path

from biolingual import fingerprints
from biolingual.benchmarks import beans
from biolingual.benchmarks.beans import layout, scoring
from biolingual.benchmarks.beans.bench import Bench
from biolingual.benchmarks.beans.manifest import listed
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams
from biolingual.records import BenchmarkItem
from biolingual.tabular import write_json, write_rows
from stages.entry import run


def main(
    evaluate: EvaluateParams,
    machine: Machine,
    task: str,
    data: Path,
    protocol: str = "",
    score: Path | None = None,
    model: str = "",
    embeddings: Path = Path("build/embeddings"),
    manifest: Path | None = None,
) -> None:
    if bool(protocol) != bool(score) or not (score or manifest):
        raise ValueError(
            "give --protocol and --score OUT.json for a score, --manifest OUT.parquet for a manifest, or all."
        )
    if protocol:
        beans.protocol(protocol)
    found = layout.read(task, data)
    if manifest:
        rows, prints = listed(found, machine)
        write_rows(rows, BenchmarkItem, manifest)
        fingerprints.write(prints, manifest.parent / "fingerprints" / manifest.name)
        print(f"benchmark {found.name}: {len(rows)} files in {manifest}")
    if score:
        reached = scoring.score(Bench(found, evaluate, machine, protocol, model, embeddings))
        write_json({reached.origin: dataclasses.asdict(reached)}, score)
        print(f"benchmark {reached.verdict}")
        if reached.notes:
            print(f"  {reached.notes}")


if __name__ == "__main__":
    run(main)
