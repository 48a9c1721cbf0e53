"""iNaturalist: a dump is the Darwin Core Archive (a .zip with meta.xml) and the sounds as downloaded (sounds/<id>.*)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from biolingual.archives.darwin_core_archive import Fault
from biolingual.archives.darwin_core_sounds import ArchivedSound, fault_records, fields_of, open_archive, orphan, sounds
from biolingual.archives.source import SourceRecord, clean
from biolingual.params import DumpRow
from biolingual.storage import list_files

TABLES = ("Occurrence", "Multimedia")
KIND = "an iNaturalist dump"


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds no Darwin Core Archive with observations and media."""
    open_archive(source, TABLES, KIND)


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every sound once, by sound id. A sound on several observations keeps the other taxa as background species."""
    archive = open_archive(source, TABLES, KIND)
    files = {
        name.rsplit("/", 1)[-1].split(".")[0]: url for name, url in list_files(source) if name.startswith("sounds/")
    }
    faults: list[Fault] = []
    for sound in sounds(archive, _sound_id, faults):
        yield _record(sound, files.pop(sound.sound_id, ""))
    for name, url in files.items():
        yield SourceRecord(f"file-{name}", url, problem="no_metadata_row", detail="no media row names this sound")
    yield from fault_records(faults)


def _sound_id(item: dict) -> str:
    # The address ends in ?unix-time, which changes when the site processes the file anew.
    return item.get("catalogNumber") or item["identifier"].split("?")[0].rsplit("/", 1)[-1].split(".")[0]


def _record(sound: ArchivedSound, audio: str) -> SourceRecord:
    source_id = f"sound-{sound.sound_id}"
    if not sound.occurrences:
        return orphan(source_id, sound, audio)
    first, medium = sound.occurrences[0], sound.media[0]
    key = clean(first.get("taxonID"))
    return SourceRecord(
        source_id=source_id,
        audio=audio,
        fields={
            **fields_of(sound),
            "behavior": _behavior(first.get("dynamicProperties", "")),
            "country": clean(first.get("countryCode")),
            "rights_holder": clean(medium.get("rightsHolder")),
            "url": medium.get("references", ""),
            # iNaturalist's own key, as text; a checklist of the dump's row takes its place.
            **({"taxon_id": key, "checklist": "inaturalist"} if key else {}),
        },
    )


def _behavior(properties: str) -> str:
    try:
        return clean(json.loads(properties or "{}").get("behavior"))
    except (json.JSONDecodeError, AttributeError):
        return ""  # free text in this column is allowed by the standard; only JSON names a behaviour
