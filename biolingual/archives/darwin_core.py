"""Reads the tables of a Darwin Core Archive as its meta.xml describes them: delimiters, enclosure, encoding, header, defaults."""

from __future__ import annotations

import codecs
import csv
import io
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from biolingual.storage import open_url

NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"


@dataclass(frozen=True)
class TablePart:
    """One table of the archive: where its rows lie and how they are written."""

    row_type: str  # last part of the URI: "Occurrence", "Multimedia"
    location: str
    encoding: str
    delimiter: str
    quote: str  # "" = no quoting
    header_lines: int
    columns: dict[str, int]  # term (last part of its URI) -> position; the key column is "id"
    defaults: dict[str, str]


class DarwinCoreArchive:
    """An opened archive (zip). ValueError when there is no meta.xml in it or it is not one."""

    def __init__(self, url: str):
        csv.field_size_limit(sys.maxsize)
        self.url = url
        try:
            self.zip = zipfile.ZipFile(open_url(url))
        except zipfile.BadZipFile as error:
            raise ValueError(f"{url} is no zip archive ({error}). Download it again.") from error
        names = [name for name in self.zip.namelist() if not name.startswith("__MACOSX/")]
        metas = [name for name in names if name.rsplit("/", 1)[-1] == "meta.xml"]
        if not metas:
            raise ValueError(f"{url} holds no meta.xml: not a Darwin Core Archive.")
        self.folder = metas[0].removesuffix("meta.xml")
        try:
            root = ElementTree.fromstring(self.zip.read(metas[0]))
        except ElementTree.ParseError as error:
            raise ValueError(f"{url}: meta.xml is not XML ({error}).") from error
        self.parts = [_part(element) for element in root if element.tag.endswith(("core", "extension"))]

    def rows(self, row_type: str) -> Iterator[dict[str, str]]:
        """The rows of a table as {term: text}, streamed. A short row is an error that names the line."""
        for part in self.parts:
            if part.row_type == row_type:
                try:
                    yield from self._rows(part)
                except (KeyError, LookupError, UnicodeError) as error:
                    raise ValueError(f"{self.url}: {part.location or row_type} cannot be read: {error}") from error

    def _rows(self, part: TablePart) -> Iterator[dict[str, str]]:
        with self.zip.open(self.folder + part.location) as raw:
            text = io.TextIOWrapper(raw, encoding=part.encoding, newline="")
            quoting = csv.QUOTE_MINIMAL if part.quote else csv.QUOTE_NONE
            reader = csv.reader(text, delimiter=part.delimiter, quotechar=part.quote or None, quoting=quoting)
            width = max(part.columns.values()) + 1
            for position, cells in enumerate(reader):
                if position < part.header_lines or not cells:
                    continue
                if len(cells) < width:
                    raise ValueError(
                        f"{self.url}: {part.location} line {reader.line_num} has {len(cells)} columns, meta.xml says {width}."
                    )
                row = dict(part.defaults)
                row.update(
                    {term: cells[column] or part.defaults.get(term, "") for term, column in part.columns.items()}
                )
                yield row


def _part(element: ElementTree.Element) -> TablePart:
    def setting(name: str, default: str) -> str:
        return codecs.decode(element.get(name, default).encode("latin-1", "backslashreplace"), "unicode_escape")

    columns, defaults = {}, {}
    for field in element.iter(f"{NAMESPACE}field"):
        term = field.get("term", "").rsplit("/", 1)[-1]
        if field.get("index") is not None:
            columns[term] = int(field.get("index"))
        if field.get("default") is not None:
            defaults[term] = field.get("default")
    for tag in ("id", "coreid"):
        for key in element.iter(f"{NAMESPACE}{tag}"):
            columns["id"] = int(key.get("index"))
    encoding = element.get("encoding", "utf-8")
    return TablePart(
        row_type=element.get("rowType", "").rsplit("/", 1)[-1],
        location=(element.findtext(f"{NAMESPACE}files/{NAMESPACE}location") or "").strip(),
        encoding="utf-8-sig" if encoding.lower().replace("-", "") == "utf8" else encoding,
        delimiter=setting("fieldsTerminatedBy", ","),
        quote=setting("fieldsEnclosedBy", '"'),
        header_lines=int(element.get("ignoreHeaderLines", "0") or 0),
        columns=columns,
        defaults=defaults,
    )
