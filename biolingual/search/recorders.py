"""What a recorder wrote beside the sound: AudioMoth's comment, GUANO, file names, and a CSV that overrules them all.

Sources of the forms: the AudioMoth firmware's comment ("Recorded at 05:30:00 12/05/2023 (UTC+2) by AudioMoth 24E1..."), the
GUANO 1.0 specification (a RIFF chunk `guan` of "Key: value" lines in UTF-8).
"""

from __future__ import annotations

import csv
import io
import posixpath
import re
import struct
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import IO

from biolingual.storage import open_url

COMMENT = re.compile(
    r"Recorded at (\d\d:\d\d:\d\d)(?:\.\d+)? (\d\d/\d\d/\d{4}) \(UTC([+-]\d+(?::\d+)?)?\)(?:.*?by (AudioMoth [0-9A-Fa-f]+))?"
)
STAMP = re.compile(r"(?<!\d)((?:19|20)\d\d)[-_]?(\d\d)[-_]?(\d\d)[T_ -]+(\d\d)[-:_]?(\d\d)(?:[-:_]?(\d\d))?(?!\d)")
HEX_NAME = re.compile(r"[0-9A-Fa-f]{8}")
COLUMNS = {  # our field -> accepted headings, lower case, letters alone
    "file": ("file", "filename", "filepath", "path", "recording", "beginfile"),
    "site": ("site", "location", "locality", "locationid", "siteid", "point", "station", "plot"),
    "deployment": ("deployment", "deploymentid", "recorder", "unit"),
    "recorded_at": ("recordedat", "datetime", "timestamp", "eventdatetime", "start", "starttime"),
    "date": ("date", "eventdate", "recordingdate"),
    "time": ("time", "eventtime", "recordingtime"),
    "latitude": ("latitude", "decimallatitude", "lat"),
    "longitude": ("longitude", "decimallongitude", "lon", "lng"),
}
GUANO_LIMIT = 1 << 16  # bytes; a chunk that claims more is not read


@dataclass(frozen=True)
class Circumstances:
    """Where and when. recorded_at: local time as the recorder kept it, ISO without zone; an empty text or None is unknown."""

    site: str = ""
    deployment: str = ""
    recorded_at: str = ""
    utc_offset: str = ""
    latitude: float | None = None
    longitude: float | None = None
    device: str = ""

    def over(self, other: Circumstances) -> Circumstances:
        """These facts, and the other's where these are silent."""
        known = {name: value for name, value in asdict(self).items() if value not in ("", None)}
        if "recorded_at" in known and "utc_offset" not in known:
            known["utc_offset"] = ""
        return replace(other, **known)


def of_comment(comment: str) -> Circumstances:
    """What AudioMoth's comment says; nothing of a comment in another form."""
    found = COMMENT.search(comment or "")
    if not found:
        return Circumstances()
    clock, day, offset, device = found.groups()
    moment = datetime.strptime(f"{day} {clock}", "%d/%m/%Y %H:%M:%S")
    return Circumstances(recorded_at=moment.isoformat(), utc_offset=offset or "+0", device=device or "")


def of_guano(text: str) -> Circumstances:
    """What a GUANO block says: Timestamp, Loc Position, Site or the prefix of the recorder, Make, Model, Serial."""
    lines = dict(
        (key.strip(), value.strip()) for key, _, value in (line.partition(":") for line in text.splitlines()) if value
    )
    moment, offset = _iso(lines.get("Timestamp", ""))
    place = re.findall(r"-?\d+(?:\.\d+)?", lines.get("Loc Position", ""))
    latitude, longitude = _place(*place) if len(place) == 2 else (None, None)
    site = lines.get("Site") or lines.get("WA|Song Meter|Prefix") or lines.get("Station") or ""
    device = " ".join(lines[key] for key in ("Make", "Model", "Serial") if key in lines)
    return Circumstances(site, "", moment, offset, latitude, longitude, device)


def guano_of(file: IO) -> str:
    """The GUANO text of an open RIFF or RF64 file; empty for any other file. Chunks are skipped, not read."""
    file.seek(0)
    head = file.read(12)
    if len(head) < 12 or head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        return ""
    while len(chunk := file.read(8)) == 8:
        name, size = chunk[:4], struct.unpack("<I", chunk[4:])[0]
        if name == b"guan":
            return file.read(size).decode("utf-8", "replace").rstrip("\0") if size <= GUANO_LIMIT else ""
        if size == 0xFFFFFFFF:  # an RF64's length stands elsewhere, an unfinished file's nowhere
            return ""
        file.seek(size + size % 2, 1)
    return ""


def of_name(path: str) -> Circumstances:
    """What a relative path says: SITE_20230512_053000.wav, 2023-05-12T05-30-00, AudioMoth's hexadecimal seconds; folders.

    The site is what stands before the date, else the first folder; the deployment is the folder.
    """
    folder, name = posixpath.split(path)
    stem = posixpath.splitext(name)[0]
    site, moment = "", ""
    if found := STAMP.search(stem):
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups())
        try:
            moment = datetime(year, month, day, hour, minute, second).isoformat()
            site = stem[: found.start()].strip(" _-$")
        except ValueError:
            moment = ""
    elif HEX_NAME.fullmatch(stem) and re.search("[A-Fa-f]", stem):
        moment = datetime.fromtimestamp(int(stem, 16), UTC).replace(tzinfo=None).isoformat()
    return Circumstances(site or folder.split("/")[0], folder, moment)


def read_table(url: str) -> dict[str, Circumstances]:
    """Relative path (or bare file name) -> what a CSV says of it. ValueError when it lacks a file column or holds a bad time."""
    with open_url(url) as file:
        text = file.read().decode("utf-8-sig")
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    headings = {re.sub(r"[^a-z]", "", heading.lower()): heading for heading in reader.fieldnames or []}
    column = {
        field: headings[accepted]
        for field, names in COLUMNS.items()
        for accepted in reversed(names)
        if accepted in headings
    }
    if "file" not in column:
        raise ValueError(f"{url} has no file column. Name one column `file`: each recording's path inside the folder.")
    found = {}
    for number, row in enumerate(reader, 2):
        cell = {field: (row[heading] or "").strip() for field, heading in column.items()}
        written = cell.get("recorded_at") or " ".join(filter(None, (cell.get("date"), cell.get("time"))))
        moment, offset = _iso(written)
        if written and not moment:
            raise ValueError(
                f"{url}, line {number}: {written!r} is no date. Write it as 2023-05-12 or 2023-05-12 05:30:00."
            )
        try:
            latitude, longitude = _place(cell.get("latitude", ""), cell.get("longitude", ""))
        except ValueError as error:
            raise ValueError(f"{url}, line {number}: {error}") from error
        path = posixpath.normpath(cell["file"].replace("\\", "/"))
        found[path] = Circumstances(
            cell.get("site", ""), cell.get("deployment", ""), moment, offset, latitude, longitude
        )
    return found


def circumstances(path: str, header: Circumstances, table: dict[str, Circumstances]) -> Circumstances:
    """All that is known of a recording: the CSV first, then its header, then its name."""
    told = table.get(path) or table.get(posixpath.basename(path)) or Circumstances()
    return told.over(header.over(of_name(path)))


def as_header(values: dict) -> Circumstances:
    """Circumstances from their own dictionary."""
    known = {field.name for field in fields(Circumstances)}
    return Circumstances(**{name: value for name, value in values.items() if name in known})


def _iso(text: str) -> tuple[str, str]:
    """(ISO without zone, offset) of a date and time; empty texts where it is none."""
    text = re.sub(r"^(\d{4})(\d\d)(\d\d)\b", r"\1-\2-\3", text.strip())
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return "", ""
    offset = moment.utcoffset()
    shown = "" if offset is None else f"{offset / timedelta(hours=1):+g}"
    return moment.replace(tzinfo=None, microsecond=0).isoformat(), shown


def _place(latitude: str, longitude: str) -> tuple[float | None, float | None]:
    if not latitude or not longitude:
        return None, None
    north, east = float(latitude), float(longitude)
    if abs(north) > 90 or abs(east) > 180:
        raise ValueError(f"latitude {latitude} and longitude {longitude} are no place on earth.")
    return north, east
