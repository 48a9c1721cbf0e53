"""Zero-shot classification of recordings: a list of names, and for each window and recording which of them it sounds like.

Shapes: N windows, L labels, D embedding.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from biolingual.search.index import Index
from biolingual.search.nearest import CHUNK
from biolingual.search.query import Searcher, prompts

NONE = "none of these"
THRESHOLD = 0.3  # cosine; what an unsure window stays below depends on model and labels: set it from marks of your own
TOP = 3
NAME_COLUMNS = ("commonname", "primarycomname", "comname", "englishname", "vernacularname", "species", "label", "name")
LATIN_COLUMNS = ("scientificname", "sciname", "latinname")


@dataclass(frozen=True)
class Classified:
    """windows: file, start_s, end_s, label, score, probability and the runners-up; recordings: each recording's labels.

    A label is `none of these` where the best score (cosine) is below `threshold`. origin and model_origin: of what it is said.
    """

    labels: list[str]
    threshold: float
    windows: pa.Table
    recordings: pa.Table
    broken: list[dict]


def read_labels(text: str) -> list[str]:
    """Names from lines, BirdNET's `Scientific name_Common Name`, or from a CSV with a name column, like eBird's; no name twice."""
    lines = [line.strip() for line in text.lstrip("\ufeff").splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise ValueError("the list of labels is empty. Write one name to a line.")
    headings = [re.sub("[^a-z]", "", one.lower()) for one in next(csv.reader([lines[0]]))]
    column = next((headings.index(name) for name in (*NAME_COLUMNS, *LATIN_COLUMNS) if name in headings), None)
    if column is not None:
        cells = (row for row in csv.reader(io.StringIO("\n".join(lines[1:]))))
        kind = headings.index("category") if "category" in headings else None
        found = [row[column].strip() for row in cells if len(row) > column and (kind is None or row[kind] == "species")]
    else:
        found = [
            line.split("_", 1)[1] if re.fullmatch(r"[A-Z][a-z]+ [a-z-]+[^_]*_.+", line) else line for line in lines
        ]
    names = list(dict.fromkeys(name for name in found if name))
    if not names:
        raise ValueError("the list of labels names nothing below its heading.")
    return names


def classify(
    searcher: Searcher, labels: list[str], threshold: float = THRESHOLD, templates: tuple[str, ...] = ()
) -> Classified:
    """Every window of an index against every label; a recording's score for a label is its best window's."""
    index, embedder = searcher.index, searcher.embedder
    asked = [prompts(label, templates, index.card["model"]) for label in labels]
    texts = embedder.text([text for group in asked for text in group])
    per_label = texts.reshape(len(labels), -1, texts.shape[1]).mean(axis=1)  # as many prompts for each
    per_label /= np.linalg.norm(per_label, axis=1, keepdims=True)
    scale = float(embedder.model.logit_scale_a.exp().detach())
    top = min(TOP, len(labels))
    order = np.empty((len(index), top), np.int32)
    scores = np.empty((len(index), top), np.float32)
    shares = np.empty(len(index), np.float32)
    peaks = np.full((len(index.files), len(labels)), -np.inf, np.float32)
    for rows, cosine in _cosines(index, per_label):
        order[rows] = np.argsort(-cosine, axis=1, kind="stable")[:, :top]
        scores[rows] = np.take_along_axis(cosine, order[rows], axis=1)
        shares[rows] = 1 / np.exp(scale * (cosine - scores[rows][:, :1])).sum(axis=1)
        np.maximum.at(peaks, index.file_of[rows], cosine)
    broken = [one for one in index.files if one["status"] == "broken"]
    tables = _windows(index, labels, threshold, order, scores, shares), _recordings(index, labels, threshold, peaks)
    return Classified(labels, threshold, *tables, broken)


def _cosines(index: Index, labels: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    step = max(1, min(CHUNK, (1 << 25) // len(labels)))
    for at in range(0, len(index), step):
        rows = slice(at, min(at + step, len(index)))
        yield rows, index.vectors[rows].astype(np.float32) @ labels.T


def _windows(index, labels, threshold, order, scores, shares) -> pa.Table:
    names = np.array(labels, object)
    files = np.array([one["path"] for one in index.files], object)
    known = scores[:, 0] >= threshold if len(scores) else np.zeros(0, bool)
    columns = {
        "file": files[index.file_of],
        "start_s": index.starts_s,
        "end_s": index.ends_s,
        "label": np.where(known, names[order[:, 0]], NONE),
        "score": scores[:, 0],
        "probability": shares,
    }
    for place in range(1, order.shape[1]):
        columns |= {f"label_{place + 1}": names[order[:, place]], f"score_{place + 1}": scores[:, place]}
    return _table(columns, index)


def _recordings(index, labels, threshold, peaks) -> pa.Table:
    """A row for each label that a recording reaches the threshold with, best first; one row `none of these` where none does."""
    rows = []
    for number, one in enumerate(index.files):
        if one["status"] != "indexed":
            continue
        ranking = np.argsort(-peaks[number], kind="stable")
        reached = [label for label in ranking if peaks[number, label] >= threshold]
        rows += [(one["path"], labels[label], float(peaks[number, label])) for label in reached]
        if not reached:
            rows.append((one["path"], NONE, float(peaks[number, ranking[0]])))
    columns = dict(zip(("file", "label", "score"), zip(*rows, strict=True), strict=True)) if rows else {}
    return _table({"file": [], "label": [], "score": []} | columns, index)


def _table(columns: dict, index: Index) -> pa.Table:
    about = {key: str(index.card[key]) for key in ("embedding_id", "model", "origin", "model_origin")}
    types = {"start_s": pa.float64(), "end_s": pa.float64(), "probability": pa.float32()}
    arrays = {
        name: pa.array(
            list(values) if not isinstance(values, np.ndarray) or values.dtype == object else values,
            types.get(name, pa.float32() if name.startswith("score") else pa.string()),
        )
        for name, values in columns.items()
    }
    return pa.table(arrays).replace_schema_metadata(about)


def labels_of(path: str | Path) -> list[str]:
    """The names in a file."""
    return read_labels(Path(path).read_text(encoding="utf-8"))
