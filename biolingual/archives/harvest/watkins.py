"""Watkins: follows the site's own lists, from species to years to cuts, and keeps each cut's metadata page and WAV.

There is no search and no dump: index.cfm lists the species, a species' page its years, fullCuts.cfm the cuts of a year as links to
WhaleSounds/.../<RN>.wav, and metaData.cfm?RN=<RN> tells of one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from biolingual.archives.harvest.body import RefusedError, is_html
from biolingual.archives.harvest.client import Client, Manners
from biolingual.archives.harvest.journal import Order
from biolingual.archives.harvest.store import Store

SITE = "https://whoicf2.whoi.edu/science/B/whalesounds/"
MANNERS = Manners(pause_s=2.0)
TERMS = "The site states terms of use and no licence: read them, and name what you use it under (--license)."
LINK = re.compile(r"""(?:href|value)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
LIST = re.compile(r"(?:fullCuts|bestOf)\.cfm\?", re.IGNORECASE)
CUT = re.compile(r"/([0-9A-Za-z]{6,12})\.wav$", re.IGNORECASE)


def harvest(order: Order, client: Client, store: Store) -> None:
    """Every cut of the species whose code is the query (`BD12A`), or of all."""
    if order.since:
        raise ValueError("The Watkins site cannot be asked for what is new since a date: use --after DUMP.")
    site = order.site or SITE
    waiting = list(_lists(_text(store.page("index.html", urljoin(site, "index.cfm"), is_html)), site, order.query))
    seen, cuts = set(waiting), {}
    while waiting and not (order.limit and len(cuts) >= order.limit):
        address = waiting.pop(0)
        name = re.sub(r"[^0-9A-Za-z]+", "_", f"{urlsplit(address).path.rsplit('/', 1)[-1]}_{urlsplit(address).query}")
        page = _text(store.page(f"lists/{name}.html", address, is_html))
        further = [one for one in _lists(page, site, order.query) if one not in seen]
        seen |= set(further)
        waiting += further
        for link in _links(page, address):
            if (found := CUT.search(urlsplit(link).path)) and urlsplit(link).netloc == urlsplit(site).netloc:
                cuts.setdefault(found.group(1), link)
    for number in sorted(cuts)[: order.limit or None]:
        if not store.note(number, cuts[number].rsplit("/", 1)[-1]):
            continue
        try:
            store.page(f"metadata/{number}.html", urljoin(site, "metaData.cfm"), is_html, {"RN": number})
        except RefusedError as error:
            store.refuse(number, error)
            continue
        store.sound(number, cuts[number], f"audio/{number}", "x.wav")


def thin(work: Path, wanted: Callable[[str], bool]) -> None:
    """Nothing to take out: pages of former cuts are not fetched."""


def _lists(page: str, site: str, code: str) -> Iterator[str]:
    """The links to lists of cuts; of one species where its code is given. Its years come with the species' page."""
    for link in _links(page, site):
        same = urlsplit(link).netloc == urlsplit(site).netloc
        if same and LIST.search(link) and (not code or re.search(rf"=(?:{re.escape(code)})(?:&|$)", link)):
            yield link


def _links(page: str, base: str) -> list[str]:
    return [urljoin(base, html.unescape(link).strip()) for link in LINK.findall(page)]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")
