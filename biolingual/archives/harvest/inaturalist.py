"""iNaturalist: pages of its API v2 as they come, by rising id since a search ends at 10,000 results, and the sounds they name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qsl

from biolingual.archives import adapter
from biolingual.archives.harvest.body import HarvestError, is_json
from biolingual.archives.harvest.client import Client, Manners
from biolingual.archives.harvest.darwin_core import from_archive, is_address
from biolingual.archives.harvest.journal import Order
from biolingual.archives.harvest.store import Store

SITE = "https://api.inaturalist.org"
MANNERS = Manners(pause_s=1.0, requests=9500)  # 60 a minute and fewer than 10,000 a day are asked for
TERMS = (
    "iNaturalist asks for at most 60 requests a minute and 10,000 a day; for all of it take its Darwin Core Archive."
)
ON_A_PAGE = 200
SCALARS = (
    "id,observed_on,time_observed_at,created_at,location,place_guess,obscured,geoprivacy,taxon_geoprivacy,"
    "public_positional_accuracy,quality_grade,description,captive"
)
FIELDS = (
    "("
    + ",".join(f"{name}:!t" for name in SCALARS.split(","))
    + ",taxon:(id:!t,name:!t,rank:!t,ancestor_ids:!t,preferred_common_name:!t,is_active:!t),user:(name:!t,login:!t)"
    + ",sounds:(id:!t,license_code:!t,attribution:!t,file_url:!t,file_content_type:!t,hidden:!t))"
)


def harvest(order: Order, client: Client, store: Store) -> None:
    """The sounds of every observation that fits the query, in the API's parameters (`taxon_id=3&place_id=7207`), or of the
    Darwin Core Archive at the query's address."""
    if is_address(order.query):
        from_archive(
            order, store, adapter("inaturalist").sound_id_of, lambda sound: (sound.sound_id, f"sounds/{sound.sound_id}")
        )
        return
    site = order.site or SITE
    fixed = dict(parse_qsl(order.query)) | {"sounds": "true", "order_by": "id", "order": "asc", "fields": FIELDS}
    fixed |= {"locale": "en", "per_page": str(min(ON_A_PAGE, order.limit or ON_A_PAGE))}
    if order.since:
        fixed["updated_since"] = order.since
    last, number, sounds = 0, 1, 0
    while not (order.limit and sounds >= order.limit):
        path = store.page(
            f"pages/page-{number:05d}.json", f"{site}/v2/observations", is_page, fixed | {"id_above": last}
        )
        results = json.loads(path.read_bytes())["results"]
        highest = max((int(one["id"]) for one in results if one.get("id")), default=0)
        if highest <= last:  # empty, or the same page again
            path.unlink()
            break
        last, number = highest, number + 1
        sounds += sum(len(one.get("sounds") or []) for one in results)
    for path in sorted(store.work.glob("pages/*.json")):
        for observation in json.loads(path.read_bytes())["results"]:
            for sound in observation.get("sounds") or []:
                _take(sound, observation, store)


def _take(sound: dict, observation: dict, store: Store) -> None:
    item, address = str(sound["id"]), sound.get("file_url")
    told = {key: value for key, value in observation.items() if key != "sounds"} | {"sound": _without_time(sound)}
    if store.note(item, told) and address and not sound.get("hidden"):
        store.sound(item, address, f"sounds/{item}")


def _without_time(sound: dict) -> dict:
    """The address ends in ?unix-time, which changes when the file is processed anew."""
    return {**sound, "file_url": str(sound.get("file_url") or "").split("?")[0]}


def thin(work: Path, wanted: Callable[[str], bool]) -> None:
    """Leave only observations with a wanted sound in the pages, and only their wanted sounds."""
    for path in sorted(work.glob("pages/*.json")):
        page, kept = json.loads(path.read_bytes()), []
        for one in page["results"]:
            sounds = [sound for sound in one.get("sounds") or [] if wanted(str(sound["id"]))]
            kept += [{**one, "sounds": sounds}] if sounds else []
        part = path.with_name(f".{path.name}.part")
        part.write_text(json.dumps({**page, "results": kept}, indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(path)


def is_page(path: Path, content_type: str) -> None:
    """ValueError for anything but a page; HarvestError for an error answer that came with HTTP 200."""
    is_json(path, content_type)
    page = json.loads(path.read_bytes())
    if isinstance(page, dict) and page.get("errors"):
        raise HarvestError(f"iNaturalist refuses the query ({str(page['errors'])[:200]})")
    if not isinstance(page, dict) or not isinstance(page.get("results"), list):
        raise ValueError("JSON without results instead of a page")
