"""Fetch a dump from an archive's public source: the only script that talks to archives, and no stage of the graph.

What it writes is what ingest reads, so ingest stays the same function of the same bytes. Cut off, it goes on where it was.
"""

from pathlib import Path

from biolingual.archives.harvest import harvester
from biolingual.archives.harvest.journal import Order
from biolingual.archives.harvest.run import harvest
from stages.entry import run, secret


def main(
    archive: str,
    out: Path,
    query: str = "",
    since: str = "",
    limit: int = 0,
    after: Path | None = None,
    site: str = "",
    contact: str = "",
    pause_s: float | None = None,
    without_failed: int = 0,
) -> None:
    module = harvester(archive)
    print(f"{archive}: {module.TERMS}", flush=True)
    key = secret(module.KEY) if hasattr(module, "KEY") else ""
    order = Order(archive, query, since, limit, site, key)
    diff = harvest(order, out, after, pause_s, contact, bool(without_failed))
    for name, ids in vars(diff).items():
        if ids and (name != "added" or after):
            print(f"{name}: {', '.join(ids[:20])}{' ...' if len(ids) > 20 else ''}")
    counts = ", ".join(f"{len(ids)} {name}" for name, ids in vars(diff).items())
    print(f"harvest {out.name}: {counts}" + ("" if out.exists() else "; nothing new, no dump was written"))


if __name__ == "__main__":
    run(main)
