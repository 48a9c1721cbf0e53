"""Any Darwin Core Archive with sounds, such as a GBIF download: the archive as it comes, and each medium from its own address."""

from __future__ import annotations

from collections.abc import Callable

from biolingual.archives import adapter
from biolingual.archives.darwin_core_sounds import ArchivedSound, open_archive, sounds
from biolingual.archives.harvest.body import is_zip
from biolingual.archives.harvest.client import Client, Manners
from biolingual.archives.harvest.journal import Order
from biolingual.archives.harvest.naming import SUFFIX
from biolingual.archives.harvest.store import Store

SITE = ""  # the query is the archive's address
MANNERS = Manners(pause_s=1.0)
TERMS = "Each medium is fetched from the host that its row names, each host at its own pace; the licence is the media row's."
ARCHIVE = "archive.zip"
MOST_BYTES = 500_000_000_000
thin = None  # a snapshot is whole: sounds of the former dump are linked, not fetched


def harvest(order: Order, client: Client, store: Store) -> None:
    """The archive at the query's address and its sounds. An archive with the former dump's ETag brings nothing."""
    if not is_address(order.query):
        raise ValueError(
            "Give the archive's address, e.g. --query https://api.gbif.org/v1/occurrence/download/request/ID.zip"
        )
    reader = adapter("darwin_core")
    taken: set[str] = set()

    def named(sound: ArchivedSound) -> tuple[str, str]:
        core, name = sound.media[0]["id"], reader.file_name(sound.sound_id)
        # ".../download" says nothing: such a sound is named after its occurrence, as the adapter knows.
        stem = SUFFIX.sub("", name) if SUFFIX.search(name) and name not in taken else core
        taken.add(name)
        return f"{core}/{name}", f"audio/{stem}"

    from_archive(order, store, reader.address, named)


def is_address(query: str) -> bool:
    """Whether a query is the address of an archive."""
    return query.startswith(("http://", "https://"))


def from_archive(
    order: Order,
    store: Store,
    sound_id: Callable[[dict[str, str]], str],
    named: Callable[[ArchivedSound], tuple[str, str]],
) -> None:
    """The archive at the query's address and its sounds: `sound_id` tells them apart, `named` gives their item and file stem."""
    if order.since:
        raise ValueError("A Darwin Core Archive cannot be asked for what is new since a date: use --after DUMP.")
    if store.page(ARCHIVE, order.query, is_zip, if_changed=True, most_bytes=MOST_BYTES) is None:
        return
    archive = open_archive(str(store.work / ARCHIVE), ("Occurrence", "Multimedia"), "a harvest")
    for sound in sounds(archive, sound_id, []):
        if order.limit and len(store.records) >= order.limit:
            break
        item, stem = named(sound)
        store.note(item, sound.media)
        if not store.keep(item):
            medium = sound.media[0]
            store.sound(item, medium.get("accessURI") or medium.get("identifier", ""), stem)
