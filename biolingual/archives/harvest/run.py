"""One harvest from its order to its dump: the store filled by the archive's harvester, and what is new against a former dump."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from biolingual.archives.harvest import harvester
from biolingual.archives.harvest.client import Client, Manners
from biolingual.archives.harvest.journal import Diff, Order
from biolingual.archives.harvest.store import Store


def harvest(
    order: Order,
    out: Path,
    after: Path | None = None,
    pause_s: float | None = None,
    contact: str = "",
    without_failed: bool = False,
    client_of: Callable[..., Client] = Client,
) -> Diff:
    """Write the dump `out`, or nothing where it would hold nothing that the dump `after` has not; returns the diff.

    HarvestError (a ValueError) when it broke off: what came stays in .<name>.part, and the same order goes on from there.
    """
    module = harvester(order.archive)
    manners: Manners = module.MANNERS
    if pause_s is not None:
        manners = replace(manners, pause_s=pause_s, first_wait_s=2 * pause_s)
    client = client_of(manners, (order.key,), contact)
    try:
        store = Store(out, order, client, after)
        module.harvest(order, client, store)
        return store.finish(module.thin, without_failed)
    finally:
        client.close()
