"""Animal Sound Archive Berlin (Tierstimmenarchiv): a dump is the pages of its keyless JSON search as they came
(pages/*.json) and the sounds as downloaded (audio/<unique_identifier, ":" as "_">.wav).

A bat's WAV is taken before its MP3, which is slowed down: where the record says ten times it is brought back to life's
pace, where it does not say by how much it is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from biolingual.archives.source import (
    SourceRecord,
    clean,
    clock_s,
    coordinates,
    day_time,
    hertz,
    iso_date,
    language_of,
    number,
    page_urls,
    read_page,
)
from biolingual.params import DumpRow
from biolingual.storage import list_files

SLOWED = re.compile(r"(?:10|zehn)\s*-?\s*fach|(?:10|ten)\s*(?:x|times)|(?:10|zehn)\s*mal", re.IGNORECASE)
SLOWER = re.compile(r"langsam|gedehnt|slow|expan", re.IGNORECASE)
STATED = 10  # the one factor that SLOWED reads
CALIBRATION = re.compile(r"^calibration|calibration signal|eichton|kalibrier", re.IGNORECASE)
HIGHEST_MP3_HZ = 48000  # MPEG-1 layer III knows no higher rate
PAGE = "https://www.tierstimmenarchiv.de/webinterface/contents/showdetails.php?edit=-1&unique_id={}&autologin=true"


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds no pages."""
    if not page_urls(source):
        raise ValueError(
            f"{source} has no pages/*.json: not a dump of the Animal Sound Archive. Save the pages of its query.json there."
        )


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every record once: past its end the search repeats the last page for ever. Then every file that no record names."""
    inspect(source, row)
    files: dict[str, dict[str, str]] = {}
    for name, url in list_files(source):
        if name.startswith("audio/"):
            stem, _, extension = name.rsplit("/", 1)[-1].rpartition(".")
            files.setdefault(stem, {})[extension.lower()] = url
    seen = set()
    for url in page_urls(source):
        for position, record in enumerate(_page(url)):
            identity = record.get("unique_identifier") if isinstance(record, dict) else None
            if not identity:
                where = f"{url.rsplit('/', 1)[-1]}:{position}"
                yield SourceRecord(where, "", problem="malformed_row", detail="a record without unique_identifier")
            elif identity not in seen:
                seen.add(identity)
                yield _record(record, files.pop(file_stem(identity), {}))
    for stem, found in files.items():
        for extension, url in sorted(found.items()):
            detail = "no page names this sound"
            yield SourceRecord(f"file-{stem}.{extension}", url, problem="no_metadata_row", detail=detail)


def file_stem(identity: str) -> str:
    """The name under which a dump keeps the sound of a unique_identifier: "TSA:Crex_crex_DIG0208_23" -> "TSA_Crex_crex_..."."""
    return re.sub(r'[:/\\?*"<>|]', "_", identity)


def _page(url: str) -> list[dict]:
    answer = read_page(url)
    if not isinstance(answer, list):
        told = answer.get("Warning") or answer if isinstance(answer, dict) else "no array"
        raise ValueError(f"{url} is an answer without records: {told}. Harvest the page again.")
    return answer


def _record(record: dict, files: dict[str, str]) -> SourceRecord:
    fields = _fields(record)
    audio = next((files[extension] for extension in ("wav", "flac", "mp3") if extension in files), "")
    problem, detail, slowed = "", "", 1
    if not record.get("filename"):
        problem, detail = "no_sound", "the archive holds no file of this record"
    elif CALIBRATION.search(f"{record.get('description') or ''}") or _own_name(record).startswith("Calibration"):
        problem, detail = "calibration_signal", "a test tone, no animal"
    elif audio.lower().endswith(".mp3") and _is_slowed(record, fields):
        if _states_ten(record):
            slowed = STATED
        else:
            problem = "time_expanded"
            detail = "the MP3 is slowed down and no text says by how much: fetch download.wav instead"
    return SourceRecord(record["unique_identifier"], audio, fields, problem, detail, slowed=slowed)


def _own_name(record: dict) -> str:
    return record["unique_identifier"].partition(":")[2]


def _texts(record: dict) -> str:
    return ". ".join(str(record.get(key) or "") for key in ("description", "description_en", "notes"))


def _states_ten(record: dict) -> bool:
    """Whether one sentence says both ten times and slower: "repeated ten times" does not."""
    return any(SLOWED.search(part) and SLOWER.search(part) for part in re.split(r"[.;!?]\s", _texts(record)))


def _is_slowed(record: dict, fields: dict) -> bool:
    return bool(SLOWED.search(_texts(record))) or (fields["source_sample_rate_hz"] or 0) > 2 * HIGHEST_MP3_HZ


def _fields(record: dict) -> dict:
    remarks, language = _remarks(record)
    return {
        "source_name": clean(record.get("species")),
        "behavior": clean(record.get("sound_type")),
        "sex": clean(record.get("sex")),
        "life_stage": clean(record.get("age")),
        "background_species": [
            name for part in re.split(r"[,;]", record.get("background_species") or "") if (name := clean(part))
        ],
        "remarks": remarks,
        "remarks_language": language,
        "recorded_by": clean(record.get("author")),
        "rights_holder": clean(record.get("author")),
        "license_source": record.get("usage_permission") or "",
        "country": clean(record.get("country")),
        "locality_coarse": clean(record.get("locality")),
        **coordinates(record.get("latitude"), record.get("longitude")),
        "event_date": iso_date(record.get("recording_date")),
        "event_time": day_time(record.get("recording_time")),
        # 0.0 stands beside "00:00:05": it means that no one filled it in.
        "declared_duration_s": number(record.get("durationinsec"), 0.001) or clock_s(record.get("duration")),
        "source_sample_rate_hz": hertz(record.get("sample_rate")),
        "url": PAGE.format(record["unique_identifier"]),
    }


def _remarks(record: dict) -> tuple[str, str]:
    """(text, language): the English description where it is English; the field's name alone does not make it so."""
    english, own = record.get("description_en") or "", record.get("description") or ""
    if language_of(english) == "en" or not own:
        return english, language_of(english)
    return own, language_of(own)
