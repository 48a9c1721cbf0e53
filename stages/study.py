"""From the files of a study's variants to its JSON and its page. No arm of the graph."""

from pathlib import Path

from biolingual.params import EvaluateParams
from biolingual.records import Pair
from biolingual.studies.page import write_page
from biolingual.studies.results import result
from biolingual.tabular import read_json, rows, write_json
from stages.entry import run


def main(
    evaluate: EvaluateParams, study: str, plan: Path, variants: Path, animalspeak: Path, out: Path, page: Path
) -> None:
    found = result(study, read_json(plan), variants, rows(animalspeak / "pairs.parquet", Pair), evaluate)
    write_json(found, out)
    write_page(found, page)
    done = {row["variant"] for part in found["origins"].values() for row in part["rows"]}
    print(f"study {study}: {len(done)} variants, {len(found['not_run'])} not run, {page}")


if __name__ == "__main__":
    run(main)
