"""Xeno-canto: a dump is the sounds as downloaded (audio/XC<id>.*) with the pages of API v3 as they came (pages/*.json), or
with the Darwin Core Archive that Xeno-canto gives to GBIF (GBIF's own download of it, or the publisher's file)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from biolingual.archives.darwin_core_archive import Fault
from biolingual.archives.darwin_core_sounds import (
    ArchivedSound,
    fault_records,
    fields_of,
    is_sound,
    open_archive,
    orphan,
    sounds,
)
from biolingual.archives.source import (
    SourceRecord,
    clean,
    clock_s,
    coordinates,
    day_time,
    iso_date,
    number,
    page_urls,
    read_page,
    without_keys,
)
from biolingual.params import DumpRow
from biolingual.storage import list_files

TABLES = ("Occurrence", "Multimedia")
KIND = "Xeno-canto's Darwin Core Archive"


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds neither API pages nor a Darwin Core Archive with media."""
    if page_urls(source):
        return
    if not _is_archive(source):
        raise ValueError(
            f"{source} has no pages/*.json: not a Xeno-canto dump. Save the API's pages there as they came, or the "
            "Darwin Core Archive (.zip) that Xeno-canto gives to GBIF."
        )
    archive = open_archive(source, TABLES, KIND)
    first = next((item for item in archive.rows("Multimedia", []) if is_sound(item)), None)
    if first is not None and not _xc_number(first):
        raise ValueError(
            f"{source} has no pages/*.json, and its archive is not Xeno-canto's: its first sound is {first['id']}, without "
            "an XC number. Another publisher's archive is read as darwin_core or inaturalist."
        )


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every recording once, by id: pages shift while one pages, so the same id may come twice."""
    files = {
        name.rsplit("/", 1)[-1].split(".")[0]: url for name, url in list_files(source) if name.startswith("audio/")
    }
    pages = page_urls(source)
    yield from _from_pages(source, pages, files) if pages else _from_archive(source, files)
    for source_id, url in files.items():
        yield SourceRecord(f"file-{source_id}", url, problem="no_metadata_row", detail="no page names this sound")


def _from_pages(source: str, pages: list[str], files: dict[str, str]) -> Iterator[SourceRecord]:
    seen, most = set(), 0
    for url in pages:
        page = _page(url)
        most = max(most, int(number(page.get("numPages"), 0) or 0))
        for position, recording in enumerate(_items(page["recordings"])):
            if not isinstance(recording, dict) or not recording.get("id"):
                where = f"{url.rsplit('/', 1)[-1]}:{position}"
                yield SourceRecord(where, "", problem="malformed_row", detail="an entry of the page has no id")
            elif str(recording["id"]) not in seen:
                seen.add(str(recording["id"]))
                yield _record(recording, files.pop(f"XC{recording['id']}", ""))
    if len(pages) < most:
        raise ValueError(f"{source}/pages holds {len(pages)} of {most} pages. Harvest the missing ones.")


def _page(url: str) -> dict:
    answer = read_page(url)
    if not isinstance(answer, dict) or "recordings" not in answer:
        told = without_keys(_told(answer)) if isinstance(answer, dict) else "no object"
        raise ValueError(f"{url} is an error answer, not a page: {told}. Harvest the page again.")
    return answer


def _told(answer: dict) -> str:
    """What an error answer says: {"error": code, "message": text}, or {"error": {"code": code, "message": text}}."""
    error = answer.get("error")
    nested = error if isinstance(error, dict) else {}
    return str(answer.get("message") or nested.get("message") or nested.get("code") or error)


def _items(value: object) -> list:
    """A list as PHP writes it: [], [""], or an object with numbers for keys where an entry was taken out."""
    return list(value.values()) if isinstance(value, dict) else list(value or [])


def _is_archive(source: str) -> bool:
    names = [name for name, _ in list_files(source)]
    return "meta.xml" in names or any("/" not in name and name.endswith((".zip", ".dwca")) for name in names)


def _record(recording: dict, audio: str) -> SourceRecord:
    source_id = f"XC{recording['id']}"
    redacted = (recording.get("_meta") or {}).get("redacted_fields") or {}
    withheld = redacted or not recording.get("file")
    if {"lat", "lon"} & set(redacted):  # a hidden place stays hidden, even where an old page still has it
        recording = {**recording, "lat": None, "lon": None, "lng": None}
    species = f"{clean(recording.get('gen'))} {clean(recording.get('sp'))}".strip()
    problem, detail = "", ""
    if withheld and not audio:
        problem, detail = "withheld", "Xeno-canto withholds the file (restricted species)"
    elif recording.get("status") in ("unidentified", "questioned"):
        problem, detail = "not_identified", f"status {recording['status']}"
    return SourceRecord(
        source_id=source_id,
        audio=audio,
        problem=problem,
        detail=detail,
        fields={
            "source_name": species,
            "common_name": clean(recording.get("en")),
            "behavior": clean(recording.get("type")),
            "sex": clean(recording.get("sex")),
            "life_stage": clean(recording.get("stage")),
            "background_species": [name for name in map(clean, _items(recording.get("also"))) if name],
            "remarks": str(recording.get("rmk") or ""),
            "recorded_by": clean(recording.get("rec")),
            "rights_holder": clean(recording.get("rec")),
            "license_source": str(recording.get("lic") or ""),
            "country": clean(recording.get("cnt")),
            "locality_coarse": clean(recording.get("loc")),
            **coordinates(recording.get("lat"), recording.get("lon") or recording.get("lng")),
            "event_date": iso_date(recording.get("date")),
            "event_time": day_time(recording.get("time")),
            "declared_duration_s": clock_s(recording.get("length")),
            "source_sample_rate_hz": number(recording.get("smp"), 1),
            "url": f"https://xeno-canto.org/{recording['id']}",
        },
    )


def _from_archive(source: str, files: dict[str, str]) -> Iterator[SourceRecord]:
    archive = open_archive(source, TABLES, KIND)
    faults: list[Fault] = []
    heard = set()
    for sound in sounds(archive, number_of, faults):
        heard |= {medium["id"] for medium in sound.media}
        yield _archived(sound, files.pop(f"XC{sound.sound_id}", ""))
    # The faults are those that `sounds` has told already.
    for item in archive.rows("Occurrence", []):
        if item["id"] not in heard:
            yield SourceRecord(f"XC{number_of(item)}", "", problem="no_sound", detail="no media row of type Sound")
    yield from fault_records(faults)


def number_of(item: dict[str, str]) -> str:
    """The recording's number, from "9@XC", "XC9", or the address .../XC9-name.mp3."""
    return _xc_number(item) or item["id"]


def _xc_number(item: dict[str, str]) -> str:
    for term in ("catalogNumber", "accessURI", "identifier", "id"):
        if found := re.search(r"\bXC(\d+)\b|\b(\d+)@XC\b", item.get(term, "")):
            return found.group(1) or found.group(2)
    return ""


def _archived(sound: ArchivedSound, audio: str) -> SourceRecord:
    source_id = f"XC{sound.sound_id}"
    if not sound.occurrences:
        return orphan(source_id, sound, audio)
    medium = sound.media[0]
    length = re.match(r"\s*(\d+) s\b", medium.get("description", ""))
    rate = re.search(r"sampling rate: (\d+) Hz", medium.get("resourceCreationTechnique", ""))
    return SourceRecord(
        source_id=source_id,
        audio=audio,
        fields={
            **fields_of(sound),
            "declared_duration_s": float(length.group(1)) if length else None,
            "source_sample_rate_hz": number(rate.group(1), 1) if rate else None,
            "url": f"https://xeno-canto.org/{sound.sound_id}",
        },
    )
