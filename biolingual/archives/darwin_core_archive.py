"""Streams the tables of a Darwin Core Archive as its meta.xml describes them, and accounts for every line of them.

The format: Darwin Core text guide, https://dwc.tdwg.org/text/. Terms are bound by the last part of their URI, so the
order of columns does not matter. Memory does not grow with the number of rows.
"""

from __future__ import annotations

import codecs
import csv
import io
import sys
import tarfile
import xml.etree.ElementTree as ElementTree
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import IO

from biolingual.storage import list_files, open_url

NAMESPACE = "{http://rs.tdwg.org/dwc/text/}"
LONGEST_ROW = 1000  # lines; a quote that is never closed would else swallow the rest of the table
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class TablePart:
    """One table of the archive: where its rows lie and how they are written."""

    row_type: str  # last part of the URI: "Occurrence", "Multimedia"
    is_core: bool
    locations: list[str]
    encoding: str
    delimiter: str
    quote: str  # "" = no quoting
    line_end: str
    header_lines: int
    columns: dict[str, int]  # term (last part of its URI) -> position; the key column is "id"
    defaults: dict[str, str]


@dataclass(frozen=True)
class Fault:
    """A line that is no row of its table, and why."""

    location: str
    line: int
    reason: str


@dataclass
class Tally:
    """What became of the lines of a file: lines = header + blank + faulty + rows + continued."""

    lines: int = 0
    header: int = 0
    blank: int = 0
    faulty: int = 0
    rows: int = 0
    continued: int = 0  # further lines of rows whose quoted cells hold line ends

    def accounted(self) -> int:
        return self.header + self.blank + self.faulty + self.rows + self.continued


@dataclass
class _Lines:
    """Counts the lines that pass, and those since the last row."""

    source: Iterator[str]
    place: str
    tally: Tally
    since_row: int = field(default=0)

    def __iter__(self) -> Iterator[str]:
        for line in self.source:
            self.tally.lines += 1
            self.since_row += 1
            if self.since_row > LONGEST_ROW:
                first = self.tally.lines - LONGEST_ROW
                raise ValueError(f"{self.place}: the quote opened in line {first} is not closed within {LONGEST_ROW}.")
            yield line


class DarwinCoreArchive:
    """An opened archive: a zip, a tar (gzipped or not), or a folder. ValueError when there is no meta.xml in it."""

    def __init__(self, url: str):
        csv.field_size_limit(sys.maxsize)
        self.url = url
        names, self._open = container(url)
        metas = [name for name in names if name.rsplit("/", 1)[-1] == "meta.xml" and not _is_junk(name)]
        if not metas:
            raise ValueError(f"{url} holds no meta.xml: not a Darwin Core Archive.")
        meta = min(metas, key=lambda name: (name.count("/"), name))
        self.folder = meta.removesuffix("meta.xml")
        self.names = set(names)
        self.tallies: dict[str, Tally] = {}
        try:
            with self._open(meta) as file:
                root = ElementTree.fromstring(file.read())
        except ElementTree.ParseError as error:
            raise ValueError(f"{url}: meta.xml is not XML ({error}).") from error
        self.parts = [_part(element) for element in root if element.tag.endswith(("core", "extension"))]

    def rows(self, row_type: str, faults: list[Fault] | None = None) -> Iterator[dict[str, str]]:
        """The rows of a table as {term: text}, streamed; of the core alone where it and an extension have this type.

        A line that is no row goes to `faults`; without that list, and where the very first one is none, it is a ValueError.
        """
        found = [part for part in self.parts if part.row_type == row_type]
        # GBIF's downloads repeat their core as verbatim.txt, under the same type.
        for part in [part for part in found if part.is_core] or found:
            if not part.locations:
                raise ValueError(f"{self.url}: meta.xml names no file for its {row_type} table.")
            for location in part.locations:
                yield from self._rows(part, location, faults)

    def _rows(self, part: TablePart, location: str, faults: list[Fault] | None) -> Iterator[dict[str, str]]:
        place = f"{self.url}: {location}"
        tally = self.tallies[location] = Tally()
        width = max(part.columns.values(), default=-1) + 1
        try:
            with self._open(self.folder + location) as raw:
                for cells, reason in _records(part, raw, place, tally):
                    if not reason and len(cells) < width:
                        reason = f"{location} line {tally.lines} has {len(cells)} columns, meta.xml says {width}"
                    if reason:
                        tally.faulty += 1
                        if faults is None or not tally.rows:
                            raise ValueError(f"{self.url}: {reason}.")
                        faults.append(Fault(location, tally.lines, reason))
                        continue
                    tally.rows += 1
                    row = dict(part.defaults)
                    for term, column in part.columns.items():
                        row[term] = cells[column] or part.defaults.get(term, "")
                    yield row
        except (LookupError, UnicodeError, zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
            raise ValueError(f"{place} cannot be read after line {tally.lines}: {error}") from error
        if tally.accounted() != tally.lines:
            raise ValueError(
                f"{place} has {tally.lines} lines, of which {tally.accounted()} are accounted for: {tally}."
            )


def _records(part: TablePart, raw: IO[bytes], place: str, tally: Tally) -> Iterator[tuple[list[str], str]]:
    """(cells, "") of every record after the header, or ([], what is wrong with it)."""
    buffered = io.BufferedReader(raw) if not hasattr(raw, "peek") else raw
    head = buffered.peek(4)[:4]
    encoding = next((codec for mark, codec in BYTE_ORDER_MARKS.items() if head.startswith(mark)), part.encoding)
    newline = "\r" if part.line_end == "\r" else "\n"  # U+0085 and the like are text, and so is a lone \r in a cell
    text = io.TextIOWrapper(buffered, encoding=encoding, newline=newline)
    lines = _Lines(iter(text), place, tally)
    waiting = iter(lines)
    for _ in range(part.header_lines):
        if next(waiting, None) is not None:
            tally.header += 1
            lines.since_row = 0
    if not part.quote:
        for line in waiting:
            lines.since_row = 0
            if line.strip("\r\n"):
                yield line.rstrip("\r\n").split(part.delimiter), ""
            else:
                tally.blank += 1
        return
    # Strict: else a stray quote glues cells together without a word.
    reader = csv.reader(waiting, delimiter=part.delimiter, quotechar=part.quote, strict=True)
    while True:
        lines.since_row = 0
        try:
            cells, reason = next(reader), ""
        except StopIteration:
            return
        except csv.Error as error:
            cells, reason = [], f"{place.rsplit(': ', 1)[-1]} line {tally.lines} is not well quoted ({error})"
        tally.continued += max(0, lines.since_row - 1)
        if cells or reason:
            yield cells, reason
        else:
            tally.blank += 1


def container(url: str) -> tuple[list[str], Callable[[str], IO[bytes]]]:
    """(names of the files in a zip, tar or folder, how to open one)."""
    files = dict(list_files(url))
    if "meta.xml" in files or len(files) != 1:
        return list(files), lambda name: open_url(files[name])
    file = open_url(next(iter(files.values())))
    try:
        if zipfile.is_zipfile(file):
            opened = zipfile.ZipFile(file)
            return opened.namelist(), opened.open
        file.seek(0)
        tar = tarfile.open(fileobj=file)  # noqa: SIM115 - read from as long as the archive is
        return tar.getnames(), lambda name: tar.extractfile(name)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError) as error:
        told = str(error).split("\n")[0]
        raise ValueError(f"{url} is no zip archive, nor a tar ({told}). Download it again.") from error


def _is_junk(name: str) -> bool:
    """What macOS adds to archives: __MACOSX/ and ._ files."""
    return name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("._")


def _part(element: ElementTree.Element) -> TablePart:
    def setting(name: str, default: str) -> str:
        return codecs.decode(element.get(name, default).encode("latin-1", "backslashreplace"), "unicode_escape")

    columns, defaults = {}, {}
    for item in element.iter(f"{NAMESPACE}field"):
        term = item.get("term", "").replace("#", "/").rsplit("/", 1)[-1]
        if item.get("index") is not None:
            columns.setdefault(term, int(item.get("index")))
        if item.get("default") is not None:
            defaults[term] = item.get("default")
    for tag in ("id", "coreid"):
        for key in element.iter(f"{NAMESPACE}{tag}"):
            columns["id"] = int(key.get("index"))
    encoding = element.get("encoding", "utf-8")
    return TablePart(
        row_type=element.get("rowType", "").rsplit("/", 1)[-1],
        is_core=element.tag.endswith("core"),
        locations=[
            item.text.strip() for item in element.iter(f"{NAMESPACE}location") if item.text and item.text.strip()
        ],
        encoding="utf-8-sig" if encoding.lower().replace("-", "") == "utf8" else encoding,
        delimiter=setting("fieldsTerminatedBy", ","),
        quote=setting("fieldsEnclosedBy", '"'),
        line_end=setting("linesTerminatedBy", "\n"),
        header_lines=int(element.get("ignoreHeaderLines", "0") or 0),
        columns=columns,
        defaults=defaults,
    )
