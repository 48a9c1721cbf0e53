"""Score a model on one task: a Score for each origin, with its baselines, into one JSON file.

With --data DIR a folder of labelled sounds is scored instead of the graph's dataset: see stages/benchmark.py.
"""

from pathlib import Path

from biolingual.benchmarks import benchmark, embeddings
from biolingual.benchmarks.context import Context
from biolingual.model import Embedder
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams
from biolingual.records import Pair
from biolingual.storage import file_digests
from biolingual.tabular import read_json, rows, write_json
from stages.entry import run, shards


def main(
    evaluate: EvaluateParams, machine: Machine, task: str, animalspeak: Path, audio: Path, embeds: Path, out: Path
) -> None:
    scores = benchmark(task).scores(context(evaluate, machine, animalspeak, audio, embeds))
    if not scores:
        raise ValueError(
            f"{task}: the dataset holds nothing to score it on. Take it out of evaluate.tasks, or add a dump."
        )
    write_json({score.origin: score.as_json() for score in scores}, out)
    for score in scores:
        print(f"evaluate {score.verdict}")


def context(evaluate: EvaluateParams, machine: Machine, animalspeak: Path, audio: Path, embeds: Path) -> Context:
    """What a task needs, read from the files of the graph."""
    lineage = Path(evaluate.model) / "lineage.json"
    embedder = Embedder.load(evaluate.model)
    pairs = rows(animalspeak / "pairs.parquet", Pair)
    return Context(
        embedder=embedder,
        # A model that is not ours learnt from real sounds, for all we know.
        model_origin=read_json(lineage)["origin"] if lineage.is_file() else "real",
        pairs=pairs,
        dataset_sha=file_digests(str(animalspeak / "pairs.parquet"))[0],
        shards=shards(audio, pairs, machine),
        embeds=embeddings.read(embeds, embedder.embedding_id),
        params=evaluate,
    )


if __name__ == "__main__":
    run(main, instead={"--data": "stages.benchmark"})
