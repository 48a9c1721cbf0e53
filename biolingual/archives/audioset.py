"""AudioSet: a dump is its segment lists (*segments*.csv), ontology.json, and clips of one's own (audio/<id>_<start ms>.*).

Only segments with a label of the animal subtree belong to the dump. The clips are other people's videos: the archive gives
no licence for them, so the dump's row must name one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from biolingual.archives.audioset_ontology import Ontology
from biolingual.archives.source import SourceRecord
from biolingual.params import DumpRow
from biolingual.storage import list_files, open_url


@dataclass(frozen=True)
class Segment:
    """A labelled clip of a video; start_ms as the file names have it."""

    youtube_id: str
    start_ms: int
    seconds: float
    mids: list[str]
    problem: str = ""


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when the segment lists or the ontology are missing, or no licence is named."""
    lists, ontology = _tables(source)
    if not lists or not ontology:
        raise ValueError(f"{source} must hold AudioSet's *segments*.csv and its ontology.json.")
    if not row.default_license:
        raise ValueError(
            "AudioSet gives no licence for its clips. Name the one you use them under: add-dump ... --license (default_license)."
        )
    Ontology(ontology)


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every animal segment in the order of the lists; then every file that no segment names."""
    inspect(source, row)
    lists, ontology = _tables(source)
    animals = Ontology(ontology)
    files = {
        name.rsplit("/", 1)[-1].rpartition(".")[0]: url for name, url in list_files(source) if name.startswith("audio/")
    }
    for url in lists:
        for segment in segments(url):
            if segment.problem:
                yield SourceRecord(segment.youtube_id, "", problem="malformed_row", detail=segment.problem)
            elif animals.is_animal(segment.mids):
                yield _record(segment, animals, files, row)
    for stem, url in files.items():
        detail = "no animal segment names this file"
        yield SourceRecord(f"file-{stem}", url, problem="no_metadata_row", detail=detail)


def segments(url: str) -> Iterator[Segment]:
    """The rows of a segment list: three lines of comment, then `id, start, end, "mid,mid"` with a blank after each comma."""
    with open_url(url) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        for cells in csv.reader(text, skipinitialspace=True):
            if not cells or cells[0].startswith("#"):
                continue
            try:
                start, end = float(cells[1]), float(cells[2])
                mids = cells[3].split(",")
            except (IndexError, ValueError):
                where = f"{url.rsplit('/', 1)[-1]}:{cells[0]}"
                yield Segment(where, 0, 0.0, [], f"{cells} is not id, start, end, labels")
                continue
            yield Segment(cells[0], round(start * 1000), end - start, [mid.strip() for mid in mids])


def _tables(source: str) -> tuple[list[str], str]:
    files = [(name, url) for name, url in list_files(source) if "/" not in name]
    lists = [url for name, url in files if "segments" in name and name.endswith(".csv")]
    return lists, next((url for name, url in files if name == "ontology.json"), "")


def _record(segment: Segment, animals: Ontology, files: dict[str, str], row: DumpRow) -> SourceRecord:
    source_id = f"{segment.youtube_id}_{segment.start_ms}"
    labels = animals.labels(segment.mids)
    stems = (source_id, f"Y{source_id}", segment.youtube_id, f"Y{segment.youtube_id}")
    stem = next((one for one in stems if one in files), "")
    return SourceRecord(
        source_id=source_id,
        audio=files.pop(stem, ""),
        problem="" if labels.name else "label_too_broad",
        detail="" if labels.name else f"labels {', '.join(segment.mids)} name no single animal",
        fields={
            "common_name": labels.name,
            "background_species": labels.others,
            "behavior": labels.behavior,
            "license_source": row.default_license,
            "declared_duration_s": segment.seconds,
            "source_recording": f"youtube:{segment.youtube_id}",
            "url": f"https://www.youtube.com/watch?v={segment.youtube_id}&t={segment.start_ms // 1000}s",
        },
    )
