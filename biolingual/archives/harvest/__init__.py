"""HARVESTERS: who fetches a dump from an archive's public source. A new one is one file here and one row in the table.

A harvester module has a SITE (its host's address), MANNERS (how gently it is asked), TERMS (a sentence on what the archive
asks of those who fetch), and `harvest(order, client, store)`, which brings pages and sounds into the store in exactly the
layout that the archive's adapter reads. It imports no adapter, so that an edit here makes no ingested dump stale.
"""

from importlib import import_module
from types import ModuleType

HARVESTERS = {
    "animal_sound_archive": "biolingual.archives.harvest.animal_sound_archive",
    "darwin_core": "biolingual.archives.harvest.darwin_core",
    "inaturalist": "biolingual.archives.harvest.inaturalist",
    "watkins": "biolingual.archives.harvest.watkins",
    "xeno_canto": "biolingual.archives.harvest.xeno_canto",
}


def harvester(archive: str) -> ModuleType:
    """The harvester module of an archive. ValueError lists those that have one."""
    if archive not in HARVESTERS:
        raise ValueError(
            f"archive {archive!r} cannot be harvested. These can: {', '.join(HARVESTERS)}. "
            "How to get a dump of another: biolingual archives"
        )
    return import_module(HARVESTERS[archive])
