"""Small dumps written by hand for the tests of the adapters."""

import zipfile
from pathlib import Path

from biolingual.params import DumpRow

# What ails a sound of the simulated world -> the reason it is rejected for.
REASONS = {
    "no_derivatives": "licence_no_derivatives",
    "no_licence": "licence_missing_or_unknown",
    "truncated": "truncated",
    "html_page": "html_page",
    "silent": "silent",
    "mystery": "name_placeholder",
    "hybrid": "name_hybrid",
}


def dump_row(archive: str, licence: str = "", origin: str = "real") -> DumpRow:
    """A row of params.yaml for a dump without a checklist."""
    return DumpRow(archive=archive, origin=origin, source="", digest="", checklist="", default_license=licence)


def save(folder: Path, files: dict[str, str | bytes]) -> str:
    """Writes the files below `folder`; returns its address."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return str(folder)


def table_xml(tag: str, row_type: str, file: str, terms: list[str], settings: str) -> str:
    """A core or extension of meta.xml with its key in column 0, whatever term that column has."""
    fields = "".join(f'<field index="{i}" term="http://rs.tdwg.org/dwc/terms/{term}"/>' for i, term in enumerate(terms))
    key = "id" if tag == "core" else "coreid"
    return (
        f'<{tag} {settings} ignoreHeaderLines="1" rowType="http://rs.gbif.org/terms/1.0/{row_type}">'
        f'<files><location>{file}</location></files><{key} index="0"/>{fields}</{tag}>'
    )


GBIF = 'fieldsTerminatedBy="\\t" linesTerminatedBy="\\n" fieldsEnclosedBy="" encoding="UTF-8"'
PUBLISHER = 'fieldsTerminatedBy="," linesTerminatedBy="\\r\\n" fieldsEnclosedBy="&quot;" encoding="UTF-8"'


def darwin_core(path: Path, occurrences: list[dict], media: list[dict], settings: str = GBIF) -> None:
    """An archive in GBIF's form (tabs, no quotes) or a publisher's (quoted CSV); the first key of a row is its id."""
    with zipfile.ZipFile(path, "w") as archive:
        parts = []
        for tag, row_type, name, rows in (
            ("core", "Occurrence", "occurrence.txt", occurrences),
            ("extension", "Multimedia", "multimedia.txt", media),
        ):
            terms = list(dict.fromkeys(term for row in rows for term in row))
            parts.append(table_xml(tag, row_type, name, terms, settings))
            if settings == GBIF:
                lines = ["\t".join(terms)] + ["\t".join(row.get(term, "") for term in terms) for row in rows]
                text = "".join(line + "\n" for line in lines)
            else:
                quoted = [
                    ",".join('"{}"'.format(row.get(term, "").replace('"', '""')) for term in terms) for row in rows
                ]
                text = "\r\n".join([",".join(terms), *quoted, ""])
            archive.writestr(name, text)
        archive.writestr("meta.xml", f'<archive xmlns="http://rs.tdwg.org/dwc/text/">{"".join(parts)}</archive>')
