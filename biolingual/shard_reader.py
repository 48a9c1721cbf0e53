"""Reads clips out of shards: from this checkout, or by content hash from DVC's cache or remote: no machine must hold the audio.

DVC keeps a file of md5 `abcd...` at `<store>/ab/cd...`, in its cache folder and in a remote alike. The address pins the bytes.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass
from pathlib import Path

from biolingual.processes import alone
from biolingual.storage import fetch, is_remote, read_range, size_of


@dataclass(frozen=True)
class Shards:
    """Where shards are: `root/dump/shard` first, then each store (".dvc/cache/files/md5", "s3://bucket/dvc/files/md5").

    What comes from a remote store is kept whole in `cache` while it fits into `cache_bytes`; past that single clips are read
    by range, so a small disk costs speed and never fails. Plain data: it travels to Ray workers as it is.
    """

    root: str
    stores: tuple[str, ...] = ()
    cache: str = ""
    cache_bytes: int = 0

    def read(self, clip) -> bytes:
        """One clip's bytes, by the address fields of a Pair.

        FileNotFoundError names the shard and the remedy; ValueError when a shard is not what its manifest says.
        """
        path = self._local(clip.dump, clip.shard, clip.shard_md5)
        if path is None:
            return self._ranged(clip)
        with open(path, "rb") as file:
            data = os.pread(file.fileno(), clip.byte_length, clip.byte_offset)
        if len(data) != clip.byte_length:
            raise ValueError(
                f"shard {path} ends before byte {clip.byte_offset + clip.byte_length}. "
                f"Restore it: dvc checkout data/audio/{clip.dump}"
            )
        return data

    def _local(self, dump: str, shard: str, md5: str) -> Path | None:
        """The shard as a file here, fetched if need be; None when it would not fit into the cache."""
        key = (dump, shard, md5)
        known = _FOUND.get((self, key))
        if known is None and (known := self._find(*key)) is not None:
            _FOUND[(self, key)] = known
        return known

    def _find(self, dump: str, shard: str, md5: str) -> Path | None:
        own = Path(self.root) / dump / shard
        if own.is_file():
            return own
        for store in self.stores:
            if not is_remote(store) and (kept := Path(address(store, md5))).is_file():
                return kept
        remote = [address(store, md5) for store in self.stores if is_remote(store)]
        if not remote:
            raise FileNotFoundError(
                f"shard {own} is not on this machine, and no DVC remote is set. Fetch it with: dvc pull ingest@{dump}"
            )
        try:
            return self._fetched(remote, md5)
        except ValueError as error:
            raise ValueError(f"shard {dump}/{shard} is damaged in its remote: {error}") from error

    def _fetched(self, urls: list[str], md5: str) -> Path | None:
        """The shard in the cache; one process of a machine fetches it, the others wait for it."""
        target = Path(self.cache) / md5
        target.parent.mkdir(parents=True, exist_ok=True)
        with alone(target.with_name(f".{md5}.lock")):
            if target.is_file():
                return target
            url = _first(urls)
            kept = sum(item.stat().st_size for item in target.parent.iterdir() if not item.name.startswith("."))
            if kept + size_of(url) > self.cache_bytes:
                return None
            fetch(url, target, md5)
            return target

    def _ranged(self, clip) -> bytes:
        url = _first([address(store, clip.shard_md5) for store in self.stores if is_remote(store)])
        data = read_range(url, clip.byte_offset, clip.byte_length)
        if len(data) != clip.byte_length:
            raise ValueError(f"{url} ends before byte {clip.byte_offset + clip.byte_length}: push that shard again.")
        return data


_FOUND: dict[tuple, Path] = {}  # (Shards, (dump, shard, md5)) -> file, so that a clip costs one open


def address(store: str, md5: str) -> str:
    """Where DVC keeps a content of this md5 in a store."""
    return f"{store.rstrip('/')}/{md5[:2]}/{md5[2:]}"


@functools.lru_cache(maxsize=4096)
def _first_of(urls: tuple[str, ...]) -> str:
    from biolingual.storage import exists

    for url in urls:
        if exists(url):
            return url
    raise FileNotFoundError(f"no remote holds {urls[0]}. Push it from a machine that has it: dvc push")


def _first(urls: list[str]) -> str:
    return _first_of(tuple(urls))
