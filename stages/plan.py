"""Print what the current params are going to cost, beside what stands here. No arm of the graph."""

from dataclasses import asdict
from pathlib import Path

from biolingual.dataset.plan import forecast, text, with_truth
from biolingual.params import Params
from biolingual.tabular import read_json, write_json
from stages.entry import run


def main(params: Params, data: Path, out: Path, recordings: int = 0) -> None:
    card = read_json(data / "animalspeak/card.json") if (data / "animalspeak/card.json").is_file() else None
    many = (
        recordings or (card or {}).get("recordings") or (params.simulate.n_recordings if params.simulate.dumps else 0)
    )
    if not many:
        raise ValueError("nothing stands here yet to count: say how many with --recordings 1100000.")
    lines = forecast(params, many)
    if card:
        shards = sorted((data / "audio").glob("*/*.tar"))
        tables = [one for top in ("manifests", "captions", "animalspeak") for one in (data / top).rglob("*.parquet")]
        sizes = [sum(one.stat().st_size for one in files) for files in (shards, tables)]
        lines = with_truth(lines, card, sizes[0], len(shards), sizes[1])
    write_json([asdict(one) for one in lines], out)
    print(text(lines))


if __name__ == "__main__":
    run(main)
