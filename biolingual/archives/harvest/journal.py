"""What a harvest is asked for, the journal it keeps in the dump (harvest.jsonl), and its diff to a former dump's."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from biolingual.archives.source import without_keys

JOURNAL = "harvest.jsonl"


@dataclass(frozen=True)
class Order:
    """What is asked of an archive. query: in its own search's form; limit: sounds, 0 = all; site: another host than its own."""

    archive: str
    query: str = ""
    since: str = ""  # a date
    limit: int = 0
    site: str = ""
    key: str = field(default="", repr=False)

    def public(self) -> dict:
        """What of it may be written down: an address in place of a query may hold a password or a token."""
        told = {name: value for name, value in asdict(self).items() if name not in ("key", "site")}
        return told | {"query": without_keys(re.sub(r"://[^/\s@]+@", "://", self.query))}


@dataclass(frozen=True)
class Diff:
    """Ids of sounds against the former dump. changed and gone are told, not taken: a dump is immutable."""

    added: list[str]
    changed: list[str]
    gone: list[str]  # empty where the archive was not asked for everything
    refused: list[str]
    failed: list[str]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.gone)


def read_journal(dump: Path) -> tuple[dict[str, dict], dict[str, dict]]:
    """(sounds, pages) of a harvested dump's journal."""
    if not (dump / JOURNAL).is_file():
        raise ValueError(f"{dump} has no {JOURNAL}: it was not made by a harvest, and nothing can come after it.")
    return sorted_out(lines_of(dump / JOURNAL))


def lines_of(path: Path) -> Iterator[dict]:
    """The lines of a journal; the last one may have been cut by a kill."""
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def sorted_out(lines: Iterable[dict]) -> tuple[dict[str, dict], dict[str, dict]]:
    """(line of each sound, line of each page): the last that was said of it."""
    items, pages = {}, {}
    for line in lines:
        if "item" in line:
            items[line["item"]] = line
        elif "page" in line:
            pages[line["page"]] = line
    return items, pages
