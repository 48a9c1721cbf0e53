"""What an adapter hands to ingest: one sound as its archive tells it, and the cleaning of the text archives hold."""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field

from biolingual.storage import list_files, open_url

# "NA" is Namibia's country code and stays.
PLACEHOLDERS = {"-", "?", "/n", "no score", "unknown", "uncertain", "nan", "null", "[]", "['']"}


@dataclass(frozen=True)
class SourceRecord:
    """source_id: the archive's own id. fields: Recording fields as text or numbers. audio: address of the sound file.

    A record that the archive itself withholds has no audio and says why in `problem` (a reason code). captions: sentences
    that the archive brings along; ingest keeps them beside the manifest under the name `captioner`. slowed: how many times
    slower than life the file plays, where the archive states it; its length and rate are brought back by that.
    """

    source_id: str
    audio: str
    fields: dict = field(default_factory=dict)
    problem: str = ""
    detail: str = ""
    captions: tuple[str, ...] = ()
    captioner: str = ""
    slowed: int = 1


def page_urls(source: str) -> list[str]:
    """The addresses of an API's answers as a dump keeps them: pages/*.json."""
    return [url for name, url in list_files(source) if name.startswith("pages/") and name.endswith(".json")]


def read_page(url: str) -> object:
    """One of them. ValueError when it is not JSON."""
    with open_url(url) as file:
        try:
            return json.load(file)
        except ValueError as error:
            raise ValueError(f"{url} is not JSON ({error}). Harvest the page again.") from error


def clean(text: object) -> str:
    """One line of plain text: HTML entities undone until stable (at most three times), tags and CRLF gone, "" for placeholders."""
    value = "" if text is None else str(text)
    for _ in range(3):
        plain = html.unescape(value)
        if plain == value:
            break
        value = plain
    value = " ".join(re.sub(r"<[^<>]{1,200}>", " ", value).split())
    return "" if value.lower() in PLACEHOLDERS else value


def without_keys(text: str) -> str:
    """The text with the values of `key=`, `token=` and the like hidden: API keys travel in addresses, and errors repeat those."""
    return re.sub(r"(?i)\b((?:api_?)?key|token|secret|signature)=[^&\s\"'<>]+", r"\1=***", text)


def number(text: object, low: float = float("-inf"), high: float = float("inf")) -> float | None:
    """A finite number within [low, high], or None."""
    try:
        value = float(str(text).strip())
    except ValueError:
        return None
    return value if low <= value <= high and abs(value) != float("inf") else None


def coordinates(latitude: object, longitude: object) -> dict[str, float | None]:
    """Both coordinates, or neither: out of range, half missing, or the null island 0,0 give None."""
    lat, lon = number(latitude, -90, 90), number(longitude, -180, 180)
    if lat is None or lon is None or (lat == 0 and lon == 0):
        return {"latitude": None, "longitude": None}
    return {"latitude": lat, "longitude": lon}


def clock_s(text: object) -> float | None:
    """Seconds of "4:13" or "1:02:03"; None for anything else."""
    parts = str(text or "").split(":")
    if not 2 <= len(parts) <= 3 or not all(part.strip().isdigit() for part in parts):
        return None
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return float(seconds)


def iso_date(text: object) -> str:
    """A date as "2015-06-23" from a date or timestamp; partial ("1998-06-00") keeps what is known ("1998-06"); "" otherwise."""
    found = re.match(r"^\s*(\d{4})-(\d{2})(?:-(\d{2}))?", str(text or ""))
    if not found or found.group(1) == "0000":
        return ""
    year, month, day = found.groups()
    if int(month) > 12 or int(day or 0) > 31:
        return year
    if month == "00":
        return year
    return f"{year}-{month}" if day in (None, "00") else f"{year}-{month}-{day}"


def day_time(text: object) -> str:
    """A time as "07:05" from "7:05", "07.05" or "07:05:33Z"; "" for "?", "morning", "24:00"."""
    found = re.match(r"^\s*(\d{1,2})[:.](\d{2})(?!\d)", str(text or ""))
    if not found or int(found.group(1)) > 23 or int(found.group(2)) > 59:
        return ""
    return f"{int(found.group(1)):02d}:{found.group(2)}"


def hertz(text: object) -> float | None:
    """A sample rate in Hz from "44100", "48" or "40,96": below a thousand it is kHz, and a comma is a decimal point.

    "40,960" is 40960 Hz read either way.
    """
    value = number(str(text or "").replace(",", "."), 0.1)
    return None if value is None else value * 1000 if value < 1000 else value


STOP_WORDS = {
    "de": {
        "der",
        "die",
        "das",
        "und",
        "im",
        "am",
        "mit",
        "von",
        "bei",
        "ein",
        "eine",
        "nicht",
        "zwischen",
        "auf",
        "vom",
    },
    "en": {"the", "and", "of", "in", "with", "from", "at", "a", "by", "is", "was", "on", "for", "not", "this"},
    "es": {"el", "los", "las", "y", "con", "una", "del", "en", "por", "un"},
    "fr": {"le", "les", "et", "une", "du", "des", "dans", "avec", "sur", "un"},
    "pt": {"o", "os", "e", "com", "uma", "do", "da", "em", "por", "um"},
}


def language_of(text: str) -> str:
    """The language of some remarks by their commonest words ("de", "en", "es", "fr", "pt"), or "" where they do not decide."""
    words = re.findall(r"[^\W\d_]+", text.lower())
    counts = sorted(((sum(word in known for word in words), code) for code, known in STOP_WORDS.items()), reverse=True)
    return counts[0][1] if counts[0][0] > counts[1][0] else ""
