"""Embed the test clips once, for every task: what an earlier dataset version embedded with this model is kept."""

from pathlib import Path

from biolingual.benchmarks import embeddings
from biolingual.model import Embedder
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams
from biolingual.records import Pair
from biolingual.tabular import rows, write_json
from stages.entry import run, shards


def main(evaluate: EvaluateParams, machine: Machine, animalspeak: Path, audio: Path, out: Path, report: Path) -> None:
    clips = embeddings.test_clips(rows(animalspeak / "pairs.parquet", Pair))
    embedder = Embedder.load(evaluate.model, "cuda" if machine.use_gpu else "cpu")
    embedded, kept = embeddings.update(out, clips, embedder, shards(audio, clips, machine))
    write_json({"embedded": embedded, "kept": kept}, report)
    print(f"embed: {embedded} clips embedded, {kept} kept ({embedder.embedding_id})")


if __name__ == "__main__":
    run(main)
