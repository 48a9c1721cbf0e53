"""AudioCaps: a dump is its tables (*.csv with audiocap_id, youtube_id, start_time, caption), AudioSet's *segments*.csv and
ontology.json, which say what a clip is of, and clips from a folder of one's own (audio/<id>_<start>.*).

Only clips with an animal label belong to the dump. The captions, one to five for a clip, are kept as captioner `audiocaps`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from biolingual.archives.audioset_ontology import Ontology
from biolingual.archives.source import SourceRecord, clean, number
from biolingual.params import DumpRow
from biolingual.storage import list_files, open_url

COLUMNS = {"audiocap_id", "youtube_id", "start_time", "caption"}
CLIP_S = 10.0
CAPTIONER = "audiocaps"


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when a table is missing or of another form, or no licence is named."""
    tables, lists, ontology = _tables(source)
    if not tables or not lists or not ontology:
        raise ValueError(
            f"{source} must hold AudioCaps' tables (train.csv, val.csv, test.csv), AudioSet's *segments*.csv and ontology.json."
        )
    if not row.default_license:
        raise ValueError(
            "AudioCaps gives no licence for its clips. Name the one you use them under: add-dump ... --license (default_license)."
        )
    for url in tables:
        with open_url(url) as file:
            heading = set(file.readline().decode("utf-8-sig").strip().split(","))
        if not heading >= COLUMNS:
            raise ValueError(f"{url} has the columns {sorted(heading)}; an AudioCaps table has {sorted(COLUMNS)}.")
    Ontology(ontology)


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every animal clip once with all its captions; clips that no segment list labels; files that no clip names."""
    inspect(source, row)
    tables, lists, ontology = _tables(source)
    animals = Ontology(ontology)
    captions: dict[tuple[str, int], list[str]] = {}
    for url in tables:
        for cells in _rows(url):
            start = number(cells["start_time"], 0)
            if start is None or not cells["youtube_id"] or not clean(cells["caption"]):
                where = f"{url.rsplit('/', 1)[-1]}:{cells['audiocap_id']}"
                yield SourceRecord(where, "", problem="malformed_row", detail="no id, start time or caption")
                continue
            captions.setdefault((cells["youtube_id"], round(start)), []).append(clean(cells["caption"]))
    labels = {key: mids for url in lists for key, mids in _labels(url) if key in captions}
    files = {
        name.rsplit("/", 1)[-1].rpartition(".")[0]: url for name, url in list_files(source) if name.startswith("audio/")
    }
    for key, texts in captions.items():
        if key not in labels:
            detail = "no segment list of AudioSet labels this clip"
            yield SourceRecord(f"{key[0]}_{key[1]}", "", problem="no_labels", detail=detail)
        elif animals.is_animal(labels[key]):
            yield _record(key, texts, labels[key], animals, files, row)
    for stem, url in files.items():
        yield SourceRecord(f"file-{stem}", url, problem="no_metadata_row", detail="no animal clip names this file")


def _rows(url: str) -> Iterator[dict[str, str]]:
    with open_url(url) as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), restval="")


def _labels(url: str) -> Iterator[tuple[tuple[str, int], list[str]]]:
    """((video, start in whole seconds), mids) of AudioSet's segment list; a line of another form labels nothing."""
    with open_url(url) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
        for cells in csv.reader(text, skipinitialspace=True):
            if len(cells) >= 4 and not cells[0].startswith("#") and (start := number(cells[1], 0)) is not None:
                yield (cells[0], round(start)), [mid.strip() for mid in cells[3].split(",")]


def _tables(source: str) -> tuple[list[str], list[str], str]:
    files = [(name, url) for name, url in list_files(source) if "/" not in name]
    tables = [(name, url) for name, url in files if name.endswith(".csv")]
    return (
        [url for name, url in tables if "segments" not in name],
        [url for name, url in tables if "segments" in name],
        next((url for name, url in files if name == "ontology.json"), ""),
    )


def _record(
    key: tuple[str, int], texts: list[str], mids: list[str], animals: Ontology, files: dict[str, str], row: DumpRow
) -> SourceRecord:
    youtube_id, start = key
    source_id = f"{youtube_id}_{start}"
    found = animals.labels(mids)
    stems = (source_id, f"{youtube_id}_{start * 1000}", youtube_id, f"Y{youtube_id}")
    stem = next((one for one in stems if one in files), "")
    return SourceRecord(
        source_id=source_id,
        audio=files.pop(stem, ""),
        captions=tuple(texts),
        captioner=CAPTIONER,
        fields={
            "common_name": found.name,
            "background_species": found.others,
            "behavior": found.behavior,
            "license_source": row.default_license,
            "declared_duration_s": CLIP_S,
            "source_recording": f"youtube:{youtube_id}",
            "url": f"https://www.youtube.com/watch?v={youtube_id}&t={start}s",
        },
    )
