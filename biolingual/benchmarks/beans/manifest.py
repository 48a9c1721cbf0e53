"""Which sounds a set holds, by the hash of what they decode to: what the dataset's leakage check compares."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biolingual.audio import UndecodableError, decode, sound_sha256
from biolingual.benchmarks.beans.layout import Data
from biolingual.fingerprints import fingerprint
from biolingual.parallel import Machine, map_ordered
from biolingual.records import BenchmarkItem


@dataclass(frozen=True)
class Hashed:
    """A file's decoded sound."""

    sha256: str
    duration_s: float
    words: np.ndarray  # its fingerprint


def items(data: Data, machine: Machine) -> list[BenchmarkItem]:
    """One row for each file, in the lists' order: split, labels (of all its units), source id where the name tells it, hash."""
    return listed(data, machine)[0]


def listed(data: Data, machine: Machine) -> tuple[list[BenchmarkItem], list[tuple[str, np.ndarray]]]:
    """(items, (item_id, fingerprint) of each)"""
    rows: dict[str, list[int]] = {}
    for number, unit in enumerate(data.units):
        rows.setdefault(unit.path, []).append(number)
    found, prints = [], []
    for (path, units), sound in zip(rows.items(), map_ordered(hashed, rows, machine), strict=True):
        first = data.units[units[0]]
        present = data.truth[units].any(axis=0)
        found.append(
            BenchmarkItem(
                task=data.name,
                item_id=f"{data.name}:{first.file}",
                split=first.split,
                labels=[label for label, there in zip(data.classes, present, strict=True) if there],
                end_s=sound.duration_s,
                file=_relative(path, data.folder),
                source_id=data.row.source_of(path),
                audio_sha256=sound.sha256,
                license=data.row.licence,
            )
        )
        prints.append((found[-1].item_id, sound.words))
    return found, prints


def hashed(path: str) -> Hashed:
    """ValueError names a file that is no usable sound."""
    try:
        sound = decode(Path(path).read_bytes())
    except UndecodableError as error:
        raise ValueError(f"{path} cannot be heard ({error}). Put a sound there or take it out of its list.") from error
    return Hashed(sound_sha256(sound), sound.duration_s, fingerprint(sound.waveform, sound.sample_rate_hz))


def _relative(path: str, folder: Path) -> str:
    return Path(path).relative_to(folder.resolve()).as_posix() if folder.resolve() in Path(path).parents else path
