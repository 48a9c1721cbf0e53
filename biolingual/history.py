"""The page of reports/history.csv: a plot for each task and origin over the dumps, and the rows themselves."""

from __future__ import annotations

import csv
from pathlib import Path

from biolingual.pages import render

WIDTH, HEIGHT = 640, 160
SERIES = (("overall", "#1b6a7d"), ("new", "#b3591e"))


def write_page(history: Path, page: Path) -> int:
    """Render the page from the rows; returns how many there are. Scores of two origins never share a plot."""
    with open(history, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    keys = sorted({(row["origin"], row["task"], row["metric"]) for row in rows if row["overall"]})
    plots = [_plot(*key, [row for row in rows if (row["origin"], row["task"], row["metric"]) == key]) for key in keys]
    render("history.html.j2", page, rows=rows, plots=plots, width=WIDTH, height=HEIGHT)
    return len(rows)


def _plot(origin: str, task: str, metric: str, rows: list[dict]) -> dict:
    """Points and interval bars in a box whose y axis is the metric from 0 to 1."""
    step = WIDTH / len(rows)
    series = []
    for number, (name, colour) in enumerate(SERIES):
        points = [
            {
                "x": round((position + 0.5) * step + (number - 0.5) * 8, 1),
                "y": _y(row[name]),
                "low": _y(row[f"{name}_low"]),
                "high": _y(row[f"{name}_high"]),
                "title": f"{row['dump']}, {name}: {row[name]}",
            }
            for position, row in enumerate(rows)
            if row[name]
        ]
        series.append({"name": name, "colour": colour, "points": points})
    labels = [{"x": round((position + 0.5) * step, 1), "text": row["dump"]} for position, row in enumerate(rows)]
    return {"origin": origin, "task": task, "metric": metric, "series": series, "labels": labels}


def _y(value: str) -> float:
    return round(HEIGHT * (1 - float(value)), 1)
