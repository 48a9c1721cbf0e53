"""Any Darwin Core Archive with sounds, such as a GBIF download: the archive as it comes, and each medium from its own address."""

from __future__ import annotations

from biolingual.archives import adapter
from biolingual.archives.darwin_core_sounds import open_archive, sounds
from biolingual.archives.harvest.body import is_zip
from biolingual.archives.harvest.client import Client, Manners
from biolingual.archives.harvest.journal import Order
from biolingual.archives.harvest.store import SUFFIX, Store

SITE = ""  # the query is the archive's address
MANNERS = Manners(pause_s=1.0)
TERMS = "Each medium is fetched from the host that its row names, each host at its own pace; the licence is the media row's."
ARCHIVE = "archive.zip"
MOST_BYTES = 500_000_000_000
thin = None  # a snapshot is whole: sounds of the former dump are linked, not fetched


def harvest(order: Order, client: Client, store: Store) -> None:
    """The archive at the query's address and its sounds. An archive with the former dump's ETag brings nothing."""
    if "://" not in order.query:
        raise ValueError(
            "Give the archive's address, e.g. --query https://api.gbif.org/v1/occurrence/download/request/ID.zip"
        )
    if order.since:
        raise ValueError("A Darwin Core Archive cannot be asked for what is new since a date: use --after DUMP.")
    if store.page(ARCHIVE, order.query, is_zip, most_bytes=MOST_BYTES) is None:
        return
    reader = adapter("darwin_core")
    archive = open_archive(str(store.work / ARCHIVE), reader.TABLES, reader.KIND)
    taken: set[str] = set()
    for sound in sounds(archive, reader.address, []):
        if order.limit and len(store.records) >= order.limit:
            break
        address, core, name = sound.sound_id, sound.media[0]["id"], reader.file_name(sound.sound_id)
        item = f"{core}/{name}"
        store.note(item, sound.media)
        # ".../download" says nothing: such a sound is named after its occurrence, as the adapter knows.
        stem = SUFFIX.sub("", name) if SUFFIX.search(name) and name not in taken else core
        taken.add(name)
        if not store.keep(item):
            store.sound(item, address, f"audio/{stem}")
