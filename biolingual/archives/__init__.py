"""ARCHIVES: who reads a dump. A new archive is one file here and one row in the table.

An adapter module has two functions. `inspect(source, row)` raises ValueError with one clear line when the dump cannot be
this archive's. `read(source, row)` yields a SourceRecord for every sound of the dump, in a fixed order.
"""

from importlib import import_module
from types import ModuleType

ARCHIVES = {
    "animal_sound_archive": "biolingual.archives.animal_sound_archive",
    "animalspeak_release": "biolingual.archives.animalspeak_release",
    "audiocaps": "biolingual.archives.audiocaps",
    "audioset": "biolingual.archives.audioset",
    "darwin_core": "biolingual.archives.darwin_core",
    "folder": "biolingual.archives.folder",
    "inaturalist": "biolingual.archives.inaturalist",
    "watkins": "biolingual.archives.watkins",
    "xeno_canto": "biolingual.archives.xeno_canto",
}


def adapter(archive: str) -> ModuleType:
    """The adapter module of an archive. ValueError lists the known ones."""
    if archive not in ARCHIVES:
        raise ValueError(
            f"archive {archive!r} is unknown. Known: {', '.join(ARCHIVES)}. Fix the dump's row in params.yaml."
        )
    return import_module(ARCHIVES[archive])
