"""A score over all its items and over the clean ones alone, from a table of `python -m stages.items`. No arm of the graph."""

from pathlib import Path

import pyarrow.parquet as pq

from biolingual.benchmarks.items import read
from biolingual.dataset.clean import both, dirty
from biolingual.records import Pair
from biolingual.tabular import read_columns
from stages.entry import run


def main(items: Path, animalspeak: Path) -> None:
    table, about = read(items)
    pairs = read_columns(animalspeak / "pairs.parquet", Pair, ["recording_id", "split", "recorded_by", "event_date"])
    unclean = dirty(pairs, pq.read_table(animalspeak / "overlaps.parquet"))
    for origin, told in both(table, unclean).items():
        name, measure = about[origin]["task"], about[origin]["primary"]
        print(
            f"clean {name} on {origin} sounds: {measure} {told['all']:.4f} over {told['n']} items, "
            f"{told['clean']:.4f} over the {told['n_clean']} that share no sound and no recordist's day with training"
        )


if __name__ == "__main__":
    run(main)
