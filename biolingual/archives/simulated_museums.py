"""Writes simulated recordings as the dumps of two further archives: the Animal Sound Archive's JSON and Watkins' pages.

Both dumps are optional: name them in `simulate.dumps` and give each a row in `dumps`, Watkins' with
`default_license: LicenseRef-WHOI-Public`.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable
from pathlib import Path

PER_PAGE = 500
NOT_WATKINS = ("no_derivatives", "no_licence")  # dirt that a database without licences cannot have
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "June", "July", "Aug", "Sept", "Oct", "Nov", "Dec")
PERMISSIONS = {"by-nc-sa": "CC BY-NC-SA, no commercial use", "by-nc": "CC BY-NC", "by": "CC BY", "zero": "CC0"}


def write_animal_sound_archive(items: list, audio: Iterable[bytes], folder: Path) -> None:
    """pages/page-0001.json ... as the search answers, the last one twice, and audio/TSA_<name>.wav as downloaded."""
    sounds = folder / "audio"
    sounds.mkdir(parents=True)
    records = [animal_sound_record(item) for item in items]
    for item, record, data in zip(items, records, audio, strict=True):
        if item.dirt != "withheld":
            (sounds / f"{record['unique_identifier'].replace(':', '_')}.wav").write_bytes(data)
    pages = [records[at : at + PER_PAGE] for at in range(0, len(records), PER_PAGE)]
    for number, page in enumerate([*pages, pages[-1]], start=1):
        path = folder / "pages" / f"page-{number:04d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(page, ensure_ascii=False), encoding="utf-8")


def animal_sound_record(item) -> dict:
    """One record of the search, with the oddities real ones have: kHz among Hz, zero lengths, "/N", blanks, German."""
    names = {"mystery": "Mystery mystery", "hybrid": f"{item.species.scientific_name} x ignota"}
    species = names.get(item.dirt, item.species.scientific_name)
    name = f"{item.species.scientific_name.replace(' ', '_')}_DIG{item.index}"
    permission = {"no_licence": None, "no_derivatives": "CC BY-NC-ND"}.get(item.dirt, PERMISSIONS[item.licence])
    slowed = " Mp3-Datei 10 fach verlangsamt." if item.species.group == "bat" else ""
    return {
        "dbid": item.index,
        "unique_identifier": f"TSA:{name}",
        "filename": None if item.dirt == "withheld" else f"{name}_short",
        "species": species,
        "subspecies": None,
        "sound_type": item.behavior,
        "sex": item.sex or ("/N" if item.index % 9 == 0 else None),
        "age": item.life_stage or None,
        "author": f" {item.recordist}" if item.index % 8 == 0 else item.recordist,
        "country": item.country,
        "locality": item.locality,
        "latitude": item.latitude,
        "longitude": item.longitude,
        "recording_date": item.date,
        "recording_time": item.time.replace(":", ".") if item.index % 7 == 0 else item.time,
        "recording_type": "w",
        "description": f"Aufnahme von einem Weg in der Nähe.{slowed}",
        "description_en": item.remarks,
        "duration": f"00:00:{max(1, round(item.duration_s)):02d}",
        "durationinsec": 0.0 if item.index % 5 == 0 else item.duration_s,
        "sample_rate": item.sample_rate_hz / 1000 if item.index % 3 == 0 else item.sample_rate_hz,
        "background_species": item.background.scientific_name if item.background else None,
        "usage_permission": permission,
        "collection": "TSA",
    }


def write_watkins(items: list, audio: Iterable[bytes], folder: Path) -> None:
    """metadata/<RN>.html as the site answers, audio/<RN>.wav as downloaded."""
    (folder / "audio").mkdir(parents=True)
    (folder / "metadata").mkdir()
    for item, data in zip(items, audio, strict=True):
        number = record_number(item)
        (folder / "metadata" / f"{number}.html").write_text(watkins_page(item), encoding="utf-8")
        if item.dirt != "withheld":
            (folder / "audio" / f"{number}.wav").write_bytes(data)


def record_number(item) -> str:
    """Two digits of the year, three of the tape, three letters or digits of the cut: "230B01"."""
    cut = ""
    rest = item.index
    for _ in range(3):
        cut = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[rest % 36] + cut
        rest //= 36
    return f"{item.date[2:4]}{rest % 1000:03d}{cut}"


def watkins_page(item) -> str:
    """The two-column table of codes, with rates in kHz or Hz, decimal commas and several species in a cut."""
    names = {"mystery": "Mystery mystery", "hybrid": f"{item.species.scientific_name} x ignota"}
    heard = [names.get(item.dirt, item.species.scientific_name)]
    if item.background is not None:
        heard.append(item.background.scientific_name)
    year, month, day = item.date.split("-")
    rate = f"{item.sample_rate_hz / 1000:g}".replace(".", ",") if item.index % 2 else str(item.sample_rate_hz)
    cells = {
        "RN": record_number(item),
        "NC": "1",
        "SR": rate,
        "CS": f"{item.duration_s:g}".replace(".", "," if item.index % 3 == 0 else "."),
        "SC": item.behavior,
        "GS": " | ".join(heard),
        "GA": item.locality,
        "GC": f"{abs(item.latitude):.0f}{'NS'[item.latitude < 0]} {abs(item.longitude):.0f}{'EW'[item.longitude < 0]}",
        "DA": f"{int(day)} {MONTHS[int(month) - 1]} {year}",
        "NT": item.remarks,
    }
    rows = "".join(
        f"<tr><td><b>{code}:</b></td><td>{html.escape(text)}&nbsp;</td></tr>\n" for code, text in cells.items()
    )
    return f"<html><body>\n<table><tr><td>Watkins</td></tr></table>\n<table>\n{rows}</table></body></html>\n"
