"""The files of any version on this machine, in the working tree or in DVC's cache, and their hashes."""

from __future__ import annotations

import configparser
import hashlib
import json
import subprocess
import sys
from functools import cached_property
from pathlib import Path

from flows.dvc_graph import environment
from flows.ledger import Ledger, Snapshot
from flows.passport.links import BrokenChainError, joined
from flows.passport.locks import Out


class Shelf:
    """Finds and hashes files. Each file is read at most once in each kind of hash."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger
        self.root = ledger.root
        self._hashes: dict[tuple[str, Path], str] = {}
        self._proven: set[str] = set()
        self._digests: dict[str, str] = {}

    @cached_property
    def cache(self) -> Path:
        """DVC's cache folder, by .dvc/config and .dvc/config.local (`dvc cache dir` takes a second to say the same)."""
        config = configparser.ConfigParser(interpolation=None, strict=False)
        config.read([self.root / ".dvc/config", self.root / ".dvc/config.local"], encoding="utf-8")
        return self.root / ".dvc" / config.get("cache", "dir", fallback="cache")

    def file(self, snapshot: Snapshot, path: str) -> Path | None:
        """Where a file of a snapshot's outputs lies; None when it is not on this machine.

        The working tree's copy where its own lock names the same output, else the cache's object of that md5.
        """
        out = snapshot.lock.out(path)
        if self.ledger.here.lock.md5(out.path) == out.md5 and (self.root / path).is_file():
            return self.root / path
        name = out.md5
        if name.endswith(".dir"):
            listing = self.listing(out)
            if listing is None:
                return None
            relative = path.removeprefix(f"{out.path}/")
            if relative not in listing:
                raise BrokenChainError(f"broken: {out.path} of {snapshot} holds no {relative}, by DVC's listing of it.")
            name = listing[relative]
        found = self.object(name)
        return found if found.is_file() else None

    def object(self, name: str) -> Path:
        return self.cache / "files" / "md5" / name[:2] / name[2:]

    def listing(self, out: Out) -> dict[str, str] | None:
        """{relative path: md5} of a folder output, by the cache; None when the cache has no such listing."""
        path = self.object(out.md5)
        if not path.is_file():
            return None
        joined(f"dvc.lock -> listing of {out.path}", path, f"{self.md5(path)}.dir", out.md5, "dvc.lock")
        return {entry["relpath"]: entry["md5"] for entry in json.loads(path.read_bytes())}

    def table(self, snapshot: Snapshot, path: str, joint: str) -> Path | None:
        """`file`, checked by its md5: for what no other link holds a sha256 of. None when it is not on this machine."""
        found = self.file(snapshot, path)
        if found is None:
            return None
        if found.is_relative_to(self.cache):
            joined(joint, found, self.md5(found), "".join(found.parts[-2:]), "its name in DVC's cache")
        else:
            self.same_as_lock(snapshot.lock.out(path))
        return found

    def json(self, snapshot: Snapshot, path: str, joint: str) -> dict | None:
        """`table` for JSON, read."""
        found = self.table(snapshot, path, joint)
        return None if found is None else read_json(found)

    def same_as_lock(self, out: Out) -> None:
        """An output in the working tree must be the lock's. BrokenChainError names the file that differs, where the cache knows."""
        place = self.root / out.path
        if not place.is_dir():
            joined(f"{out.path} -> dvc.lock", out.path, self.md5(place), out.md5, "dvc.lock")
        elif (found := self.folder_md5(place)) != out.md5:
            listing = self.listing(out) or {}
            here = {one.relative_to(place).as_posix(): one for one in place.rglob("*") if one.is_file()}
            other = [
                name for name in {*listing, *here} if name not in here or self.md5(here[name]) != listing.get(name)
            ]
            where = f"{out.path} ({', '.join(sorted(other)[:3])})" if listing else out.path
            joined(f"{out.path} -> dvc.lock", where, found, out.md5, "dvc.lock")

    def folder_md5(self, folder: Path) -> str:
        """DVC's name for a folder: the md5 of its listing as DVC writes it."""
        files = sorted((one.relative_to(folder).as_posix(), one) for one in folder.rglob("*") if one.is_file())
        entries = [{"md5": self.md5(one), "relpath": relative} for relative, one in files]
        return hashlib.md5(json.dumps(entries).encode(), usedforsecurity=False).hexdigest() + ".dir"

    def sha_is(self, path: Path, expected: str, joint: str, whose: str) -> None:
        """Check a file's sha256. Bytes already seen under this sha are not read again, whichever copy they were read from."""
        if expected not in self._proven:
            joined(joint, self.shown(path), self.sha256(path), expected, whose)
            self._proven.add(expected)

    def shown(self, path: Path) -> str:
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)

    def sha256(self, path: Path) -> str:
        return self._hash(path, "sha256")

    def md5(self, path: Path) -> str:
        return self._hash(path, "md5")

    def digest(self, source: str) -> str:
        """The digest of a dump, by the library's own command."""
        if source not in self._digests:
            words = [sys.executable, "-m", "biolingual.cli", "digest", source]
            done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False, cwd=self.root)
            if done.returncode:
                raise BrokenChainError(f"broken: {source} cannot be read: {done.stderr.strip()}")
            self._digests[source] = done.stdout.strip()
        return self._digests[source]

    def _hash(self, path: Path, algorithm: str) -> str:
        if (algorithm, path) not in self._hashes:
            try:
                with open(path, "rb") as file:
                    self._hashes[algorithm, path] = hashlib.file_digest(file, algorithm).hexdigest()
            except OSError as error:
                raise BrokenChainError(
                    f"broken: {path} cannot be read ({error}). Bring it back: dvc checkout"
                ) from error
        return self._hashes[algorithm, path]


def read_json(path: Path) -> dict:
    """BrokenChainError when it is none."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BrokenChainError(f"broken: {path} cannot be read ({error}).") from error


def fetch(snapshot: Snapshot, path: str) -> str:
    """What to say of an output that is not on this machine."""
    scope = "" if not snapshot.commit else " --all-tags" if snapshot.tags else " --all-commits"
    verb = "pull" if not snapshot.commit else "fetch"
    return f"not on this machine: dvc {verb}{scope} {snapshot.lock.out(path).path}"
