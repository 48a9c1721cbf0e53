"""The page itself, in gradio: a question, filters, hits to hear and mark, a threshold with what the marks say of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from html import escape
from importlib.resources import files
from pathlib import Path

import gradio as gr
import numpy as np

from biolingual.search.hits import Hit
from biolingual.search.index import Filters, Index, hours_of
from biolingual.search.marks import Marks, learnt, precision
from biolingual.search.nearest import exactly
from biolingual.search.query import Query, Searcher, Vector
from biolingual.search.shelf import Asked, Shelf

KEYS = (
    "<p class='keys'>Keys: <kbd>j</kbd> <kbd>k</kbd> next, previous · <kbd>space</kbd> play · <kbd>y</kbd> <kbd>n</kbd> yes, no · "
    "<kbd>/</kbd> search</p>"
)
WELCOME = "<div class='empty'>Say what to listen for, or give a sound to look for its like.</div>"
NOTHING = "<div class='empty'>Nothing found. Lower the threshold, or widen the filters.</div>"


def mount(app, searcher: Searcher, shelf: Shelf, marks: Marks):
    """The page at / of a FastAPI app. Nothing from another host is loaded."""
    page = _page(searcher, shelf, marks)
    page.has_launched = True  # else gradio, mounted, opens any path that a browser calls an upload
    script = (files("biolingual.search") / "page.js").read_text(encoding="utf-8")
    fonts = ["system-ui", "sans-serif"]
    theme = gr.themes.Default(primary_hue="teal", font=fonts, font_mono=["ui-monospace", "monospace"])
    return gr.mount_gradio_app(
        app,
        page,
        path="/",
        theme=theme,
        css=(files("biolingual.search") / "page.css").read_text(encoding="utf-8"),
        head=f"<script>{script}</script>",
        allowed_paths=[],
        max_file_size="200mb",
        show_error=False,
        footer_links=[],
        ssr_mode=False,
        pwa=False,
        enable_monitoring=False,
    )


@dataclass(frozen=True)
class Controls:
    """What of the page is read or written by a search, a re-ranking or a mark."""

    words: gr.Textbox
    unlike: gr.Textbox
    example: gr.Audio
    filters: list[gr.components.Component]
    threshold: gr.Textbox
    go: gr.Button
    told: gr.HTML
    rerank: gr.Button
    refresh: gr.Button
    status: gr.HTML
    shown: gr.HTML


def _controls(index: Index) -> Controls:
    """Lay the page out: what is asked for on the left, the hits on the right."""
    gr.HTML(_about(index), elem_id="about")
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            words = gr.Textbox(label="What to listen for", placeholder="a humpback whale song", elem_id="words")
            unlike = gr.Textbox(label="But not", placeholder="rain; a plane", elem_id="unlike")
            example = gr.Audio(
                label="Or like this sound", type="filepath", sources=["upload"], elem_id="example", scale=0
            )
            with gr.Accordion("Where and when", open=False):
                where = [
                    gr.Dropdown(index.sites, multiselect=True, label="Sites", elem_id="sites"),
                    gr.Dropdown(index.deployments, multiselect=True, label="Deployments"),
                    gr.Textbox(label="From day", placeholder="2026-05-01"),
                    gr.Textbox(label="To day", placeholder="2026-08-31"),
                    gr.Textbox(label="Hours of the day", placeholder="22-4"),
                ]
            limit = gr.Slider(5, 200, 20, step=5, label="Hits")
            go = gr.Button("Search", variant="primary", elem_id="go")
            threshold = gr.Textbox(label="Threshold (score)", placeholder="none", elem_id="threshold")
            told = gr.HTML("", elem_id="precision")
            rerank = gr.Button("Re-rank by my marks", elem_id="rerank")
            refresh = gr.Button("refresh", elem_id="hidden-refresh")
        with gr.Column(scale=3, min_width=420):
            gr.HTML(KEYS)
            status = gr.HTML("<div class='status'></div>", elem_id="status")
            shown = gr.HTML(WELCOME, elem_id="shown")
    return Controls(words, unlike, example, [*where, limit], threshold, go, told, rerank, refresh, status, shown)


def _page(searcher: Searcher, shelf: Shelf, marks: Marks) -> gr.Blocks:
    with gr.Blocks(title="BioLingual search", analytics_enabled=False) as page:
        state = gr.State(None)  # the name of the search on the shelf
        on = _controls(searcher.index)

        def ask(words, unlike, example, *rest):
            against = tuple(one.strip() for one in (unlike or "").split(";") if one.strip())
            query = Query(words or "", (example,) if example else (), (), against)
            name = query.words.replace(example, Path(example).name) if example else query.words
            vector_of = lambda: replace(searcher.vector(query), words=name)  # noqa: E731 - not where the upload was stored
            return _answer(searcher, shelf, marks, vector_of, name, *rest)

        def again(name, *rest):
            asked = shelf.get(name) if name else None
            query = asked.query if asked else ""
            # The threshold was one of other scores: these are log-odds.
            return *_answer(searcher, shelf, marks, lambda: _learnt(searcher, marks, asked), query, *rest, ""), ""

        def count(name, threshold):
            try:
                return _told(searcher, marks, shelf.get(name) if name else None, _number(threshold))
            except ValueError as error:
                return f"<p class='keys'>{escape(str(error))}</p>"

        asked, answer = (
            [on.words, on.unlike, on.example, *on.filters, on.threshold],
            [state, on.status, on.shown, on.told],
        )
        for event in (on.go.click, on.words.submit):
            event(ask, asked, answer, show_progress="full", api_visibility="private")
        on.rerank.click(again, [state, *on.filters], [*answer, on.threshold], api_visibility="private")
        on.refresh.click(
            count,
            [state, on.threshold],
            on.told,
            show_progress="hidden",
            trigger_mode="always_last",
            api_visibility="private",
        )
        on.threshold.submit(ask, asked, answer, api_visibility="private")
    return page


def _answer(searcher, shelf, marks, vector_of, query, sites, deployments, date_from, date_to, hours, limit, threshold):
    """(state, status, hits, precision) of a search; a fault of the input is a line in its place, in red."""
    try:
        where = _filters(sites, deployments, date_from, date_to, hours)
        vector = vector_of()
        least = _number(threshold)
        results = searcher.search(vector, where, int(limit), least)
    except (ValueError, OSError) as error:
        return None, f"<div class='status'><span class='bad'>{escape(str(error))}</span></div>", WELCOME, ""
    asked = Asked(vector, results, least, query)
    name = shelf.put(asked)
    said = f"<b>{len(results.hits)}</b> hits in {results.searched_windows:,} windows for <b>{escape(query)}</b> ({results.method})"
    answered = marks.of(query)
    cards = "".join(_card(hit, name, answered.get(hit.row)) for hit in results.hits)
    shown = f"{_exports(name)}<div class='hits'>{cards}</div>" if results.hits else NOTHING
    return name, f"<div class='status'>{said}</div>", shown, _told(searcher, marks, asked, least)


def _learnt(searcher: Searcher, marks: Marks, asked) -> Vector:
    if asked is None:
        raise ValueError("search first, then mark hits, then re-rank.")
    found = marks.of(asked.query)
    if not found:
        raise ValueError("re-ranking learns from marks: mark at least one hit yes and one no.")
    rows = np.array(sorted(found))
    return learnt(asked.vector, searcher.index.vectors[rows], np.array([found[row].yes for row in rows]))


def _number(text: str | None) -> float:
    """A threshold as it was typed; nothing is no threshold."""
    if not (text or "").strip():
        return -math.inf
    try:
        return float(text.replace(",", "."))
    except ValueError:
        raise ValueError(f"the threshold {text!r} is no number.") from None


def _told(searcher: Searcher, marks: Marks, asked: Asked | None, threshold: float) -> str:
    """What the marks say of the hits at the threshold or above, scored as the search on the page scores them."""
    found = marks.of(asked.query) if asked else {}
    if not found:
        return "<p class='keys'>No marks yet.</p>"
    rows = np.array(sorted(found))
    scores = exactly(searcher.index.vectors, asked.vector.values, rows) + asked.vector.bias
    scored = [type(found[row])(**{**vars(found[row]), "score": float(s)}) for row, s in zip(rows, scores, strict=True)]
    one = precision(scored, threshold)
    where = "all scores" if threshold == -math.inf else f"scores from {threshold:g}"
    if not one.marked:
        return f"<p class='keys'>{len(found)} marks, none among {where}.</p>"
    return (
        f"<p class='keys'><b>{one.yes} of {one.marked}</b> marked are right among {where}: precision {one.share:.0%} "
        f"({one.low:.0%} to {one.high:.0%}, 95 %), if what you marked is like what you did not.</p>"
    )


def _filters(sites, deployments, date_from, date_to, hours) -> Filters:
    days = [(text or "").strip() for text in (date_from, date_to)]
    return Filters(tuple(sites or ()), tuple(deployments or ()), *days, *hours_of((hours or "").strip()))


def _about(index: Index) -> str:
    card = index.card
    origin = ""
    if "simulated" in (card["origin"], card["model_origin"]):
        origin = f" · sounds: {escape(card['origin'])}, model trained on: {escape(card['model_origin'])}"
    broken = f" · {card['broken']} broken files left out" if card["broken"] else ""
    return (
        f"<h1>BioLingual search</h1><p>{card['recordings']:,} recordings · {card['hours']:.1f} hours · {len(index.sites)} sites · "
        f"{card['windows']:,} windows of {card['window_s']:g} s{broken}{origin}</p>"
    )


def _exports(name: str) -> str:
    kinds = (("csv", "CSV"), ("json", "JSON"), ("txt", "Raven selection table"), ("history", "Detection history"))
    links = "".join(f"<a href='export/{kind}?results={name}' download>{label}</a>" for kind, label in kinds)
    return f"<p class='export'>{links}</p>"


def _card(hit: Hit, results: str, mark) -> str:
    span = f"start={hit.start_s:.3f}&amp;end={hit.end_s:.3f}"
    marked = "" if mark is None else " yes" if mark.yes else " no"
    facts = f"{hit.score:.3f} · {hit.start_s:.1f} to {hit.end_s:.1f} s"
    when = f" · {escape(hit.recorded_at.replace('T', ' '))}" if hit.recorded_at else ""
    return (
        f"<div class='hit{marked}' data-row='{hit.row}' data-results='{results}'>"
        f"<img src='spectrogram/{hit.row}.png?{span}' alt='spectrogram' loading='lazy'>"
        f"<audio controls preload='none' src='clip/{hit.row}.wav?{span}'></audio>"
        f"<div class='file'>{hit.rank}. {escape(hit.file)}</div><div class='facts'>{facts} · {escape(hit.site)}{when}</div>"
        "<div class='row'><button data-mark='yes'>yes</button><button data-mark='no'>no</button><span class='said'></span></div>"
        "</div>"
    )
