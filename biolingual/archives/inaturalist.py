"""iNaturalist: a dump is the Darwin Core Archive (a .zip with meta.xml), or the pages of the API's observations as they came
(pages/*.json, v1 or v2), and the sounds as downloaded (sounds/<id>.*)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from biolingual.archives.darwin_core_archive import Fault
from biolingual.archives.darwin_core_sounds import ArchivedSound, fault_records, fields_of, open_archive, orphan, sounds
from biolingual.archives.source import (
    SourceRecord,
    clean,
    coordinates,
    day_time,
    iso_date,
    number,
    page_urls,
    read_page,
)
from biolingual.params import DumpRow
from biolingual.storage import list_files

TABLES = ("Occurrence", "Multimedia")
KIND = "an iNaturalist dump"
KINGDOMS = {1: "Animalia", 47126: "Plantae", 47170: "Fungi"}  # by the taxon's id


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds neither API pages nor a Darwin Core Archive with observations and media."""
    if urls := page_urls(source):
        _observations(urls[0])
        return
    open_archive(source, TABLES, KIND)


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every sound once, by sound id. A sound on several observations keeps the other taxa as background species."""
    files = {
        name.rsplit("/", 1)[-1].split(".")[0]: url for name, url in list_files(source) if name.startswith("sounds/")
    }
    yield from _from_pages(source, files) if page_urls(source) else _from_archive(source, files)
    for name, url in files.items():
        yield SourceRecord(f"file-{name}", url, problem="no_metadata_row", detail="no media row names this sound")


def _from_archive(source: str, files: dict[str, str]) -> Iterator[SourceRecord]:
    faults: list[Fault] = []
    for sound in sounds(open_archive(source, TABLES, KIND), sound_id_of, faults):
        yield _record(sound, files.pop(sound.sound_id, ""))
    yield from fault_records(faults)


def sound_id_of(item: dict) -> str:
    """The id of a media row's sound."""
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


def _observations(url: str) -> list[dict]:
    answer = read_page(url)
    results = answer.get("results") if isinstance(answer, dict) else None
    heard = [one for one in results or [] if isinstance(one, dict) and isinstance(one.get("sounds"), list)]
    if not isinstance(results, list) or (results and not heard):
        raise ValueError(f"{url} is no page of iNaturalist's observations. Harvest the page again.")
    return results


def _from_pages(source: str, files: dict[str, str]) -> Iterator[SourceRecord]:
    """Every sound once, with every observation it belongs to; the pages hold few enough to be joined in memory."""
    heard: dict[str, list[tuple[dict, dict]]] = {}
    for url in page_urls(source):
        for position, observation in enumerate(_observations(url)):
            if not isinstance(observation, dict) or not isinstance(observation.get("sounds"), list):
                where = f"{url.rsplit('/', 1)[-1]}:{position}"
                yield SourceRecord(where, "", problem="malformed_row", detail="an observation without a list of sounds")
                continue
            for sound in observation["sounds"]:
                if all(observation.get("id") != known.get("id") for _, known in heard.setdefault(str(sound["id"]), [])):
                    heard[str(sound["id"])].append((sound, observation))
    for sound_id, found in heard.items():
        yield _from_api(sound_id, found, files.pop(sound_id, ""))


def _from_api(sound_id: str, found: list[tuple[dict, dict]], audio: str) -> SourceRecord:
    (sound, observation), taxon = found[0], found[0][1].get("taxon") or {}
    withheld = sound.get("hidden") or not sound.get("file_url")
    hidden = observation.get("obscured") or observation.get("geoprivacy") == "private"
    person = observation.get("user") or {}
    by = clean(person.get("name") or person.get("login"))
    name, others = clean(taxon.get("name")), {clean((one.get("taxon") or {}).get("name")) for _, one in found[1:]}
    moment = str(observation.get("time_observed_at") or "")
    return SourceRecord(
        source_id=f"sound-{sound_id}",
        audio=audio,
        problem="withheld" if withheld and not audio else "",
        detail="iNaturalist hides the file" if withheld and not audio else "",
        fields={
            "source_name": name,
            "common_name": clean(taxon.get("preferred_common_name")),
            "kingdom": next((KINGDOMS[one] for one in taxon.get("ancestor_ids") or [] if one in KINGDOMS), ""),
            "background_species": sorted(others - {name, ""}),
            "remarks": str(observation.get("description") or ""),
            "recorded_by": by,
            "rights_holder": by,
            "license_source": sound.get("license_code") or "",  # of the sound: null is all rights reserved
            # A place that the observer hides is not told by its name either.
            "locality_coarse": "" if hidden else clean(observation.get("place_guess")),
            **_place(observation.get("location")),
            "coordinate_uncertainty_m": number(observation.get("public_positional_accuracy"), 0),
            "event_date": iso_date(observation.get("observed_on")),
            "event_time": day_time(moment.replace(" ", "T").partition("T")[2]),
            "url": f"https://www.inaturalist.org/sounds/{sound_id}",
            **({"rank": rank} if (rank := clean(taxon.get("rank"))) else {}),
            **({"taxon_id": str(taxon["id"]), "checklist": "inaturalist"} if taxon.get("id") else {}),
        },
    )


def _place(location: object) -> dict:
    """Coordinates of "lat,lon", as the API writes it, or of a pair."""
    pair = location.split(",") if isinstance(location, str) else location or []
    return coordinates(*pair) if len(pair) == 2 else coordinates(None, None)
