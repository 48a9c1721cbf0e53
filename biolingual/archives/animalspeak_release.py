"""The authors' release of AnimalSpeak: a dump is their CSV, licences.csv, and the sounds as downloaded (audio/<i>.*).

The CSV has i, url, source, recordist, species_common, species_scientific, caption, caption2 and no licence. licences.csv
(`id,license`; ids as in our manifests, "xeno_canto:XC123") brings it from the archives' own tables; without it a sound is
refused. The captions are kept as captioner `animalspeak-2023`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from biolingual.archives.source import SourceRecord, clean
from biolingual.params import DumpRow
from biolingual.storage import list_files, open_url

COLUMNS = {"i", "url", "source", "recordist", "species_common", "species_scientific", "caption", "caption2"}
LICENCES = "licences.csv"
CAPTIONER = "animalspeak-2023"
ARCHIVE_IDS = (  # address -> the id that our own manifest of that archive gives the sound
    (re.compile(r"xeno-canto\.org/(?:sounds/uploaded/[^/]+/)?(?:XC)?(\d+)", re.IGNORECASE), "xeno_canto:XC{}"),
    (re.compile(r"inaturalist\.org/sounds/(\d+)"), "inaturalist:sound-{}"),
    (re.compile(r"whoi\.edu/.*?(\w+)\.wav$"), "watkins:{}"),
    (re.compile(r"tierstimmenarchiv\.de/.*unique_id(?:entifier)?=([^&]+)"), "animal_sound_archive:{}"),
    (re.compile(r"(?:youtube\.com/watch\?v=|youtu\.be/)([\w-]{11})"), "youtube:{}"),
)


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when there is not exactly one table of the release, or licences.csv lacks its columns."""
    _tables(source)


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every row of the release in its order, then every file that no row names."""
    table, licences_url = _tables(source)
    licences = {cells["id"]: cells["license"] for cells in _rows(licences_url)} if licences_url else {}
    files = {
        name.rsplit("/", 1)[-1].rpartition(".")[0]: url for name, url in list_files(source) if name.startswith("audio/")
    }
    for line, cells in enumerate(_rows(table), start=2):
        if not cells["i"] or cells["caption2"] is None:
            detail = f"row {line} has no i or too few columns"
            yield SourceRecord(f"row-{line}", "", problem="malformed_row", detail=detail)
            continue
        yield _record(cells, files.pop(cells["i"], ""), licences)
    for stem, url in files.items():
        yield SourceRecord(f"file-{stem}", url, problem="no_metadata_row", detail="no row names this file")


def archive_id(url: str) -> str:
    """The id of the sound in its own archive ("xeno_canto:XC123"), or "" for an address of no archive we know."""
    for form, name in ARCHIVE_IDS:
        if found := form.search(url):
            return name.format(found.group(1))
    return ""


def _rows(url: str) -> Iterator[dict[str, str]]:
    """Text as it stands: "NA" is a country, "None" a word."""
    with open_url(url) as file:
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""))


def _heading(url: str) -> set[str]:
    with open_url(url) as file:
        return set(next(csv.reader([file.readline().decode("utf-8-sig")]), []))


def _tables(source: str) -> tuple[str, str]:
    files = {name: url for name, url in list_files(source) if "/" not in name and name.endswith(".csv")}
    licences = files.pop(LICENCES, "")
    found = [url for url in files.values() if _heading(url) >= COLUMNS]
    if len(found) != 1:
        raise ValueError(
            f"{source} holds {len(found)} tables of the AnimalSpeak release; it must hold one CSV with {sorted(COLUMNS)}."
        )
    if licences and not _heading(licences) >= {"id", "license"}:
        raise ValueError(f"{licences} must have the columns id and license.")
    return found[0], licences


def _record(cells: dict[str, str], audio: str, licences: dict[str, str]) -> SourceRecord:
    own_id = archive_id(cells["url"])
    captions = [text for text in (clean(cells["caption"]), clean(cells["caption2"])) if text]
    return SourceRecord(
        source_id=cells["i"],
        audio=audio,
        captions=tuple(dict.fromkeys(captions)),
        captioner=CAPTIONER,
        fields={
            "source_name": clean(cells["species_scientific"]),
            "common_name": clean(cells["species_common"]),
            "recorded_by": clean(cells["recordist"]),
            "rights_holder": clean(cells["recordist"]),
            "license_source": licences.get(own_id) or licences.get(cells["url"], ""),
            "source_recording": own_id,
            "url": cells["url"],
        },
    )
