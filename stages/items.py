"""Score a model on one task and write what each item reached, for `biolingual compare`. No arm of the graph."""

import dataclasses
from pathlib import Path

from biolingual.benchmarks import benchmark, items
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams
from stages.entry import run
from stages.evaluate import context


def main(
    evaluate: EvaluateParams, machine: Machine, task: str, animalspeak: Path, audio: Path, embeds: Path, out: Path
) -> None:
    found = context(evaluate, machine, animalspeak, audio, embeds)
    told: list[dict] = []
    scores = benchmark(task).scores(dataclasses.replace(found, with_baselines=False, items=told))
    if not scores:
        raise ValueError(f"{task}: the dataset holds nothing to score it on.")
    items.write(told, scores, out)
    print(f"items: {len(told)} of {task} in {out}")


if __name__ == "__main__":
    run(main)
