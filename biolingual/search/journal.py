"""What an indexing run has finished, written as it goes: a killed run loses seconds, and its successor makes the same index.

Shapes: W windows of one recording, D embedding.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from biolingual.search.recorders import Circumstances, as_header

FLUSH_BYTES = 64 << 20


@dataclass(frozen=True)
class Entry:
    """One file's content, whatever its name. reason: why it has no windows, "" where it has. starts_s: [W], vectors: f16 [W, D]."""

    sha256: str
    size: int
    reason: str = ""
    detail: str = ""
    sample_rate_hz: int = 0
    channels: int = 0
    duration_s: float = 0.0
    header: Circumstances = field(default_factory=Circumstances)
    starts_s: np.ndarray = field(default_factory=lambda: np.zeros(0))
    vectors: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.float16))

    def facts(self) -> dict:
        """What JSON can hold of it."""
        known = {name: value for name, value in vars(self).items() if name not in ("header", "starts_s", "vectors")}
        return {**known, "header": asdict(self.header), "windows": len(self.starts_s)}


def entry(facts: dict, starts_s: np.ndarray, vectors: np.ndarray) -> Entry:
    """An Entry of its facts and its rows."""
    plain = {name: value for name, value in facts.items() if name not in ("header", "windows")}
    return Entry(**plain, header=as_header(facts["header"]), starts_s=starts_s, vectors=vectors)


class Journal:
    """Segments of finished entries in a folder, each written whole. `key` says what the vectors are of; others' are removed."""

    def __init__(self, folder: Path, key: str):
        self.folder = folder / key
        self.waiting: list[Entry] = []
        for other in folder.glob("*"):
            if other.name != key:
                shutil.rmtree(other, ignore_errors=True)

    def add(self, one: Entry) -> None:
        """Keep an entry for the next flush."""
        self.waiting.append(one)
        if sum(waiting.vectors.nbytes for waiting in self.waiting) > FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what waits, whole or not at all, and onto the disk."""
        if not self.waiting:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        number = len(list(self.folder.glob("*.facts.npz")))
        facts = np.frombuffer(json.dumps([one.facts() for one in self.waiting]).encode(), np.uint8)
        starts_s = np.concatenate([one.starts_s for one in self.waiting])
        vectors = np.concatenate([one.vectors for one in self.waiting])
        self._write(f"{number:06d}.vectors.npy", lambda file: np.save(file, vectors))
        self._write(f"{number:06d}.facts.npz", lambda file: np.savez(file, facts=facts, starts_s=starts_s))
        self.waiting.clear()

    def _write(self, name: str, save: Callable[[IO], None]) -> None:
        part = self.folder / ".part"
        with open(part, "wb") as file:
            save(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, self.folder / name)

    def entries(self) -> Iterator[Entry]:
        """Everything written so far; vectors are mapped, not read."""
        for path in sorted(self.folder.glob("*.facts.npz")):
            with np.load(path) as segment:
                starts_s, facts = segment["starts_s"], json.loads(segment["facts"].tobytes())
            vectors = np.load(path.with_name(path.name.replace(".facts.npz", ".vectors.npy")), mmap_mode="r")
            at = 0
            for one in facts:
                stop = at + one["windows"]
                yield entry(one, starts_s[at:stop], vectors[at:stop])
                at = stop

    def remove(self) -> None:
        """Forget it all: the index holds it now."""
        shutil.rmtree(self.folder.parent, ignore_errors=True)
