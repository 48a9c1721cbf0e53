"""Writes simulated recordings as the true dump formats: Xeno-canto API v3 pages, and an iNaturalist Darwin Core Archive."""

from __future__ import annotations

import csv
import html
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

PER_PAGE = 500
GROUPS = {"bird": "birds", "frog": "frogs", "insect": "grasshoppers", "mammal": "land mammals", "bat": "bats"}
XC_FIRST_ID = 100000
INAT_FIRST_ID = 500000
DWC = "http://rs.tdwg.org/dwc/terms/"
DCTERMS = "http://purl.org/dc/terms/"
OBSERVATION_TERMS = {
    "id": "",
    "occurrenceID": DWC,
    "basisOfRecord": DWC,
    "occurrenceRemarks": DWC,
    "recordedBy": DWC,
    "captive": "http://www.inaturalist.org/terms/",
    "eventDate": DWC,
    "eventTime": DWC,
    "verbatimLocality": DWC,
    "decimalLatitude": DWC,
    "decimalLongitude": DWC,
    "coordinateUncertaintyInMeters": DWC,
    "countryCode": DWC,
    "taxonID": DWC,
    "scientificName": DWC,
    "taxonRank": DWC,
    "kingdom": DWC,
    "license": DCTERMS,
    "rightsHolder": DCTERMS,
    "sex": DWC,
    "lifeStage": DWC,
    "dynamicProperties": DWC,
}
MEDIA_TERMS = {
    "id": "",
    "type": DCTERMS,
    "format": DCTERMS,
    "identifier": DCTERMS,
    "references": DCTERMS,
    "created": DCTERMS,
    "creator": DCTERMS,
    "publisher": DCTERMS,
    "license": DCTERMS,
    "rightsHolder": DCTERMS,
    "catalogNumber": DWC,
}


def write_xeno_canto(items: list, audio: Iterable[bytes], folder: Path) -> None:
    """pages/page-0001.json ... as the API answers, and audio/XC<id>.<extension> as downloaded."""
    sounds = folder / "audio"
    sounds.mkdir(parents=True)
    for item, data in zip(items, audio, strict=True):
        if item.dirt != "withheld":
            (sounds / f"XC{XC_FIRST_ID + item.index}.{item.extension}").write_bytes(data)
    pages = [items[at : at + PER_PAGE] for at in range(0, len(items), PER_PAGE)]
    for number, page in enumerate(pages, start=1):
        envelope = {
            "numRecordings": str(len(items)),
            "numSpecies": str(len({item.species.scientific_name for item in items})),
            "page": number,
            "numPages": len(pages),
            "recordings": [xeno_canto_recording(item) for item in page],
        }
        path = folder / "pages" / f"page-{number:04d}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(envelope, ensure_ascii=False, indent=1), encoding="utf-8")


def xeno_canto_recording(item) -> dict:
    """One recording object of API v3, with the oddities real ones have."""
    number = XC_FIRST_ID + item.index
    genus, epithet = item.species.scientific_name.split()
    english = item.species.common_name
    if item.dirt == "mystery":
        genus, epithet, english = "Mystery", "mystery", "Identity unknown"
    if item.dirt == "hybrid":
        epithet, english = f"{epithet} x {genus} ignota", f"{english} (hybrid)"
    withheld = item.dirt == "withheld"
    odd = item.index % 7 == 0  # a seventh of the objects show the encoding oddities
    licence = {"no_licence": None, "no_derivatives": "https://creativecommons.org/licenses/by-nc-nd/4.0/"}.get(
        item.dirt, licence_url(item.licence)
    )
    recording = {
        "id": number if odd else str(number),
        "gen": genus,
        "sp": epithet,
        "ssp": "",
        "grp": GROUPS[item.species.group],
        "en": english,
        "rec": html.escape(item.recordist) if odd else item.recordist,
        "cnt": item.country,
        "loc": html.escape(html.escape(item.locality)) if odd else item.locality,
        "lat": None if withheld else str(item.latitude),
        "lon": None if withheld else str(item.longitude),
        "alt": "?" if odd else "120",
        "type": item.behavior,
        "sex": item.sex,
        "stage": item.life_stage,
        "method": "field recording",
        "url": f"https://xeno-canto.org/{number}",
        "file": None if withheld else f"https://xeno-canto.org/{number}/download",
        "file-name": None if withheld else f"XC{number}-simulated.{item.extension}",
        "sono": {"small": None, "med": None, "large": None, "full": None},
        "osci": {"small": None, "med": None, "large": None},
        "lic": licence,
        "q": "ABCDE"[item.index % 5] if item.index % 11 else "no score",
        "length": f"0:{max(1, round(item.duration_s)):02d}",
        "time": item.time,
        "date": item.date,
        "uploaded": "2026-01-05",
        "also": [item.background.scientific_name] if item.background else [""] if odd else [],
        "rmk": item.remarks,
        "animal-seen": "unknown",
        "playback-used": "no",
        "temp": None,
        "regnr": "",
        "auto": "no",
        "dvc": "",
        "mic": "",
        "smp": str(item.sample_rate_hz),
        "annotation-set": [],
    }
    if withheld:
        recording["_meta"] = {"redacted_fields": {"loc": "restricted_species", "file": "restricted_species"}}
    return recording


def licence_url(code: str) -> str:
    if code == "zero":
        return "https://creativecommons.org/publicdomain/zero/1.0/"
    return f"https://creativecommons.org/licenses/{code}/4.0/"


def write_inaturalist(items: list, audio: Iterable[bytes], folder: Path) -> None:
    """gbif-observations-dwca.zip (meta.xml, observations.csv, media.csv), and sounds/<id>.<extension> as downloaded."""
    sounds = folder / "sounds"
    sounds.mkdir(parents=True)
    observations: dict[str, dict] = {}
    media = []
    for item, data in zip(items, audio, strict=True):
        (sounds / f"{INAT_FIRST_ID + item.index}.{item.extension}").write_bytes(data)
        row = inaturalist_observation(item)
        observations.setdefault(row["id"], row)
        media += inaturalist_media(item, row["id"])
    with zipfile.ZipFile(folder / "gbif-observations-dwca.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("meta.xml", meta_xml()),
            ("observations.csv", csv_text(list(OBSERVATION_TERMS), observations.values())),
            ("media.csv", csv_text(list(MEDIA_TERMS), media)),
        ):
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 5, 0, 0, 0)), text.encode("utf-8"))


def inaturalist_observation(item) -> dict:
    # Two animals that one observer met on one visit and that are one species share an observation.
    number = f"{item.index // 3}{item.species.scientific_name.encode()[0]:03d}{item.species.position:02d}"
    return {
        "id": number,
        "occurrenceID": f"https://www.inaturalist.org/observations/{number}",
        "basisOfRecord": "HumanObservation",
        "occurrenceRemarks": item.remarks,
        "recordedBy": item.recordist,
        "captive": "wild",
        "eventDate": item.date,
        "eventTime": item.time,
        "verbatimLocality": f"{item.locality}, {item.country}",
        "decimalLatitude": str(item.latitude),
        "decimalLongitude": str(item.longitude),
        "coordinateUncertaintyInMeters": "28000" if item.index % 13 == 0 else "10",
        "countryCode": "",
        "taxonID": "",
        "scientificName": item.species.scientific_name,
        "taxonRank": "species",
        "kingdom": "Animalia",
        "license": "http://creativecommons.org/publicdomain/zero/1.0/",
        "rightsHolder": item.recordist,
        "sex": item.sex,
        "lifeStage": item.life_stage,
        "dynamicProperties": json.dumps({"behavior": item.behavior}),
    }


def inaturalist_media(item, observation: str) -> list[dict]:
    number = INAT_FIRST_ID + item.index
    shared = {
        "id": observation,
        "created": f"{item.date}T{item.time}:00Z",
        "creator": item.recordist,
        "publisher": "iNaturalist",
        "rightsHolder": item.recordist,
    }
    sound = {
        "type": "Sound",
        "format": "audio/mpeg" if item.extension == "mp3" else "audio/x-wav",
        "identifier": f"https://static.inaturalist.org/sounds/{number}.{item.extension}?1767600000",
        "references": f"https://www.inaturalist.org/sounds/{number}",
        "license": "" if item.dirt == "no_licence" else licence_url(item.licence).replace("https", "http"),
        "catalogNumber": str(number),
    }
    rows = [{**shared, **sound}]
    if item.index % 5 == 0:  # photographs sit among the media
        picture = f"https://inaturalist-open-data.s3.amazonaws.com/photos/{number}/original.jpeg"
        rows.insert(
            0, {**shared, "type": "StillImage", "format": "image/jpeg", "identifier": picture, "catalogNumber": "1"}
        )
    return rows


def csv_text(columns: list[str], rows: Iterable[dict]) -> str:
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue()


def meta_xml() -> str:
    """The archive's descriptor, as the Darwin Core text guide asks for it."""

    def part(tag: str, row_type: str, file: str, terms: dict[str, str], key: str) -> str:
        fields = "".join(
            f'    <field index="{i}" term="{prefix}{name}"/>\n' for i, (name, prefix) in enumerate(terms.items()) if i
        )
        return (
            f'  <{tag} encoding="UTF-8" fieldsTerminatedBy="," linesTerminatedBy="\\n" fieldsEnclosedBy="&quot;" '
            f'ignoreHeaderLines="1" rowType="{row_type}">\n    <files><location>{file}</location></files>\n'
            f'    <{key} index="0"/>\n{fields}  </{tag}>\n'
        )

    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<archive xmlns="http://rs.tdwg.org/dwc/text/" metadata="eml.xml">\n'
        + part("core", f"{DWC}Occurrence", "observations.csv", OBSERVATION_TERMS, "id")
        + part("extension", "http://rs.gbif.org/terms/1.0/Multimedia", "media.csv", MEDIA_TERMS, "coreid")
        + "</archive>\n"
    )
