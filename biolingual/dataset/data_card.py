"""The data card: what is in a dataset version, whom it leaves out, under what licences, and how to cite it. Markdown."""

from __future__ import annotations

from pathlib import Path

from biolingual.pages import render
from biolingual.records import SPLITS

MOST = 12  # rows of a table of counts; the others are one row


def write(card: dict, out: Path, exported: dict[str, int] | None = None) -> None:
    """Write the card of card.json to a Markdown file; exported: {split: clips} where it goes with an export."""
    origins = {
        name: {**told, "tables": tables(told), "biases": biases(told)} for name, told in card["by_origin"].items()
    }
    tags = sorted({tag for told in origins.values() for tag in map(licence_tag, told["licences"])})
    render(
        "data_card.md.j2", out, card=card, origins=origins, splits=SPLITS, exported=exported or {}, licence_tags=tags
    )


def tables(told: dict) -> dict[str, list[tuple[str, int]]]:
    """{heading: [(value, recordings)]}, the most first."""
    names = {
        "archives": "Archive",
        "classes": "Class",
        "licences": "Licence",
        "countries": "Country",
        "rates_hz": "Rate (Hz)",
    }
    return {heading: most(told.get(key, {})) for key, heading in names.items()}


def most(counts: dict[str, int]) -> list[tuple[str, int]]:
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    shown = [(name or "unknown", n) for name, n in ordered[:MOST]]
    rest = sum(n for _, n in ordered[MOST:])
    return [*shown, (f"{len(ordered) - MOST} others", rest)] if rest else shown


def biases(told: dict) -> list[str]:
    """What the counts themselves say of the skew of a dataset."""
    total = max(1, sum(told["recordings"].values()))
    lines = []
    for key, what in (("archives", "archive"), ("classes", "class"), ("countries", "country")):
        known = {name: n for name, n in told.get(key, {}).items() if name}
        if known:
            name = max(known, key=known.get)
            lines.append(f"{known[name] / total:.0%} of the recordings are of one {what}, {name}.")
        if unknown := told.get(key, {}).get("", 0):
            lines.append(f"Of {unknown / total:.0%} the {what} is unknown.")
    unseen = told["species"]["test_unseen"]
    lines.append(
        f"{told['species']['train']} species are trained on; {unseen} are held out and never heard in training."
    )
    return lines


def licence_tag(text: str) -> str:
    """A licence as the hub writes it: cc-by-4.0."""
    return text.lower().replace(" ", "-")
