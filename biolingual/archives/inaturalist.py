"""iNaturalist: a dump is the Darwin Core Archive (a .zip with meta.xml) and the sounds as downloaded (sounds/<id>.*)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from biolingual.archives.darwin_core import DarwinCoreArchive
from biolingual.archives.source import SourceRecord, clean, coordinates, day_time, iso_date, number
from biolingual.params import DumpRow
from biolingual.storage import list_files


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds no Darwin Core Archive with observations and media."""
    parts = {part.row_type for part in _archive(source).parts}
    if not {"Occurrence", "Multimedia"} <= parts:
        raise ValueError(
            f"{source}: meta.xml names {sorted(parts)}; an iNaturalist dump has Occurrence and Multimedia."
        )


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every sound once, by sound id. A sound on several observations keeps the other taxa as background species."""
    archive = _archive(source)
    files = {
        name.rsplit("/", 1)[-1].split(".")[0]: url for name, url in list_files(source) if name.startswith("sounds/")
    }
    media: dict[str, list[dict]] = {}
    wanted = set()
    for item in archive.rows("Multimedia"):
        if item["type"] == "Sound":  # nearly all of the real table is StillImage
            media.setdefault(_sound_id(item), []).append(item)
            wanted.add(item["id"])
    observations = {item["id"]: item for item in archive.rows("Occurrence") if item["id"] in wanted}
    for sound_id, rows in media.items():
        yield _record(sound_id, rows, observations, files.pop(sound_id, ""))
    for name, url in files.items():
        yield SourceRecord(f"file-{name}", url, problem="no_metadata_row", detail="no media row names this sound")


def _archive(source: str) -> DarwinCoreArchive:
    zips = [url for name, url in list_files(source) if name.endswith(".zip")]
    if len(zips) != 1:
        raise ValueError(f"{source} holds {len(zips)} .zip files; an iNaturalist dump has one Darwin Core Archive.")
    return DarwinCoreArchive(zips[0])


def _sound_id(item: dict) -> str:
    # The address ends in ?unix-time, which changes when the site processes the file anew.
    return item.get("catalogNumber") or item["identifier"].split("?")[0].rsplit("/", 1)[-1].split(".")[0]


def _record(sound_id: str, rows: list[dict], observations: dict[str, dict], audio: str) -> SourceRecord:
    found = [observations[item["id"]] for item in rows if item["id"] in observations]
    source_id = f"sound-{sound_id}"
    if not found:
        return SourceRecord(
            source_id, audio, problem="orphan_media", detail=f"no observation {rows[0]['id']} in the dump"
        )
    first = found[0]
    uncertainty = number(first.get("coordinateUncertaintyInMeters"), 0)
    return SourceRecord(
        source_id=source_id,
        audio=audio,
        fields={
            "source_name": _species(first),
            "behavior": _behavior(first.get("dynamicProperties", "")),
            "sex": clean(first.get("sex")),
            "life_stage": clean(first.get("lifeStage")),
            "background_species": sorted({name for name in map(_species, found[1:]) if name != _species(first)}),
            "remarks": first.get("occurrenceRemarks", ""),
            "recorded_by": clean(first.get("recordedBy")),
            "rights_holder": clean(rows[0].get("rightsHolder")),
            "license_source": rows[0].get("license", ""),  # the medium's licence, never the observation's
            "locality_coarse": clean(first.get("verbatimLocality")),
            **coordinates(first.get("decimalLatitude"), first.get("decimalLongitude")),
            "coordinate_uncertainty_m": uncertainty,
            "event_date": iso_date(first.get("eventDate")),
            "event_time": day_time(first.get("eventTime")),
            "url": rows[0].get("references", ""),
        },
    )


def _species(observation: dict) -> str:
    return clean(observation.get("scientificName"))


def _behavior(properties: str) -> str:
    try:
        return clean(json.loads(properties or "{}").get("behavior"))
    except (json.JSONDecodeError, AttributeError):
        return ""  # free text in this column is allowed by the standard; only JSON names a behaviour
