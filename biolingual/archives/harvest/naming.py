"""How the files of a harvested dump are named."""

from __future__ import annotations

import hashlib
import mimetypes
import re

SUFFIX = re.compile(r"\.[A-Za-z0-9]{2,5}$")
FURTHER_TYPES = {"audio/mp4": ".m4a", "audio/x-m4a": ".m4a", "audio/vnd.wave": ".wav", "audio/wav": ".wav"}


def without_suffix(name: str) -> str:
    """The name without the suffix of a file's type."""
    return SUFFIX.sub("", name)


def part_name(name: str) -> str:
    """Where the body of `name` waits until it is whole: names may be longer than a file's may."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def suffix(hint: str, url: str, content_type: str) -> str:
    """The sound's suffix by its file name, else by its address, else by its type; ".audio" where nothing tells."""
    for name in (hint, url.split("?")[0]):
        if found := SUFFIX.search(name):
            return found.group()
    return FURTHER_TYPES.get(content_type) or mimetypes.guess_extension(content_type) or ".audio"
