"""CAPTIONERS: who writes the sentences. A new captioner is one file here and one row in the table.

A captioner module has `captions(recordings, params, endpoint) -> Iterator[list[Caption]]`: for each recording in turn its rows,
at least one, a refused one included.
"""

from importlib import import_module
from types import ModuleType

CAPTIONERS = {
    "template": "biolingual.captioning.template",
    "chat": "biolingual.captioning.chat",
    "simulated": "biolingual.captioning.simulated",
}


def captioner(name: str) -> ModuleType:
    """The module of a captioner. ValueError lists the known ones."""
    if name not in CAPTIONERS:
        raise ValueError(
            f"captioner {name!r} is unknown. Known: {', '.join(CAPTIONERS)}. Fix caption.captioner in params.yaml."
        )
    return import_module(CAPTIONERS[name])
