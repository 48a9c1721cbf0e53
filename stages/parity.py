"""`make parity-biolingual`: the released checkpoint on public BEANS data, ours beside the published numbers. Beside the graph."""

import dataclasses
from pathlib import Path

from biolingual.benchmarks.beans import parity
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams
from biolingual.tabular import write_json
from stages.entry import run


def main(evaluate: EvaluateParams, machine: Machine, data: Path, out: Path, model: str = parity.MODEL) -> None:
    found = parity.rows(data, model, evaluate, machine)
    write_json([dataclasses.asdict(row) | {"difference": row.difference} for row in found], out)
    print(f"{'set':<16} {'protocol':<10} {'published':>9} {'difference':>10}  ours")
    for row in found:
        print(row.text())
    means = [row.ours for row in found if row.protocol == "attentive" and row.ours is not None]
    if means:
        print(f"mean of {len(means)} sets by attentive probe: {sum(means) / len(means):.3f}; published for five: 0.784")


if __name__ == "__main__":
    run(main)
