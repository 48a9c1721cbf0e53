"""Animal Sound Archive Berlin: the pages of its keyless search as they come, and each record's master WAV.

Its search repeats the last page for ever, so the end is a page that brings nothing new. The MP3 of a bat is slowed down ten
times and is never fetched.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from biolingual.archives import adapter
from biolingual.archives.harvest.body import HarvestError, is_json
from biolingual.archives.harvest.client import Client, Manners
from biolingual.archives.harvest.journal import Order
from biolingual.archives.harvest.store import Store

SITE = "https://suche.tierstimmenarchiv.de"
MANNERS = Manners(pause_s=2.0)
TERMS = "No limit is published: be gentle, and ask the museum before a full harvest."
ON_A_PAGE = 500


def harvest(order: Order, client: Client, store: Store) -> None:
    """Every record whose unique_identifier holds the query (":" is in all of them), in the order of the database's ids."""
    if order.since:
        raise ValueError("The Animal Sound Archive cannot be asked for what is new since a date: use --after DUMP.")
    site = order.site or SITE
    params = {"unique_identifier": order.query or ":", "order_by": "dbid", "sort": "asc"}
    size = min(ON_A_PAGE, order.limit or ON_A_PAGE)
    seen: set[str] = set()
    number = 1
    while True:
        name = f"pages/page-{number:05d}.json"
        path = store.page(
            name, f"{site}/search/query.json", is_page, params | {"page": number, "results_per_page": size}
        )
        records = json.loads(path.read_bytes())
        found = {one["unique_identifier"] for one in records if isinstance(one, dict) and one.get("unique_identifier")}
        if found <= seen:
            path.unlink()  # empty, or the last page again
            break
        seen |= found
        number += 1
        if order.limit and len(seen) >= order.limit:
            break
    stem_of = adapter(order.archive).file_stem
    for path in sorted(store.work.glob("pages/*.json")):
        for one in json.loads(path.read_bytes()):
            item = one.get("unique_identifier") if isinstance(one, dict) else None
            if item and store.note(item, one) and one.get("filename"):
                address = f"{site}/download.wav"
                store.sound(item, address, f"audio/{stem_of(item)}", "x.wav", {"unique_identifier": item})


def thin(work: Path, wanted: Callable[[str], bool]) -> None:
    """Leave only the wanted records in the pages."""
    for path in sorted(work.glob("pages/*.json")):
        kept = [one for one in json.loads(path.read_bytes()) if wanted(one.get("unique_identifier") or "")]
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps(kept, indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(path)


def is_page(path: Path, content_type: str) -> None:
    """ValueError for anything but an array; HarvestError for the warning that a bad query gets with HTTP 200."""
    is_json(path, content_type)
    page = json.loads(path.read_bytes())
    if isinstance(page, dict) and "Warning" in page:
        raise HarvestError(f"the Animal Sound Archive refuses the query ({page['Warning']})")
    if not isinstance(page, list):
        raise ValueError("JSON without an array instead of a page")
