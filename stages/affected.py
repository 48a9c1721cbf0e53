"""What a takedown touches, as JSON: for `python -m flows dataset takedown`. No arm of the graph."""

from pathlib import Path

from biolingual.archives import adapter
from biolingual.dataset.affected import affected, sound_files
from biolingual.params import Params
from biolingual.tabular import write_json
from stages.entry import run


def main(
    params: Params,
    manifests: Path,
    captions: Path,
    animalspeak: Path,
    out: Path,
    recordist: str = "",
    recording: str = "",
    licence: str = "",
) -> None:
    if sum(map(bool, (recordist, recording, licence))) != 1:
        raise ValueError("give one of --recordist, --recording and --licence.")
    found = affected(manifests, captions, animalspeak / "rejected.parquet", recordist, recording, licence)
    if not found:
        raise ValueError(f"no manifest of {manifests} holds {recordist or recording or licence!r}.")
    for name, told in found.items():
        row = params.dumps[name]
        records = adapter(row.archive).read(row.source, row) if Path(row.source).exists() else []
        own = f"folder:{name}/" if row.archive == "folder" else f"{row.archive}:"
        prefix = f"simulated:{own}" if row.origin == "simulated" else own
        told["source"], told["files"] = row.source, sound_files(records, prefix, {*told["recordings"]})
    write_json(found, out)


if __name__ == "__main__":
    run(main)
