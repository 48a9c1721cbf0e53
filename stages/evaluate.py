"""Score a model on one task: a Score for each origin, with its baselines, into one JSON file."""

import dataclasses
from pathlib import Path

from biolingual.benchmarks import benchmark
from biolingual.benchmarks.protocols import Context
from biolingual.model import Embedder
from biolingual.params import EvaluateParams
from biolingual.records import Pair, read_json, rows, write_json
from biolingual.storage import file_digests
from stages.entry import run


def main(evaluate: EvaluateParams, task: str, animalspeak: Path, audio: Path, out: Path) -> None:
    lineage = Path(evaluate.model) / "lineage.json"
    context = Context(
        embedder=Embedder.load(evaluate.model),
        # A model that is not ours learnt from real sounds, for all we know.
        model_origin=read_json(lineage)["origin"] if lineage.is_file() else "real",
        pairs=rows(animalspeak / "pairs.parquet", Pair),
        dataset_sha=file_digests(str(animalspeak / "pairs.parquet"))[0],
        audio_root=audio,
        params=evaluate,
    )
    scores = benchmark(task).scores(context)
    if not scores:
        raise ValueError(
            f"{task}: the dataset holds nothing to score it on. Take it out of evaluate.tasks, or add a dump."
        )
    write_json({score.origin: dataclasses.asdict(score) for score in scores}, out)
    for score in scores:
        print(f"evaluate {score.verdict}")


if __name__ == "__main__":
    run(main)
