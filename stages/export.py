"""Write the dataset for others: a Hugging Face folder or WebDataset tars. No arm of the graph."""

import shutil
from pathlib import Path

from biolingual.dataset import data_card, export
from biolingual.parallel import Machine
from biolingual.records import Pair
from biolingual.tabular import read_json, rows
from stages.entry import run, shards

FORMS = {"huggingface": export.to_hugging_face, "webdataset": export.to_webdataset}


def main(
    machine: Machine,
    animalspeak: Path,
    audio: Path,
    out: Path,
    form: str = "huggingface",
    licences: str = "",
    allow_simulated: bool = False,
) -> None:
    if form not in FORMS:
        raise ValueError(f"form {form!r} is not one of {', '.join(FORMS)}.")
    if out.exists():
        raise ValueError(f"{out} is there already. Give a new folder, or remove it.")
    pairs, part = animalspeak / "pairs.parquet", out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    read = shards(audio, rows(pairs, Pair), machine).read
    wanted = [one for one in licences.split(",") if one]
    counts = FORMS[form](export.chosen(pairs, wanted, allow_simulated), read, part)
    data_card.write(read_json(animalspeak / "card.json"), part / "README.md", counts)
    part.rename(out)
    told = ", ".join(f"{n} {split}" for split, n in counts.items())
    print(f"export {out}: {form}, clips: {told}; a licence and an attribution in every row")


if __name__ == "__main__":
    run(main)
