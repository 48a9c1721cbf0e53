"""The page of a study: a plot and tables for each origin, and the variants that were not run."""

from __future__ import annotations

import io
from pathlib import Path

from biolingual.pages import render

COLOURS = {"power": "#1b6a7d", "logistic": "#b8612b"}
LAW_NAMES = {"power": "a − b·n^−c", "logistic": "logistic in log n"}
WIDTH_IN, HEIGHT_IN, ROW_IN = 9.0, 3.4, 0.34


def write_page(result: dict, page: Path) -> None:
    """Render a study's result. Its title says so where the sounds are not real."""
    origins = {origin: {**part, "plot": plot(result, part)} for origin, part in result["origins"].items()}
    unreal = [origin for origin in origins if origin != "real"]
    title = f"Study {result['study']}" + (
        f", on {' and '.join(unreal)} sounds" if unreal == list(origins) != [] else ""
    )
    render("study.html.j2", page, title=title, study=result, origins=origins, law_names=LAW_NAMES)


def plot(result: dict, part: dict) -> str:
    """The SVG of one origin: scores along the axis, or else differences to the variant as it is."""
    if result["axis"]:
        return _along(result["axis"], part)
    return _differences(part) if part["effects"] else ""


def _along(axis: str, part: dict) -> str:
    figure, panels = _panels(part, HEIGHT_IN)
    laws = {one["task"]: one for one in part["laws"]}
    for panel, task in zip(panels, _tasks(part), strict=True):
        rows = [row for row in part["rows"] if row["task"] == task]
        x, values = [row["x"] for row in rows], [row["value"] for row in rows]
        low, high = zip(*(row["ci95"] for row in rows), strict=True)
        for name, fit in (laws[task]["laws"] if task in laws else {}).items():
            at = slice(len(laws[task]["asked"]), None)
            panel.fill_between(
                laws[task]["drawn"], fit["low"][at], fit["high"][at], color=COLOURS[name], alpha=0.15, lw=0
            )
            panel.plot(laws[task]["drawn"], fit["value"][at], color=COLOURS[name], lw=1.5, label=LAW_NAMES[name])
        panel.vlines(x, low, high, color="#1d2a2f", lw=1.5)
        panel.plot(x, values, "o", color="#1d2a2f", ms=5)
        panel.axhline(rows[0]["chance"], color="#5d6b70", ls=(0, (3, 4)), lw=1)
        panel.set(xscale="log", ylim=(0, 1), title=task, xlabel=axis, ylabel=rows[0]["primary"])
        ticks = sorted(set(x))
        panel.set_xticks(ticks, [f"{tick:g}" for tick in ticks], minor=False)
        panel.minorticks_off()
        if task in laws and laws[task]["laws"]:
            panel.legend(frameon=False, fontsize=8, loc="upper left")
    return _svg(figure)


def _differences(part: dict) -> str:
    told = [one for one in part["effects"] if one["rank"] in ("all", "class")]
    labels = list(dict.fromkeys((one["variant"], one["taxon"]) for one in told))
    figure, panels = _panels(part, 1.2 + ROW_IN * len(labels))
    for panel, task in zip(panels, _tasks(part), strict=True):
        for row, label in enumerate(labels):
            for one in told:
                if one["task"] == task and (one["variant"], one["taxon"]) == label:
                    colour = "#1d2a2f" if one["rank"] == "all" else COLOURS["power"]
                    panel.plot([one["low"], one["high"]], [row, row], color=colour, lw=1.5)
                    panel.plot(one["difference"], row, "o", color=colour, ms=5)
        panel.axvline(0, color="#5d6b70", ls=(0, (3, 4)), lw=1)
        panel.set(title=task, xlabel="difference to as-is", ylim=(len(labels) - 0.5, -0.5))
        first = panel is panels[0]
        panel.set_yticks(
            range(len(labels)), [f"{v} · {t}" if t else v for v, t in labels] if first else [""] * len(labels)
        )
    return _svg(figure)


def _tasks(part: dict) -> list[str]:
    return sorted({row["task"] for row in part["rows"]})


def _panels(part: dict, height_in: float) -> tuple:
    from matplotlib.figure import Figure

    tasks = len(_tasks(part))
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    panels = list(figure.subplots(1, tasks, squeeze=False)[0])
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
        panel.tick_params(labelsize=8)
        panel.title.set_fontsize(9)
    return figure, panels


def _svg(figure) -> str:
    """Inline SVG without a date and with fixed ids: equal results give equal bytes."""
    import matplotlib as mpl

    for panel in figure.axes:
        for text in (panel.title, panel.xaxis.label, panel.yaxis.label):
            text.set_fontsize(9)
    out = io.StringIO()
    with mpl.rc_context({"svg.hashsalt": "study", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]
