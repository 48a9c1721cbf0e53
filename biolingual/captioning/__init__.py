"""CAPTIONERS: who writes the sentences. A new captioner is one file here and one row in the table.

A captioner module has `captions(recording) -> list[Caption]`: every recording gets at least one row, a refused one included.
"""

from importlib import import_module
from types import ModuleType

CAPTIONERS = {
    "template": "biolingual.captioning.template",
}


def captioner(name: str) -> ModuleType:
    """The module of a captioner. ValueError lists the known ones."""
    if name not in CAPTIONERS:
        raise ValueError(
            f"captioner {name!r} is unknown. Known: {', '.join(CAPTIONERS)}. Fix caption.captioner in params.yaml."
        )
    return import_module(CAPTIONERS[name])
