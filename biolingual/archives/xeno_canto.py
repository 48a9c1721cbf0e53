"""Xeno-canto: a dump is the pages of API v3 as they came (pages/*.json) and the sounds as downloaded (audio/XC<id>.*)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from biolingual.archives.source import SourceRecord, clean, clock_s, coordinates, day_time, iso_date, number
from biolingual.params import DumpRow
from biolingual.storage import list_files, open_url


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds no API pages."""
    if not _pages(source):
        raise ValueError(
            f"{source} has no pages/*.json: not a Xeno-canto dump. Save the API's pages there as they came."
        )


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every recording once, by id: pages shift while one pages, so the same id may come twice."""
    sounds = {
        name.rsplit("/", 1)[-1].split(".")[0]: url for name, url in list_files(source) if name.startswith("audio/")
    }
    seen = set()
    for url in _pages(source):
        for recording in _page(url):
            if str(recording["id"]) not in seen:
                seen.add(str(recording["id"]))
                yield _record(recording, sounds.pop(f"XC{recording['id']}", ""))
    for source_id, url in sounds.items():
        yield SourceRecord(f"file-{source_id}", url, problem="no_metadata_row", detail="no page names this sound")


def _page(url: str) -> list[dict]:
    with open_url(url) as file:
        try:
            page = json.load(file)
        except ValueError as error:
            raise ValueError(f"{url} is not JSON ({error}). Harvest the page again.") from error
    if not isinstance(page, dict) or "recordings" not in page:
        told = page.get("message") or page.get("error") if isinstance(page, dict) else "no object"
        raise ValueError(f"{url} is an error answer, not a page: {told}. Harvest the page again.")
    return page["recordings"]


def _pages(source: str) -> list[str]:
    return [url for name, url in list_files(source) if name.startswith("pages/") and name.endswith(".json")]


def _record(recording: dict, audio: str) -> SourceRecord:
    source_id = f"XC{recording['id']}"
    withheld = (recording.get("_meta") or {}).get("redacted_fields") or not recording.get("file")
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
            "background_species": [name for name in map(clean, recording.get("also") or []) if name],
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
