"""Write the variants of a study, as changes of params.yaml, for the flow that runs them. No arm of the graph."""

import dataclasses
from pathlib import Path

from biolingual.params import Params
from biolingual.records import Pair
from biolingual.studies.plans import plan
from biolingual.tabular import rows, write_json
from stages.entry import run


def main(params: Params, study: str, animalspeak: Path, out: Path, levels: str = "", seeds: str = "") -> None:
    """`levels` and `seeds`: words with spaces between them; none for the study's usual ones."""
    pairs = animalspeak / "pairs.parquet"
    if not pairs.is_file():
        raise FileNotFoundError(f"{pairs} does not exist. Build the dataset first: dvc repro validate")
    found = plan(study, params, rows(pairs, Pair), levels.split(), [int(seed) for seed in seeds.split()])
    write_json(dataclasses.asdict(found), out)
    print(f"study {study}: {', '.join(one.name for one in found.variants)}")


if __name__ == "__main__":
    run(main)
