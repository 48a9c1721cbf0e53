"""Which model is used: the paper's own by default, a folder or release by name, and never a simulated one on real sounds."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path

from biolingual.model import Embedder

DEFAULT = "davidrrobinson/BioLingual"
LICENCE_NOTE = (
    f"{DEFAULT} comes without a stated licence: ask its authors before you pass on more than your own results."
)
REAL = ("real", "unknown")


def origin_of(name: str) -> str:
    """What sounds a model learnt from, as its lineage.json says: real | simulated | fixture | mixed; unknown without one."""
    path = Path(name) / "lineage.json"
    if not path.is_file():
        if Path(name).is_dir():
            return "unknown"
        from transformers.utils import cached_file

        found = cached_file(name, "lineage.json", _raise_exceptions_for_missing_entries=False)
        if found is None:
            return "unknown"
        path = Path(found)
    return json.loads(path.read_text()).get("origin", "unknown")


def admit(name: str, origin: str, audio_origin: str, allow_simulated: bool) -> None:
    """ValueError where a model that heard simulated sounds is to judge real ones."""
    if audio_origin == "real" and origin not in REAL and not allow_simulated:
        raise ValueError(
            f"model {name} was trained on {origin} sounds and is of no use on real recordings. Give another --model, or "
            "--allow-simulated to try the machinery."
        )


@lru_cache(maxsize=2)
def load(name: str, device: str = "cpu") -> Embedder:
    """A model by folder or hub id, once per process. FileNotFoundError with the remedy where it cannot be had."""
    try:
        return Embedder.load(name, device)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"model {name} cannot be loaded here. Give a folder: --model FOLDER, a release's models/biolingual, or what "
            f"`hf download {DEFAULT} --local-dir FOLDER` fetched where there is a network."
        ) from error
