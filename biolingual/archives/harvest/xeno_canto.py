"""Xeno-canto: the pages of API v3 as they come, and the sounds they name. The key travels in the query, so it stays here."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from biolingual.archives import adapter
from biolingual.archives.harvest.body import HarvestError, is_json
from biolingual.archives.harvest.client import Client, Manners
from biolingual.archives.harvest.darwin_core import from_archive, is_address
from biolingual.archives.harvest.journal import Order
from biolingual.archives.harvest.store import Store

SITE = "https://xeno-canto.org"
MANNERS = Manners(pause_s=1.0)
KEY = "XENO_CANTO_KEY"  # the environment variable, as in infra/watch.yaml
TERMS = "Xeno-canto asks for a key of one's own (xeno-canto.org/account) and, for large amounts, to be asked first."
MOST_ON_A_PAGE = 500
FEWEST_ON_A_PAGE = 50


def harvest(order: Order, client: Client, store: Store) -> None:
    """Every recording of the query, in the site's tags (`grp:birds cnt:Iceland`), uploaded since a date where one is given; or
    those of the Darwin Core Archive at the query's address, without a key."""
    if is_address(order.query):
        reader = adapter("xeno_canto")
        from_archive(order, store, reader.number_of, lambda sound: (f"XC{sound.sound_id}", f"audio/XC{sound.sound_id}"))
        return
    if not order.key:
        raise ValueError(f"Xeno-canto wants a key: set {KEY} in the environment (xeno-canto.org/account).")
    query = " ".join(filter(None, (order.query, f"since:{order.since}" if order.since else "")))
    if not query:
        raise ValueError('Xeno-canto wants a query in its tags, e.g. --query "grp:birds cnt:Iceland".')
    wanted = order.limit or MOST_ON_A_PAGE
    size = max(FEWEST_ON_A_PAGE, min(MOST_ON_A_PAGE, wanted))
    site = order.site or SITE
    number, pages, seen = 1, 1, set()
    while number <= pages and not (order.limit and (number - 1) * size >= order.limit):
        name = f"pages/page-{number:04d}.json"
        params = {"query": query, "per_page": size, "page": number, "key": order.key}
        path = store.page(name, f"{site}/api/3/recordings", is_page, params)
        page = json.loads(path.read_bytes())
        found = {str(one.get("id")) for one in _entries(page)}
        if number > 1 and found <= seen:
            path.unlink()
            raise HarvestError(f"Xeno-canto's page {number} of {pages} brings nothing that was not on those before")
        seen |= found
        pages = max(pages, int(page.get("numPages") or 1))
        number += 1
    if order.limit:
        _cut(store.work, order.limit)
    else:
        came, counted = sum(1 for _ in _recordings(store.work)), int(page.get("numRecordings") or 0)
        if came != counted:
            store.say(f"Xeno-canto counts {counted} recordings, its pages held {came}: some came or went meanwhile.")
    for recording in _recordings(store.work):
        _take(recording, site, order, store)


def _take(recording: dict, site: str, order: Order, store: Store) -> None:
    item = f"XC{recording['id']}"
    address = recording.get("file") or ""
    if not store.note(item, recording) or not address:
        return
    address = f"https:{address}" if address.startswith("//") else address
    own = urlsplit(address).hostname == urlsplit(site).hostname
    key = {"key": order.key} if own else None
    store.sound(item, address, f"audio/{item}", str(recording.get("file-name") or ""), key=key)


def thin(work: Path, wanted: Callable[[str], bool]) -> None:
    """Leave only the wanted recordings in the pages."""
    for path in sorted(work.glob("pages/*.json")):
        page = json.loads(path.read_bytes())
        kept = [one for one in _entries(page) if not one.get("id") or wanted(f"XC{one['id']}")]
        _rewrite(path, {**page, "recordings": kept})


def _cut(work: Path, limit: int) -> None:
    """Leave the first `limit` recordings, and say that these pages are all: a sample, not a search broken off."""
    left = limit
    paths = sorted(work.glob("pages/*.json"))
    for path in paths:
        page = json.loads(path.read_bytes())
        kept = _entries(page)[:left]
        left -= len(kept)
        _rewrite(path, {**page, "recordings": kept, "numPages": len(paths)})


def _rewrite(path: Path, page: dict) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(page, indent=1, ensure_ascii=False), encoding="utf-8")
    part.replace(path)


def _recordings(work: Path) -> Iterator[dict]:
    """Every recording once: pages shift while one pages."""
    seen = set()
    for path in sorted(work.glob("pages/*.json")):
        for one in _entries(json.loads(path.read_bytes())):
            if one.get("id") and str(one["id"]) not in seen:
                seen.add(str(one["id"]))
                yield one


def _entries(page: dict) -> list[dict]:
    found = page.get("recordings") or []  # PHP writes [] for none, and an object where an entry was taken out
    return [one for one in (found.values() if isinstance(found, dict) else found) if isinstance(one, dict)]


def is_page(path: Path, content_type: str) -> None:
    """ValueError for anything but a page; HarvestError for an error answer that came with HTTP 200."""
    is_json(path, content_type)
    page = json.loads(path.read_bytes())
    if isinstance(page, dict) and "recordings" in page:
        return
    if isinstance(page, dict) and "error" in page:
        error = page["error"]
        told = error.get("message") or error.get("code") if isinstance(error, dict) else page.get("message") or error
        raise HarvestError(f"Xeno-canto refuses the query ({told})")
    raise ValueError("JSON without recordings instead of a page")
