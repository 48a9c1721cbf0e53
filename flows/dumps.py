"""Adds a dump's row to params.yaml: the only way a new snapshot of an archive enters the graph."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from flows.dvc_graph import environment
from flows.files import write, write_json

NAME = re.compile(r"^[a-z][a-z0-9_]*-[a-z0-9][a-z0-9-]*$")
TOMBSTONES = "tombstones/{}.csv"
TOMBSTONE_FIELDS = "recording_id,withdrawn_on,reason\n"  # DVC warns of empty files
ORIGINS = ("real", "simulated")


def add_dump(
    archive: str,
    name: str,
    source: str,
    origin: str,
    licence: str = "",
    checklist: str = "",
    root: Path = Path(),
) -> str:
    """Append the row after looking at the dump, and return it. ValueError in one line; nothing is written then.

    The file's comments stay: the row is one line at the end, where `dumps:` is the last section. `root` is the checkout whose
    params.yaml grows; `source` is looked at from here.
    """
    params = root / "params.yaml"
    if not NAME.match(name):
        raise ValueError(f"name {name!r}: use the archive and a date, in lower case, e.g. {archive}-2026-11.")
    if origin not in ORIGINS:
        raise ValueError(f"origin {origin!r} is not one of {', '.join(ORIGINS)}.")
    text = params.read_text(encoding="utf-8")
    known = _dumps(text, params)
    if name in known:
        raise ValueError(
            f"{params} already has a dump {name!r}. A dump is immutable: give the new snapshot a new name."
        )
    digest = _inspected(archive, source, licence)
    pointer = f"dumps/{name}.json"
    row = {
        "archive": archive,
        "origin": origin,
        "source": pointer if _is_remote(source) else source,
        "digest": digest,
        "checklist": checklist,
        "default_license": licence,
    }
    line = (
        f"  {name}: {{{', '.join(f'{key}: {json.dumps(value, ensure_ascii=False)}' for key, value in row.items())}}}\n"
    )
    grown = text.rstrip("\n") + "\n" + line
    if _dumps(grown, params) != {**known, name: row}:
        raise ValueError(f"{params}: `dumps:` is not the last section. Move it to the end, then add the dump again.")
    write(
        root / TOMBSTONES.format(name), TOMBSTONE_FIELDS
    )  # nothing is withdrawn yet; a dep of the dump's ingest alone
    if _is_remote(source):
        write_json(root / pointer, {"source": source, "digest": digest})
    write(params, grown)
    return line.strip()


def _is_remote(source: str) -> bool:
    return "://" in source


def _dumps(text: str, params: Path) -> dict:
    from ruamel.yaml import YAML

    found = YAML(typ="safe").load(text).get("dumps")
    if not isinstance(found, dict):
        raise ValueError(f"{params} has no `dumps:` section.")
    return found


def _inspected(archive: str, source: str, licence: str) -> str:
    """The dump's digest, by the library's own command. ValueError with its one line when it refuses the dump."""
    words = [sys.executable, "-m", "biolingual.cli", "inspect-dump", archive, source, "--license", licence]
    done = subprocess.run(words, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.strip().splitlines()[-1].removeprefix("ERROR: "))
    return json.loads(done.stdout)["digest"]
