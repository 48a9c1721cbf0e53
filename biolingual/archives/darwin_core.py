"""Any sound dataset of GBIF: a dump is a Darwin Core Archive (GBIF's download or the publisher's) and the sounds as downloaded
(audio/<last part of the medium's address>, or audio/<id of the occurrence>.* where it has one sound)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

from biolingual.archives.darwin_core_archive import Fault
from biolingual.archives.darwin_core_sounds import ArchivedSound, fault_records, fields_of, open_archive, orphan, sounds
from biolingual.archives.source import SourceRecord, clean
from biolingual.params import DumpRow
from biolingual.storage import list_files

TABLES = ("Occurrence", "Multimedia")
KIND = "a sound dataset"
BACKBONE = "gbif"  # whose keys stand in taxonKey: numbers before June 2026, letters and digits since


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds no Darwin Core Archive with occurrences and media."""
    open_archive(source, TABLES, KIND)


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every sound once, by its address; then every file that no media row names, and every line that was no row."""
    archive = open_archive(source, TABLES, KIND)
    files = {name.removeprefix("audio/"): url for name, url in list_files(source) if name.startswith("audio/")}
    by_stem = {name.rpartition(".")[0]: name for name in files}
    faults: list[Fault] = []
    used = set()
    for sound in sounds(archive, address, faults):
        core, name = sound.media[0]["id"], file_name(sound.sound_id)
        # A file is one sound's: the second of an occurrence, or of a name, does not take the first's.
        found = next(
            (one for one in (name, unquote(name), by_stem.get(core, "")) if one in files and one not in used), ""
        )
        used.add(found)
        yield _record(f"{core}/{unquote(name)}", sound, files.get(found, ""))
    for name, url in files.items():
        if name not in used:
            yield SourceRecord(f"file-{name}", url, problem="no_metadata_row", detail="no media row names this sound")
    yield from fault_records(faults)


def address(item: dict[str, str]) -> str:
    # Audubon Core keeps the file's address in accessURI; its identifier is any name.
    return item.get("accessURI") or item.get("identifier") or item["id"]


def file_name(address: str) -> str:
    return address.split("?")[0].rstrip("/").rsplit("/", 1)[-1]


def _record(source_id: str, sound: ArchivedSound, audio: str) -> SourceRecord:
    if not sound.occurrences:
        return orphan(source_id, sound, audio)
    first, medium = sound.occurrences[0], sound.media[0]
    fields = fields_of(sound)
    key = clean(first.get("acceptedTaxonKey") or first.get("taxonKey"))
    length = re.match(r"\s*(\d+(?:\.\d+)?) s\b", medium.get("description", ""))
    return SourceRecord(
        source_id=source_id,
        audio=audio,
        fields={
            **fields,
            "source_name": clean(first.get("species")) or fields["source_name"],
            "declared_duration_s": float(length.group(1)) if length else None,
            **({"taxon_id": key, "checklist": BACKBONE} if key else {}),
        },
    )
