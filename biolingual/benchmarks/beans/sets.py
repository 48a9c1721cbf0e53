"""The rows of sets.yaml: what a set is, how it is cut into units, and how many of them the published split has."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

SPLITS = ("train", "valid", "test")
TABLE = Path(__file__).with_name("sets.yaml")
OWN_KEYS = {
    "sample_rate_hz",
    "max_duration_s",
    "window_width_s",
    "window_shift_s",
    "unknown_label",
    "licence",
    "labels",
}


@dataclass(frozen=True, kw_only=True)
class SoundSet:
    """One row. A unit, which has one prediction, is a clip's first `max_duration_s` or a window of a file."""

    name: str
    kind: str  # classification | detection
    files: str  # name of a split's file, as the set's own scripts write it; <split>.csv and <split>.jsonl are read too
    labels: tuple[str, ...]  # in the order of the class index; () = those of the training file
    sample_rate_hz: int
    get: str
    licence: str
    max_duration_s: float = 0.0  # classification
    window_width_s: float = 0.0  # detection
    window_shift_s: float = 0.0
    unknown_label: str = ""  # takes in labels that are not listed; "" = they are errors
    items: tuple[int | None, ...] = ()  # published number of clips or files: train, valid, test, or one for each fold
    windows: tuple[int | None, ...] = ()  # published number of windows: train, valid, test
    folds: int = 0  # 0 = train, valid, test
    beans: bool = True
    source_id: str = ""  # the archive whose id the file's name holds
    source_pattern: str = ""

    @property
    def unit_s(self) -> float:
        """Length of a unit in seconds."""
        return self.max_duration_s or self.window_width_s

    @property
    def primary(self) -> str:
        """The set's one number."""
        return "accuracy" if self.kind == "classification" else "map"

    def source_of(self, file: str) -> str:
        """ "xeno_canto:XC12345" where the file's name tells the archive's id, else ""."""
        found = re.search(self.source_pattern, Path(file).name) if self.source_pattern else None
        return f"{self.source_id}:{found['id']}" if found else ""


@lru_cache(maxsize=1)
def sets() -> dict[str, SoundSet]:
    """Every row by its name."""
    from ruamel.yaml import YAML

    return {name: _row(name, row) for name, row in YAML(typ="safe").load(TABLE.read_text(encoding="utf-8")).items()}


def sound_set(name: str) -> SoundSet:
    """The row of a name. ValueError lists the known ones."""
    if name not in sets():
        raise ValueError(f"task {name!r} is unknown. Known with --data: {', '.join(sets())}. For your own folder: own.")
    return sets()[name]


def with_own_values(row: SoundSet, file: Path) -> SoundSet:
    """The row with what a folder's set.yaml says otherwise. ValueError where it says what a folder cannot."""
    from ruamel.yaml import YAML

    values = YAML(typ="safe").load(file.read_text(encoding="utf-8")) or {}
    strange = sorted(set(values) - OWN_KEYS) if isinstance(values, dict) else ["(no mapping)"]
    if strange:
        raise ValueError(
            f"{file}: {', '.join(strange)} cannot be set there. Known keys: {', '.join(sorted(OWN_KEYS))}."
        )
    return _row(row.name, dataclasses.asdict(row) | values)


def _row(name: str, values: dict) -> SoundSet:
    lists = {key: tuple(values[key]) for key in ("items", "windows") if key in values}
    labels = tuple(str(label) for label in values["labels"])
    return SoundSet(**(values | lists | {"name": name, "labels": labels}))
