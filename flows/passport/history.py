"""Git's history as the passport reads it: the commits of some paths and the files in them, in two short-lived processes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Commit:
    """sha, seconds since 1970, the branch it was met on, and the version tags (NAME@vX.Y.Z) that point at it."""

    sha: str
    time: int
    branch: str
    tags: tuple[str, ...]


class History:
    """Read-only: no checkout, no network. A folder that is no git repository has no commits."""

    def __init__(self, root: Path):
        self.root = root
        self._process: subprocess.Popen | None = None

    def head(self) -> str:
        """The commit the working tree stands on, with a + where tracked files differ from it; "" outside git."""
        sha = self._git("rev-parse", "--verify", "--quiet", "HEAD").strip()
        changed = sha and self._git("--no-optional-locks", "status", "--porcelain", "--untracked-files=no").strip()
        return f"{sha}+" if changed else sha

    def main_tree(self) -> Path:
        """The main working tree, of which this one may be a `git worktree`."""
        common = self._git("rev-parse", "--git-common-dir").strip()
        return (self.root / common).resolve().parent if common else self.root

    def tags(self) -> dict[str, str]:
        """{NAME@vX.Y.Z: commit} of every version tag."""
        form = "--format=%(refname:strip=2)%09%(objectname)%09%(*objectname)"
        rows = [line.split("\t") for line in self._git("for-each-ref", form, "refs/tags").splitlines()]
        return {name: peeled or sha for name, sha, peeled in rows if "@v" in name}

    def commits(self, *paths: str) -> list[Commit]:
        """The commits of every branch and tag that touch the paths, and those that carry a version tag; newest first."""
        head = self._git("rev-parse", "--verify", "--quiet", "HEAD").strip()
        if not head:
            return []
        tags: dict[str, list[str]] = {}
        for name, sha in self.tags().items():
            tags.setdefault(sha, []).append(name)
        form = "--format=%H%x09%ct%x09%S"
        every = ("--branches", "--remotes", "--tags", "HEAD")
        listed = self._git("log", "--full-history", form, *every, "--", *paths).splitlines()
        if tags:
            listed += self._git("log", "--no-walk", form, *tags, "--").splitlines()
        found = {}
        for line in listed:
            sha, time, ref = line.split("\t")
            branch = ref.removeprefix("refs/").removeprefix("heads/").removeprefix("remotes/")
            found.setdefault(sha, Commit(sha, int(time), branch, tuple(sorted(tags.get(sha, ())))))
        return sorted(found.values(), key=lambda commit: -commit.time)

    def read(self, commit: str, path: str) -> bytes | None:
        """A file as it is in a commit; None where the commit has none."""
        kind, data = self._object(f"{commit}:{path}")
        return data if kind == "blob" else None

    def names(self, commit: str, folder: str) -> list[str]:
        """The names in a folder of a commit."""
        kind, data = self._object(f"{commit}:{folder}")
        names = []
        while kind == "tree" and data:
            entry, _, rest = data.partition(b"\0")
            names.append(entry.split(b" ", 1)[1].decode())
            data = rest[len(commit) // 2 :]  # past the object's hash: 20 bytes, or 32 in a SHA-256 repository
        return names

    def close(self) -> None:
        """End the reading process."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    def _object(self, name: str) -> tuple[str, bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                ["git", "cat-file", "--batch"], cwd=self.root, stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
        self._process.stdin.write(f"{name}\n".encode())
        self._process.stdin.flush()
        header = self._process.stdout.readline().split()
        if len(header) != 3 or not header[2].isdigit():
            return "missing", b""
        data = self._process.stdout.read(int(header[2]))
        self._process.stdout.read(1)
        return header[1].decode(), data

    def _git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, capture_output=True, text=True, check=False)
        return done.stdout if done.returncode == 0 else ""
