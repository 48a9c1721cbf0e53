"""Put together what is published: the model folder with card and lineage, and the index of the reports."""

from pathlib import Path

from biolingual.params import ReleaseParams
from biolingual.release import write_index, write_release
from stages.entry import run


def main(
    release: ReleaseParams,
    clap: Path,
    animalspeak: Path,
    scores: Path,
    training: Path,
    validation: Path,
    curve: Path,
    out: Path,
    page: Path,
) -> None:
    passport = write_release(release.name, clap, animalspeak, scores, training, out)
    write_index(release.name, animalspeak, scores, training, validation, curve, page)
    print(f"release: {out} ({release.name}, model {passport['model_sha'][:12]}), {page}")


if __name__ == "__main__":
    run(main)
