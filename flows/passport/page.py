"""The passport as a page: self-contained HTML on the base that every report page stands on."""

from __future__ import annotations

import os
from pathlib import Path

from flows.passport.links import Passport

CODE = Path(__file__).resolve().parents[2]


def write_page(passport: Passport, out: Path) -> None:
    """Render the passport to a file; opens from a folder, without a network."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    # The base belongs to the library's pages; it is read by its path, since flows import nothing of the library.
    folders = [CODE / "flows/pages", CODE / "biolingual/pages"]
    environment = Environment(
        loader=FileSystemLoader(folders), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    write_text(environment.get_template("passport.html.j2").render(passport=passport), out)


def write_text(text: str, out: Path) -> None:
    """Write to a temporary name, then rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, out)
