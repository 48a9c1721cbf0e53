"""Yes and no of a listener: kept in a file beside the index, read as precision, and learnt from.

Shapes: M marks, D embedding.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from biolingual.processes import alone
from biolingual.search.index import Index
from biolingual.search.query import Vector

Z95 = 1.959964
SHARPNESS = 10.0  # of the prior: a score's weight before any mark
PRIOR = 1.0  # strength of the pull towards the query


@dataclass(frozen=True)
class Mark:
    """One answer. sha256 and start_s name the window whatever the recording is called now."""

    query: str
    file: str
    sha256: str
    start_s: float
    score: float
    yes: bool
    embedding_id: str


@dataclass(frozen=True)
class Precision:
    """Of the windows marked at a threshold or above: how many are right, with Wilson's 95 % interval."""

    threshold: float
    yes: int
    marked: int
    low: float
    high: float

    @property
    def share(self) -> float:
        return self.yes / self.marked if self.marked else math.nan


class Marks:
    """The marks of an index: marks.jsonl, a line for each answer; the last on a window counts."""

    def __init__(self, index: Index):
        self.index = index
        self.path = index.folder / "marks.jsonl"

    def add(self, query: str, row: int, score: float, yes: bool | None) -> None:
        """Keep an answer on a window; None takes an earlier one back."""
        one = self.index.files[self.index.file_of[row]]
        start_s = float(self.index.starts_s[row])
        mark = Mark(query, one["path"], one["sha256"], start_s, score, bool(yes), self.index.embedding_id)
        line = json.dumps(asdict(mark) | ({"taken_back": True} if yes is None else {}), ensure_ascii=False)
        with alone(self.path.with_name(".marks.lock")), open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def of(self, query: str) -> dict[int, Mark]:
        """Row -> the last mark of this query; windows that the index holds no more are left out."""
        if not self.path.is_file():
            return {}
        rows = self._rows()
        found: dict[int, Mark] = {}
        for line in self.path.read_text(encoding="utf-8").splitlines():
            values = json.loads(line)
            taken_back = values.pop("taken_back", False)
            row = rows(values["sha256"], values["start_s"])
            if values["query"] == query and row is not None:
                found.pop(row, None)
                if not taken_back:
                    found[row] = Mark(**values)
        return found

    def _rows(self) -> Callable[[str, float], int | None]:
        index = self.index
        first = {one["sha256"]: number for number, one in reversed(list(enumerate(index.files)))}

        def row(sha256: str, start_s: float) -> int | None:
            if (number := first.get(sha256)) is None:
                return None
            low, high = np.searchsorted(index.file_of, [number, number + 1])
            at = low + int(np.searchsorted(index.starts_s[low:high], start_s - 1e-6))
            return at if at < high and abs(index.starts_s[at] - start_s) < 1e-3 else None

        return row


def precision(marks: list[Mark], threshold: float) -> Precision:
    """Wilson (1927): the interval of a share, sound for few marks too. Marks of the best hits alone flatter what lies lower."""
    kept = [mark.yes for mark in marks if mark.score >= threshold]
    n, yes = len(kept), sum(kept)
    if not n:
        return Precision(threshold, 0, 0, 0.0, 1.0)
    share = yes / n
    middle = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return Precision(threshold, yes, n, max(0.0, middle - half), min(1.0, middle + half))


def learnt(query: Vector, vectors: np.ndarray, yes: np.ndarray) -> Vector:
    """Logistic regression of [M] answers on [M, D], drawn towards the query: few marks change it a little, many much.

    Minimises sum log(1 + exp(-y (w.v + b))) + PRIOR / 2 |w - SHARPNESS query|^2. The scores of its result are log-odds.
    ValueError without marks of both kinds.
    """
    from scipy.optimize import minimize

    if yes.all() or not yes.any():
        raise ValueError("re-ranking learns from both answers: mark at least one hit yes and one no.")
    sounds, signs = vectors.astype(np.float64), np.where(yes, 1.0, -1.0)
    prior = SHARPNESS * query.values.astype(np.float64)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = signs * (sounds @ weights[:-1] + weights[-1])
        pull = weights[:-1] - prior
        slope = -signs / (1 + np.exp(np.clip(margin, -500, 500)))
        value = np.logaddexp(0, -margin).sum() + PRIOR / 2 * pull @ pull
        return value, np.append(slope @ sounds + PRIOR * pull, slope.sum())

    begin = np.append(prior, -float(np.mean(sounds @ prior)))
    found = minimize(loss, begin, jac=True, method="L-BFGS-B").x
    return Vector(found[:-1].astype(np.float32), query.embedding_id, query.words, float(found[-1]))
