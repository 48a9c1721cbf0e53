"""A user's own folder: audio files and one CSV with Darwin Core or plain column names."""

from __future__ import annotations

import csv
import io
import posixpath
import re
from collections.abc import Iterator

from biolingual.archives.source import SourceRecord, clean, coordinates, day_time, iso_date, number
from biolingual.params import DumpRow
from biolingual.storage import list_files, open_url

COLUMNS = {  # our field -> accepted headings, lower case without spaces and punctuation
    "file": ("file", "filename", "filepath", "path", "audio", "audiofile", "audiofilename", "associatedmedia"),
    "source_id": ("occurrenceid", "recordingid", "catalognumber", "id"),
    "source_name": ("scientificname", "species", "speciesscientific", "taxon", "latinname"),
    "common_name": ("vernacularname", "commonname", "speciescommon", "english", "englishname", "label"),
    "license_source": ("license", "licence", "licenseurl", "lic"),
    "rights_holder": ("rightsholder", "owner"),
    "recorded_by": ("recordedby", "recordist", "rec", "observer"),
    "behavior": ("behavior", "behaviour", "calltype", "soundtype", "vocalization", "vocalisation"),
    "sex": ("sex",),
    "life_stage": ("lifestage", "stage", "age"),
    "remarks": ("occurrenceremarks", "remarks", "fieldnotes", "notes", "comment", "comments"),
    "country": ("country", "countrycode"),
    "locality_coarse": ("locality", "site", "location", "verbatimlocality"),
    "latitude": ("decimallatitude", "latitude", "lat"),
    "longitude": ("decimallongitude", "longitude", "lon", "lng"),
    "event_date": ("eventdate", "date", "recordingdate"),
    "event_time": ("eventtime", "time", "recordingtime"),
    "declared_duration_s": ("durationseconds", "durations", "duration"),
    "xeno_canto_id": ("xenocantoid", "xcid"),
    "source_recording": ("sourcerecording", "sourceid"),
    "url": ("references", "url", "sourceurl"),
}


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when there is no CSV, or it lacks the file column, every name column, or a licence that nothing replaces."""
    url, columns, _ = _table(source)
    name = url.rsplit("/", 1)[-1]
    if "file" not in columns:
        raise ValueError(f"{name} has no file column. Name one column `file`: each recording's path inside the folder.")
    if not {"source_name", "common_name"} & set(columns):
        raise ValueError(f"{name} has no name column. Name one column `scientificName` or `vernacularName`.")
    if "license_source" not in columns and not row.default_license:
        raise ValueError(
            f"{name} has no license column. Add one, or give the folder one licence: add-dump ... --license own "
            "(default_license in the dump's row)."
        )


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every row of the CSV in its order, then every file that no row names (problem `no_metadata_row`)."""
    inspect(source, row)
    table_url, columns, rows = _table(source)
    files = dict(list_files(source))
    named = set()
    for cells in rows:
        values = {field: cells[heading] for field, heading in columns.items()}
        path = posixpath.normpath(values.pop("file").strip().replace("\\", "/"))
        named.add(path)
        yield _record(path, values, files.get(path, ""), row.default_license)
    for path, url in files.items():
        if path not in named and url != table_url and not path.rsplit("/", 1)[-1].startswith("."):
            yield SourceRecord(path, url, problem="no_metadata_row", detail=f"no row of the CSV names {path}")


def _table(source: str) -> tuple[str, dict[str, str], list[dict]]:
    tables = [(name, url) for name, url in list_files(source) if name.lower().endswith(".csv") and "/" not in name]
    chosen = [url for name, url in tables if name.lower() == "metadata.csv"] or [url for _, url in tables]
    if len(chosen) != 1:
        names = ", ".join(name for name, _ in tables) or "none"
        raise ValueError(f"{source} must hold one CSV (metadata.csv where there are several); found: {names}.")
    with open_url(chosen[0]) as file:
        data = file.read()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ValueError(
            f"{chosen[0]} is not UTF-8: line {line} holds the byte 0x{data[error.start]:02x}. Save it as UTF-8 (in a "
            "spreadsheet: CSV UTF-8), so that no name is guessed."
        ) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    headings = {re.sub(r"[^a-z]", "", heading.lower()): heading for heading in reader.fieldnames or []}
    columns = {}
    for field, accepted in COLUMNS.items():
        heading = next((headings[name] for name in accepted if name in headings), None)
        if heading is not None:
            columns[field] = heading
    return chosen[0], columns, list(reader)


def _record(path: str, values: dict, audio: str, default_license: str) -> SourceRecord:
    fields = {field: clean(text) for field, text in values.items()}
    fields["remarks"] = values.get("remarks", "")
    # An empty cell takes the folder's licence; a cell that says "unknown" stays unknown.
    fields["license_source"] = values.get("license_source", "").strip() or default_license
    if xc_number := re.sub(r"^XC", "", fields.pop("xeno_canto_id", ""), flags=re.IGNORECASE):
        fields["source_recording"] = f"xeno_canto:XC{xc_number}"
    fields["event_date"] = iso_date(fields.get("event_date"))
    fields["event_time"] = day_time(fields.get("event_time"))
    fields["declared_duration_s"] = number(fields.get("declared_duration_s"), 0)
    fields.update(coordinates(fields.pop("latitude", ""), fields.pop("longitude", "")))
    common = fields.get("common_name", "")
    if common.startswith("(") and common.endswith(")"):
        fields["common_name"] = ""  # "(no animal: wind)", "(test file)": a note about the file, not a name
    return SourceRecord(fields.pop("source_id", "") or path, audio, fields)
