"""Small text files, written whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path


def write(path: Path, text: str) -> None:
    """Write to a temporary name, then rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def write_json(path: Path, value: object) -> None:
    """`write` of readable JSON."""
    write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")
