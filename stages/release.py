"""Put together what is published: the model folder with card, lineage and parity certificate, and the index of the reports."""

from pathlib import Path

from biolingual.audio import from_flac
from biolingual.parallel import Machine
from biolingual.params import ReleaseParams
from biolingual.records import Pair
from biolingual.release import Sources, probes, write_index, write_release
from biolingual.tabular import rows
from stages.entry import run, shards


def main(
    release: ReleaseParams,
    machine: Machine,
    clap: Path,
    animalspeak: Path,
    audio: Path,
    scores: Path,
    training: Path,
    versions: Path,
    validation: Path,
    curve: Path,
    out: Path,
    page: Path,
) -> None:
    sources = Sources(clap=clap, animalspeak=animalspeak, scores=scores, training=training, versions=versions)
    clips = probes(rows(animalspeak / "pairs.parquet", Pair))
    reader = shards(audio, clips, machine)
    waveforms = [from_flac(reader.read(clip)) for clip in clips]
    captions = [next(caption.text for caption in clip.captions if caption.status == "ok") for clip in clips]
    write_index(release.name, sources, validation, curve, page)
    passport = write_release(release, sources, waveforms, captions, out)
    print(f"release: {out} ({release.name}, model {passport['model_sha'][:12]}, {len(clips)} probes), {page}")


if __name__ == "__main__":
    run(main)
