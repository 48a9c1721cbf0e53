"""Recordings withdrawn after their dump was taken: tombstones/<dump>.csv, and shards that change only where they held them."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from biolingual.shards import TAR_BLOCK, ShardWriter
from biolingual.storage import file_digests

FIELDS = ("recording_id", "withdrawn_on", "reason")
WITHDRAWN = "withdrawn"  # the reason code of the rejected row


def read(path: Path) -> dict[str, str]:
    """{recording_id: "2026-11-21: asked for by the recordist"}; empty for an empty file. ValueError names a line that is none."""
    found: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        if reader.fieldnames and tuple(reader.fieldnames) != FIELDS:
            raise ValueError(f"{path}: the first line is {','.join(reader.fieldnames)}; it must be {','.join(FIELDS)}.")
        for row in reader:
            if None in row.values() or None in row or not row["recording_id"].strip():
                raise ValueError(
                    f"{path} line {reader.line_num}: a row has {', '.join(FIELDS)}, the first of them filled."
                )
            found[row["recording_id"].strip()] = f"{row['withdrawn_on']}: {row['reason']}"
    return found


def add(path: Path, recording_ids: Iterable[str], withdrawn_on: str, reason: str) -> list[str]:
    """Append the rows that are not there yet; returns their ids. The file is made where there is none, whole or not at all."""
    known = read(path) if path.exists() else {}
    new = [one for one in dict.fromkeys(recording_ids) if one not in known]
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        file.write(text if not text or text.endswith("\n") else f"{text}\n")
        writer = csv.writer(file, lineterminator="\n")
        if not text.strip():
            writer.writerow(FIELDS)
        writer.writerows([one, withdrawn_on, reason] for one in new)
    os.replace(part, path)
    return new


class SteadyShards(ShardWriter):
    """Shards whose ends lie where they would with nothing left out, so that what is left out changes its own shard alone."""

    left_out = 0

    def __init__(self, folder: Path, shard_bytes: int):
        super().__init__(folder, shard_bytes)
        self.digests: dict[str, tuple[str, str]] = {}

    def leave_out(self, length: int) -> None:
        """A clip of `length` bytes that would be stored here, and is not."""
        self._open()
        self.left_out += TAR_BLOCK + -(-length // TAR_BLOCK) * TAR_BLOCK

    def add(self, clip_id: str, data: bytes):
        """Store one clip; returns where."""
        self._open()
        return super().add(clip_id, data)

    def _open(self) -> None:
        if self.tar is None or self.position + self.left_out >= self.shard_bytes:
            self._next()
            self.left_out = 0

    def _close_tar(self) -> None:
        open_one, self.tar = self.tar, None
        if open_one is not None:
            open_one.close()
            self.digests[Path(open_one.name).name] = file_digests(open_one.name)

    def close(self) -> dict[str, tuple[str, str]]:
        """Finish the last shard; returns {shard: (sha256, md5)}, each taken when its shard was full, while workers decode."""
        self._close_tar()
        return self.digests
