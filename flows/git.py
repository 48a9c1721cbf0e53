"""The git command, in a checkout."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path


def git(*words: str, root: Path = Path()) -> str:
    """Run git and return what it printed. RuntimeError carries its message, credentials taken out of addresses."""
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(without_credentials(f"git {words[0]}: {done.stderr.strip() or done.stdout.strip()}"))
    return done.stdout.rstrip("\n")


def git_file(ref: str, path: str, root: Path = Path()) -> str | None:
    """A file's text as committed at a ref; None where it is not."""
    done = subprocess.run(["git", "show", f"{ref}:./{path}"], cwd=root, capture_output=True, text=True, check=False)
    return None if done.returncode else done.stdout


def identity(root: Path = Path()) -> list[str]:
    """Options for a commit on a machine where git knows nobody, such as a container."""
    known = subprocess.run(["git", "config", "user.email"], cwd=root, capture_output=True, text=True, check=False)
    if known.stdout.strip() or os.environ.get("GIT_AUTHOR_EMAIL"):
        return []
    return ["-c", "user.name=BioLingual flows", "-c", "user.email=flows@biolingual.invalid"]


def without_credentials(text: str) -> str:
    """Text whose addresses name no user and no password."""
    return re.sub(r"://[^/\s@]+@", "://", text)
