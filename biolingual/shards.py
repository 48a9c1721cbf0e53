"""Byte-deterministic tar shards with a manifest of offsets, and the order in which training sees clips."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biolingual.storage import file_digests

TAR_BLOCK = 512


@dataclass(frozen=True)
class Member:
    """Where one clip's bytes lie."""

    shard: str
    byte_offset: int
    byte_length: int


class ShardWriter:
    """Appends members to shard-00000.tar, shard-00001.tar ... in `folder`, starting a new one past `shard_bytes`.

    Member names are a hash of the clip id, so equal file names in different archives never collide; the manifest maps
    them back. Order and bytes depend on nothing but the calls.
    """

    def __init__(self, folder: Path, shard_bytes: int):
        self.folder = folder
        self.shard_bytes = shard_bytes
        self.count = 0
        self.position = 0
        self.tar: tarfile.TarFile | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, clip_id: str, data: bytes) -> Member:
        """Store one clip; returns where."""
        if self.tar is None or self.position >= self.shard_bytes:
            self._next()
        info = tarfile.TarInfo(f"{hashlib.sha256(clip_id.encode()).hexdigest()[:24]}.flac")
        info.size, info.mtime, info.mode = len(data), 0, 0o644
        self.tar.addfile(info, io.BytesIO(data))
        member = Member(f"shard-{self.count - 1:05d}.tar", self.position + TAR_BLOCK, len(data))
        self.position += TAR_BLOCK + -(-len(data) // TAR_BLOCK) * TAR_BLOCK
        return member

    def _next(self) -> None:
        self._close_tar()
        path = self.folder / f"shard-{self.count:05d}.tar"
        self.tar = tarfile.open(  # noqa: SIM115 - open across calls
            path, "w", format=tarfile.USTAR_FORMAT, copybufsize=1 << 20
        )
        self.count += 1
        self.position = 0

    def _close_tar(self) -> None:
        if self.tar is not None:
            self.tar.close()
            self.tar = None

    def close(self) -> dict[str, tuple[str, str]]:
        """Finish the last shard; returns {shard: (sha256, md5)}."""
        self._close_tar()
        return {path.name: file_digests(str(path)) for path in sorted(self.folder.glob("shard-*.tar"))}


def epoch_order(n: int, seed: int, epoch: int) -> np.ndarray:
    """The permutation of 0..n-1 in which an epoch visits the dataset: a function of (seed, epoch) alone."""
    return np.random.Generator(np.random.PCG64([seed, epoch])).permutation(n)


def global_batches(n: int, global_batch_size: int, seed: int, start_step: int = 0) -> Iterator[tuple[int, np.ndarray]]:
    """(step, indices [N]) for ever. The last, short batch of an epoch is left out; N is cut to n for a small dataset.

    Any worker count and any resumed run sees the same batches, because nothing but (seed, step) decides them.
    """
    size = min(global_batch_size, n)
    per_epoch = n // size
    step = start_step
    epoch, order = -1, np.empty(0, dtype=np.int64)
    while True:
        if step // per_epoch != epoch:
            epoch = step // per_epoch
            order = epoch_order(n, seed, epoch)
        at = step % per_epoch * size
        yield step, order[at : at + size]
        step += 1
