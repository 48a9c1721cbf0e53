"""Watkins Marine Mammal Sound Database: a dump is its metadata pages (metadata/<RN>.html, from metaData.cfm?RN=<RN>), the
cuts (audio/<RN>.wav) and, if kept, the start page (index.html), whose list tells the common names of species codes.

The site states terms of use but no licence, so the dump's row must name what one uses it under. Field codes: WHOI Technical
Report 92-31.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from html.parser import HTMLParser

from biolingual.archives.source import SourceRecord, clean, clock_s, coordinates, hertz, number
from biolingual.params import DumpRow
from biolingual.storage import list_files, open_url

NAME = re.compile(r"[A-Z][a-z]+\b.*")  # with its "x", "cf." or "sp.", which the taxonomy judges
SPECIES_CODE = re.compile(r"\b[A-Z]{2}\d{1,2}[A-Z]\b")
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
PAGE = "https://whoicf2.whoi.edu/science/B/whalesounds/metaData.cfm?RN={}"


def inspect(source: str, row: DumpRow) -> None:
    """ValueError when `source` holds no metadata pages, or the row names no licence."""
    if not any(name.startswith("metadata/") for name, _ in list_files(source)):
        raise ValueError(
            f"{source} has no metadata/*.html: not a Watkins dump. Save each metaData.cfm?RN=... page there as <RN>.html."
        )
    if not row.default_license:
        raise ValueError(
            "The Watkins database states no licence, only terms of use. Read them, then name what you use it under: "
            "add-dump ... --license LicenseRef-WHOI-Public (default_license)."
        )


def read(source: str, row: DumpRow) -> Iterator[SourceRecord]:
    """Every metadata page, by its record number (text: it holds letters and may begin with 0); then every other file."""
    inspect(source, row)
    listed = dict(list_files(source))
    files = {
        name.rsplit("/", 1)[-1].rpartition(".")[0]: url for name, url in listed.items() if name.startswith("audio/")
    }
    names = species_names(_text(listed["index.html"])) if "index.html" in listed else {}
    for name, url in listed.items():
        if name.startswith("metadata/"):
            stem = name.rsplit("/", 1)[-1].rpartition(".")[0]
            cells = table(_text(url))
            number_ = cells.get("RN", "")
            if number_ != stem:
                detail = f"{name} tells of record {number_!r}: an error page, or another record's"
                yield SourceRecord(stem, files.pop(stem, ""), problem="metadata_unreadable", detail=detail)
                continue
            yield _record(number_, cells, files.pop(number_, ""), names, row)
    for stem, url in files.items():
        yield SourceRecord(f"file-{stem}", url, problem="no_metadata_row", detail="no page names this cut")


class _Cells(HTMLParser):
    """The text of each row's cells."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self.inside = False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self.inside = True

    def handle_endtag(self, tag):
        if tag in ("td", "th", "tr", "table"):
            self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def table(page: str) -> dict[str, str]:
    """{code: text} of the rows with two cells: `RN:` | `62031001`. The first of a repeated code stands."""
    parser = _Cells()
    parser.feed(page)
    found: dict[str, str] = {}
    for cells in parser.rows:
        code = cells[0].strip().rstrip(":").strip() if len(cells) == 2 else ""
        if re.fullmatch(r"[A-Z]{2}", code):
            found.setdefault(code, " ".join(cells[1].split()))
    return found


def species_names(page: str) -> dict[str, str]:
    """{species code: common name} of the start page's list, whose entries lead to ...code=BD12A."""
    options = re.findall(r'<option[^>]*value="[^"]*code=(\w+)[^"]*"[^>]*>([^<]+)', page, re.IGNORECASE)
    return {code: clean(html.unescape(name)) for code, name in options}


def _text(url: str) -> str:
    with open_url(url) as file:
        data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("windows-1252", "replace")


def _record(number_: str, cells: dict[str, str], audio: str, names: dict[str, str], row: DumpRow) -> SourceRecord:
    heard = [part.strip() for part in cells.get("GS", "").split("|")]
    species = list(dict.fromkeys(found.group().strip() for part in heard if (found := NAME.search(part))))
    codes = [found.group() for part in heard if (found := SPECIES_CODE.search(part))]
    return SourceRecord(
        source_id=number_,
        audio=audio,
        fields={
            "source_name": species[0] if species else "",
            "common_name": names.get(codes[0], "") if codes else "",
            "background_species": species[1:],
            "behavior": clean(cells.get("SC")),
            "remarks": cells.get("NT", ""),
            "license_source": row.default_license,
            "locality_coarse": clean(cells.get("GA")),
            **_place(cells.get("GC", "")),
            "event_date": _date(cells.get("OD", "").split("|")[0]) or _date(cells.get("DA", "")),
            "declared_duration_s": _seconds(cells.get("CS", "")),
            "source_sample_rate_hz": hertz(cells.get("SR")),
            "url": PAGE.format(number_),
        },
    )


def _seconds(text: str) -> float | None:
    """Cut size: seconds ("12.5", "12,5 s") or minutes and seconds ("1:07")."""
    found = re.match(r"\s*(\d+(?:[.,]\d+)?)\s*(?:s|sec|seconds)?\.?\s*$", text, re.IGNORECASE)
    return number(found.group(1).replace(",", "."), 0.001) if found else clock_s(text)


def _place(text: str) -> dict:
    """Whole degrees with their letters: "42N 70W"."""
    found = re.search(r"(\d{1,2})\s*([NS])\W+(\d{1,3})\s*([EW])", text.upper())
    if not found:
        return coordinates(None, None)
    latitude, longitude = float(found.group(1)), float(found.group(3))
    place = coordinates(
        -latitude if found.group(2) == "S" else latitude, -longitude if found.group(4) == "W" else longitude
    )
    return {**place, "coordinate_uncertainty_m": 80_000.0}  # half a degree's diagonal


def _date(text: str) -> str:
    """ "14 Apr 1975", "Sept. 1962", "1975-04-14" -> what is known of it, as ISO; "" where there is no year of four digits."""
    iso = re.search(r"\b(1[89]\d\d|20\d\d)-(\d\d)(?:-(\d\d))?\b", text)
    if iso:
        return "-".join(part for part in iso.groups() if part and part != "00")
    year = re.search(r"\b(1[89]\d\d|20\d\d)\b", text)
    if not year:
        return ""
    word = re.search(r"\b([A-Za-z]{3})[a-z]*\b", text)
    month = MONTHS.index(word.group(1).lower()) + 1 if word and word.group(1).lower() in MONTHS else None
    day = re.search(r"\b([0-3]?\d)\b(?!\d)", text.replace(year.group(), " "))
    if not month:
        return year.group()
    return f"{year.group()}-{month:02d}" + (f"-{int(day.group(1)):02d}" if day and 1 <= int(day.group(1)) <= 31 else "")
