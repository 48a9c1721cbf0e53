"""Every report page stands on one Jinja base: self-contained HTML that opens from a folder, without a network. And the card."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path


@cache
def _environment():
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("biolingual", "pages"),
        autoescape=lambda template: template.endswith(".html.j2"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )


def render(template: str, out: Path, **values: object) -> None:
    """Render pages/<template> to a file. Text is escaped in HTML; a value the template names and nobody gave is an error."""
    text = _environment().get_template(template).render(**values)
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f".{out.name}.part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, out)


def polyline(xs: list[float], ys: list[float], width: int, height: int) -> str:
    """SVG points of a curve in a box, y upwards."""
    low_x, high_x, low_y, high_y = min(xs), max(xs), min(ys), max(ys)
    span_x, span_y = (high_x - low_x) or 1, (high_y - low_y) or 1
    return " ".join(
        f"{(x - low_x) / span_x * width:.1f},{height - (y - low_y) / span_y * height:.1f}"
        for x, y in zip(xs, ys, strict=True)
    )
