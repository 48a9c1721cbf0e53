"""The page of scores: a table for each origin, its taxa, its mistakes and how the score bends under altered sounds."""

from __future__ import annotations

from pathlib import Path

from biolingual.pages import polyline, render
from biolingual.tabular import read_json

BARS = 12  # taxa shown of each rank, the weakest and the strongest
WIDTH, HEIGHT = 220, 90


def write_page(folders: list[Path], page: Path, releases: Path | None = None) -> int:
    """Render the page from the score files of one or more folders; returns how many scores there are.

    Sounds of two origins never share a table. Beside a score stands what the last of `releases` (reports/releases.json)
    reached on the same task and origin. ValueError where the folders hold no score.
    """
    found = [
        score for folder in folders for path in sorted(folder.glob("*.json")) for score in read_json(path).values()
    ]
    if not found:
        raise ValueError(f"{', '.join(map(str, folders))} hold no score. Run: dvc repro")
    released = read_json(releases)[-1:] if releases and releases.is_file() else []
    origins = [
        (origin, part([one for one in found if one["origin"] == origin], *released))
        for origin in sorted({s["origin"] for s in found})
    ]
    render("leaderboard.html.j2", page, origins=origins, width=WIDTH, height=HEIGHT)
    return len(found)


def part(scores: list[dict], released: dict | None = None) -> dict:
    """What the page says of one origin: rows by task, the best value first, and what each score tells in detail."""
    ordered = sorted(scores, key=lambda one: (one["task"], -one["value"]))
    before = {_key(one): one for one in (released or {"scores": []})["scores"]}
    return {
        "rows": ordered,
        "released": released,
        "before": [before.get(_key(one)) for one in ordered],
        "datasets": sorted({one["dataset_sha"][:12] for one in scores}),
        "bars": [
            {"score": one, "kind": kind, "bars": bars(named), "left_out": max(0, len(named) - BARS)}
            for one in ordered
            for kind, named in one.get("groups", {}).items()
            if len(named) > 1
        ],
        "confused": [one for one in ordered if one.get("confused")],
        "curves": [{"score": one, "plots": plots(one)} for one in ordered if one.get("curves")],
    }


def _key(score: dict) -> tuple[str, str, str]:
    return score["task"], score["origin"], score["primary"]


def bars(named: dict[str, dict]) -> list[dict]:
    """{name, value, n, low?, high?} from the weakest to the strongest; of many the half of BARS at either end."""
    ordered = sorted(
        ({"name": name, **one} for name, one in named.items()), key=lambda one: (one["value"], one["name"])
    )
    return ordered if len(ordered) <= BARS else [*ordered[: BARS // 2], *ordered[-(BARS // 2) :]]


def plots(score: dict) -> list[dict]:
    """A small curve for each of the score's, levels evenly spaced and the value from 0 to 1."""
    found = []
    for name, curve in score["curves"].items():
        values = [value for _, value in curve["points"]]
        spaced = list(range(len(values)))
        # The two ends pin the scale of y to 0 and 1, and are cut off again.
        points = polyline([*spaced, 0, 0], [*values, 0.0, 1.0], WIDTH, HEIGHT).split(" ")[: len(values)]
        dots = [
            dict(zip(("x", "y"), point.split(","), strict=True)) | {"title": f"{level}: {value:.3f}"}
            for point, (level, value) in zip(points, curve["points"], strict=True)
        ]
        chance = round(HEIGHT * (1 - curve["chance"]), 1) if "chance" in curve else None
        ends = [str(curve["points"][0][0]), f"{curve['points'][-1][0]} {curve['x']}"]
        found.append({"name": name, "points": " ".join(points), "dots": dots, "chance": chance, "ends": ends})
    return found
