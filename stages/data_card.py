"""Write the data card of a dataset version. No arm of the graph."""

from pathlib import Path

from biolingual.dataset.data_card import write
from biolingual.tabular import read_json
from stages.entry import run


def main(animalspeak: Path, out: Path) -> None:
    write(read_json(animalspeak / "card.json"), out)
    print(f"data card: {out}")


if __name__ == "__main__":
    run(main)
