"""The sounds of a Darwin Core Archive: media rows joined with their occurrences, on disk, since media tables outgrow memory."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from biolingual.archives.darwin_core_archive import DarwinCoreArchive, Fault
from biolingual.archives.source import SourceRecord, clean, coordinates, day_time, iso_date, number
from biolingual.storage import list_files

RANKED = {"kingdom": "kingdom", "phylum": "phylum", "class": "class_", "order": "order", "family": "family"}
BINOMIAL = re.compile(r"[A-Z][a-z-]+ [a-z-]{2,}(?: [a-z-]{2,})?")


@dataclass(frozen=True)
class ArchivedSound:
    """One sound: its media rows in their order, and the occurrences they belong to, as far as the archive has them."""

    sound_id: str
    media: list[dict[str, str]]
    occurrences: list[dict[str, str]]


def open_archive(source: str, needs: tuple[str, ...], kind: str) -> DarwinCoreArchive:
    """The one archive of a dump: `source` itself, or the zip or tar in it. ValueError when a needed table is missing."""
    names = dict(list_files(source))
    found = [
        url for name, url in names.items() if "/" not in name and name.endswith((".zip", ".dwca", ".tgz", ".tar.gz"))
    ]
    if "meta.xml" in names:
        found = [source]
    if len(found) != 1:
        raise ValueError(f"{source} holds {len(found)} .zip files; {kind} has one Darwin Core Archive.")
    archive = DarwinCoreArchive(found[0])
    parts = {part.row_type for part in archive.parts}
    if not set(needs) <= parts:
        raise ValueError(f"{source}: meta.xml names {sorted(parts)}; {kind} has {' and '.join(needs)}.")
    return archive


def sounds(
    archive: DarwinCoreArchive, sound_id: Callable[[dict[str, str]], str], faults: list[Fault]
) -> Iterator[ArchivedSound]:
    """Every sound once, in the order of its first media row. Lines that are no rows go to `faults`.

    Only the ids of the sounds' occurrences are held in memory; the rows wait in a temporary file.
    """
    with closing(sqlite3.connect("")) as store:
        store.execute("CREATE TABLE media (sound TEXT, core TEXT, row TEXT)")
        store.execute("CREATE TABLE occurrence (core TEXT PRIMARY KEY, row TEXT)")
        wanted = set()
        for item in archive.rows("Multimedia", faults):
            if is_sound(item):
                store.execute("INSERT INTO media VALUES (?, ?, ?)", (sound_id(item), item["id"], json.dumps(item)))
                wanted.add(item["id"])
        for item in archive.rows("Occurrence", faults):
            if item["id"] in wanted:
                store.execute("INSERT OR IGNORE INTO occurrence VALUES (?, ?)", (item["id"], json.dumps(item)))
        store.execute("CREATE INDEX by_sound ON media (sound)")
        joined = store.execute(
            "SELECT media.sound, media.row, occurrence.row FROM media LEFT JOIN occurrence USING (core) "
            "JOIN (SELECT sound, MIN(rowid) AS first FROM media GROUP BY sound) AS place ON place.sound = media.sound "
            "ORDER BY place.first, media.rowid"
        )
        waiting: ArchivedSound | None = None
        for sound, media, occurrence in joined:
            if waiting is None or waiting.sound_id != sound:
                if waiting is not None:
                    yield waiting
                waiting = ArchivedSound(sound, [], [])
            waiting.media.append(json.loads(media))
            if occurrence is not None:
                waiting.occurrences.append(json.loads(occurrence))
        if waiting is not None:
            yield waiting


def is_sound(item: dict[str, str]) -> bool:
    """By type, then by format: sonograms sit among the media, some under the type of the sound. Decoding has the last word."""
    type_ = item.get("type", "").rsplit("/", 1)[-1].lower()
    format_ = item.get("format", "").lower()
    if format_.startswith("image/"):
        return False
    return type_ == "sound" or (not type_ and format_.startswith("audio/"))


def fault_records(faults: list[Fault]) -> Iterator[SourceRecord]:
    """A record with its reason for every line that was no row, so that none is lost."""
    for fault in faults:
        source_id = f"{fault.location}:{fault.line}"
        yield SourceRecord(source_id, "", problem="malformed_row", detail=fault.reason)


def orphan(source_id: str, sound: ArchivedSound, audio: str) -> SourceRecord:
    """The record of a sound whose occurrence the archive does not hold."""
    detail = f"no observation {sound.media[0]['id']} in the dump"
    return SourceRecord(source_id, audio, problem="orphan_media", detail=detail)


def fields_of(sound: ArchivedSound) -> dict:
    """Recording fields from the standard's terms. The licence is the medium's: an occurrence's speaks of the data about it."""
    medium, first = sound.media[0], sound.occurrences[0]
    name = clean(first.get("scientificName")) or _built_name(first)
    others = {clean(other.get("scientificName")) for other in sound.occurrences[1:]} - {name, ""}
    return {
        "source_name": name,
        "common_name": clean(first.get("vernacularName")),
        "behavior": clean(first.get("behavior")),
        "sex": clean(first.get("sex")),
        "life_stage": clean(first.get("lifeStage")),
        "background_species": sorted(others | set(_associated(first))),
        "remarks": first.get("occurrenceRemarks") or first.get("fieldNotes") or "",
        "recorded_by": clean(first.get("recordedBy") or medium.get("creator")),
        "rights_holder": clean(medium.get("rightsHolder") or medium.get("creator")),
        "license_source": medium.get("license", ""),
        "country": clean(first.get("country") or first.get("countryCode")),
        "locality_coarse": clean(first.get("locality") or first.get("verbatimLocality")),
        **coordinates(
            first.get("decimalLatitude") or first.get("latitudeDecimal"),
            first.get("decimalLongitude") or first.get("longitudeDecimal"),
        ),
        "coordinate_uncertainty_m": number(first.get("coordinateUncertaintyInMeters"), 0),
        "event_date": iso_date(first.get("eventDate")),
        "event_time": day_time(first.get("eventTime")),
        "url": medium.get("references") or first.get("references") or medium.get("identifier", ""),
        **{field: value for term, field in RANKED.items() if (value := clean(first.get(term)))},
        **({"rank": rank} if (rank := clean(first.get("taxonRank")).lower()) else {}),
    }


def _built_name(row: dict[str, str]) -> str:
    parts = (row.get("genus"), row.get("specificEpithet"), row.get("infraspecificEpithet"))
    return " ".join(filter(None, map(clean, parts)))


def _associated(row: dict[str, str]) -> list[str]:
    """The species of "has background sounds: Selenidera reinwardtii|Turdus merula"."""
    text = clean(row.get("associatedTaxa") or row.get("Associated Taxa"))
    return BINOMIAL.findall(text.partition(":")[2]) if "background" in text.lower() else []
