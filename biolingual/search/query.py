"""A question in words, sounds or both -> the windows of an index that answer it best, neighbours merged into hits.

Shapes: N windows of the index, D embedding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from biolingual.frontend import pooled, windows_of
from biolingual.model import Embedder
from biolingual.search import nearest
from biolingual.search.hits import Hit, Results, merged
from biolingual.search.index import Filters, Index
from biolingual.search.models import DEFAULT
from biolingual.search.reading import stretch
from biolingual.storage import exists
from biolingual.taxonomy import with_article

NAMES_ALONE = ("{query}",)  # how the paper asked its model
SENTENCES = (
    "The sound of {a_query}.",
)  # how a model trained here has heard names; {a_query} is the query with its article
AGAINST = 0.5  # weight of what the results must not be like
PART = re.compile(r"(?P<clip>.+)@(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)")
METHODS = ("auto", "exact", "int8", "ann")


@dataclass(frozen=True)
class Query:
    """What was asked. like and unlike: clips as FILE or FILE@START-END in seconds; unlike_text: what it must not be.

    templates: with {query} or {a_query}, embedded each and averaged; empty: the model's own habit. A query that ends with a full
    stop is a sentence and stands as it is.
    """

    text: str = ""
    like: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    unlike_text: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """The query in one line."""
        parts = [self.text, *(f"like {one}" for one in self.like)]
        parts += [f"not {one}" for one in (*self.unlike_text, *self.unlike)]
        return "; ".join(filter(None, parts))


@dataclass(frozen=True)
class Vector:
    """A query in the joint space: [D], and of which embedding id. bias: added to each score (re-ranking has one)."""

    values: np.ndarray
    embedding_id: str
    words: str
    bias: float = 0.0


class Searcher:
    """An index with the model that made it. ValueError where the model's embedding id is another."""

    def __init__(self, index: Index, embedder: Embedder):
        _same(index.embedding_id, embedder.embedding_id, "the model")
        self.index, self.embedder = index, embedder

    @cached_property
    def _int8(self) -> tuple[np.ndarray, np.ndarray] | None:
        path = self.index.data / "int8.npy"
        return (np.load(path, mmap_mode="r"), np.load(path.with_name("scales.npy"))) if path.is_file() else None

    @cached_property
    def _graph(self):
        path = self.index.data / "ann.usearch"
        return nearest.open_graph(path, self.index.vectors.shape[1]) if path.is_file() else None

    def vector(self, query: Query) -> Vector:
        """The query's place: the mean of its words and of its examples, less half of what it must not be. ValueError if empty."""
        wanted = [self._of_text(query.text, query.templates)] if query.text.strip() else []
        wanted += [self._of_clip(one) for one in query.like]
        if not wanted:
            raise ValueError("the query is empty. Say what to listen for, or give a clip with --like.")
        against = [self._of_text(one, query.templates) for one in query.unlike_text]
        against += [self._of_clip(one) for one in query.unlike]
        values = _unit(np.mean(wanted, axis=0))
        if against:
            values = _unit(values - AGAINST * _unit(np.mean(against, axis=0)))
        return Vector(values.astype(np.float32), self.embedder.embedding_id, query.words)

    def vector_of(self, text: str) -> Vector:
        """The place of words alone."""
        return self.vector(Query(text))

    def search(
        self,
        query: Query | Vector | str,
        filters: Filters | None = None,
        limit: int = 20,
        min_score: float = -np.inf,
        method: str = "auto",
    ) -> Results:
        """At most `limit` hits with a score of min_score or more. A query of another embedding id is a ValueError."""
        vector = self._as_vector(query)
        rows = self.index.rows(filters or Filters())
        method = self._method(method, rows)
        total = len(self.index) if rows is None else len(rows)
        hits: list[Hit] = []
        count = max(nearest.CANDIDATES, 20 * limit)
        while total:
            found, scores = self._nearest(vector.values, rows, min(count, total), method)
            scores = scores + vector.bias
            keep = scores >= min_score
            hits = merged(self.index, found[keep], scores[keep], limit)
            if len(hits) >= limit or count >= total or not keep.all():
                break
            count *= 4
        card = self.index.card
        about = (vector.words, method, vector.embedding_id, card["model"], card["model_origin"], card["origin"], total)
        return Results(*about, hits)

    def scores(self, query: Query | Vector | str) -> np.ndarray:
        """float32 [N]: the score of every window."""
        vector = self._as_vector(query)
        return nearest.scores(self.index.vectors, vector.values) + np.float32(vector.bias)

    def _as_vector(self, query: Query | Vector | str) -> Vector:
        if isinstance(query, str):
            return self.vector_of(query)
        vector = self.vector(query) if isinstance(query, Query) else query
        _same(self.index.embedding_id, vector.embedding_id, "the query")
        return vector

    def _method(self, method: str, rows: np.ndarray | None) -> str:
        if method not in METHODS:
            raise ValueError(f"no method {method!r}; there are: {', '.join(METHODS)}.")
        if method == "auto":
            return "ann" if rows is None and self._graph is not None else "exact"
        if method != "exact" and rows is not None:
            raise ValueError(f"{method} searches the whole index: leave the filters out, or the method.")
        if (method == "int8" and self._int8 is None) or (method == "ann" and self._graph is None):
            least = nearest.INT8_FROM if method == "int8" else nearest.GRAPH_FROM
            raise ValueError(
                f"this index of {len(self.index)} windows has no {method} part (made from {least}). Use exact."
            )
        return method

    def _nearest(self, query: np.ndarray, rows: np.ndarray | None, count: int, method: str):
        vectors = self.index.vectors
        if method == "int8":
            return nearest.by_int8(vectors, *self._int8, query, count)
        if method == "ann":
            return nearest.by_graph(vectors, self._graph, query, count)
        return nearest.by_exact(vectors, query, rows, count)

    def _of_text(self, text: str, templates: Iterable[str]) -> np.ndarray:
        return _unit(self.embedder.text(prompts(text, templates, self.index.card["model"])).mean(axis=0))

    def _of_clip(self, clip: str) -> np.ndarray:
        url, start_s, end_s = _part(clip)
        if not exists(url) and any(one["path"] == url for one in self.index.indexed):
            url = f"{self.index.audio.rstrip('/')}/{url}"
        log_mel = self.embedder.log_mel
        waveform = stretch(url, start_s, end_s, log_mel.sample_rate_hz)
        return pooled(self.embedder.audio(windows_of(waveform, log_mel.samples)))


def prompts(text: str, templates: Iterable[str], model: str) -> list[str]:
    """What the model is asked for a query. ValueError for a template without a place for it."""
    text = text.strip()
    if text.endswith("."):
        return [text]
    chosen = tuple(templates) or (NAMES_ALONE if model == DEFAULT else SENTENCES)
    if faulty := [one for one in chosen if "{query}" not in one and "{a_query}" not in one]:
        raise ValueError(
            f"template {faulty[0]!r} has no place for the query. Write {{query}} or {{a_query}} where it goes."
        )
    return [one.replace("{query}", text).replace("{a_query}", with_article(text)) for one in chosen]


def _part(clip: str) -> tuple[str, float, float]:
    """ "song.wav@1.5-4" -> ("song.wav", 1.5, 4.0); without a part the whole clip. A file whose own name holds @ is meant first."""
    found = PART.fullmatch(clip)
    if not found or Path(clip).is_file():
        return clip, 0.0, float("1e9")
    return found["clip"], float(found["start"]), float(found["end"])


def _unit(values: np.ndarray) -> np.ndarray:
    return values / max(float(np.linalg.norm(values)), 1e-12)


def _same(index_id: str, other_id: str, what: str) -> None:
    if index_id != other_id:
        raise ValueError(
            f"the index holds embeddings of {index_id}, {what} makes {other_id}: they say nothing about each other. Use the "
            "model that the index was made with, or index anew."
        )
