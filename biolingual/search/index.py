"""An index as it lies on disk, opened: vectors, their windows, their recordings, and which rows a filter leaves.

INDEX/index.json names the folder data-<digest> that holds vectors.npy, windows.parquet, files.parquet and, above thresholds,
int8.npy with scales.npy and ann.usearch. index.json is replaced last, so a reader sees an old index or a new one, never a mixture.

Shapes: N windows of the index, D embedding.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from biolingual.storage import is_remote

FORMAT = 1


@dataclass(frozen=True)
class Filters:
    """What to search in. Dates are ISO days, both ends included; hours are [from, to) of the local clock and may pass midnight."""

    sites: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    date_from: str = ""
    date_to: str = ""
    hour_from: int | None = None
    hour_to: int | None = None

    def __bool__(self) -> bool:
        return self != Filters()


class Index:
    """An index in a folder. FileNotFoundError where there is none, ValueError where it is of another format."""

    def __init__(self, folder: str | Path, audio: str = ""):
        self.folder = Path(folder)
        try:
            self.card = json.loads((self.folder / "index.json").read_text())
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{folder} holds no index. Make one: biolingual index FOLDER --out {folder}"
            ) from None
        if self.card["format"] != FORMAT:
            raise ValueError(f"{folder} is an index of format {self.card['format']}, this is {FORMAT}: index it anew.")
        self.data = self.folder / self.card["data"]
        self.vectors = np.load(self.data / "vectors.npy", mmap_mode="r")  # f16 [N, D]
        self.files: list[dict] = pq.read_table(self.data / "files.parquet").to_pylist()
        windows = pq.read_table(self.data / "windows.parquet")
        self.file_of = windows["file"].to_numpy()  # [N]
        self.starts_s = windows["start_s"].to_numpy()
        self.ends_s = windows["end_s"].to_numpy()
        self._audio = audio

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def embedding_id(self) -> str:
        return self.card["embedding_id"]

    @property
    def indexed(self) -> list[dict]:
        """The recordings with windows."""
        return [one for one in self.files if one["status"] == "indexed"]

    @cached_property
    def audio(self) -> str:
        """Where the recordings lie: as told, as indexed, or beside the index as they were when both were moved together."""
        if self._audio or is_remote(self.card["source"]) or Path(self.card["source"]).is_dir():
            return self._audio or self.card["source"]
        beside = Path(os.path.normpath(self.folder.resolve() / self.card["source_from_here"]))
        return str(beside if beside.is_dir() else self.card["source"])

    def address(self, file: int) -> str:
        """The path or URL of a recording by its number."""
        return f"{self.audio.rstrip('/')}/{self.files[file]['path']}"

    @cached_property
    def recorded_at(self) -> np.ndarray:
        """datetime64[ms] [N]: when each window begins on the recorder's clock; NaT where that is unknown."""
        known = [one["recorded_at"] for one in self.files]
        begins = np.array([text or "NaT" for text in known], dtype="datetime64[ms]")
        return begins[self.file_of] + (self.starts_s * 1000).astype("timedelta64[ms]")

    @cached_property
    def sites(self) -> list[str]:
        return sorted({one["site"] for one in self.indexed})

    @cached_property
    def deployments(self) -> list[str]:
        return sorted({one["deployment"] for one in self.indexed})

    def rows(self, filters: Filters) -> np.ndarray | None:
        """The rows that a filter leaves, ascending; None means all. ValueError for a site or deployment that is not here."""
        if not filters:
            return None
        keep = np.ones(len(self), bool)
        for name, wanted, have in (
            ("site", filters.sites, self.sites),
            ("deployment", filters.deployments, self.deployments),
        ):
            if unknown := sorted(set(wanted) - set(have)):
                raise ValueError(
                    f"no {name} {', '.join(unknown)} in this index; there are: {', '.join(have) or 'none'}."
                )
            if wanted:
                keep &= np.array([one[name] in wanted for one in self.files], bool)[self.file_of]
        day = self.recorded_at.astype("datetime64[D]")
        if filters.date_from:
            keep &= day >= _day(filters.date_from)
        if filters.date_to:
            keep &= day <= _day(filters.date_to)
        if filters.hour_from is not None or filters.hour_to is not None:
            hour = (self.recorded_at - day).astype("timedelta64[h]").astype(float)
            first = filters.hour_from or 0
            last = 24 if filters.hour_to is None else filters.hour_to
            keep &= (hour >= first) & (hour < last) if first <= last else (hour >= first) | (hour < last)
            keep &= ~np.isnat(day)
        return np.flatnonzero(keep)


def write_card(folder: Path, card: dict) -> None:
    """Replace index.json: from here on the new data is the index."""
    part = folder / ".index.json.part"
    with open(part, "w", encoding="utf-8") as file:
        file.write(json.dumps(card, indent=1, sort_keys=True) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, folder / "index.json")


def windows_table(file_of: np.ndarray, starts_s: np.ndarray, ends_s: np.ndarray) -> pa.Table:
    """windows.parquet: the recording's number in files.parquet, and the window's seconds in it."""
    return pa.table({"file": file_of.astype(np.int32), "start_s": starts_s, "end_s": ends_s})


def hours_of(text: str) -> tuple[int | None, int | None]:
    """ "22-4" -> (22, 4); nothing -> (None, None)."""
    if not text:
        return None, None
    first, dash, last = text.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(first) < 24 and int(last) <= 24):
        raise ValueError(f"hours {text!r} are none. Write them as 4-9, or 22-4 over midnight.")
    return int(first), int(last)


def _day(text: str) -> np.datetime64:
    try:
        return np.datetime64(text, "D")
    except ValueError:
        raise ValueError(f"{text!r} is no date. Write it as 2023-05-12.") from None
