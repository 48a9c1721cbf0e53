"""Windows that answer a query, neighbours merged into hits.

Shapes: K windows, best first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from biolingual.search.index import Index


@dataclass(frozen=True)
class Hit:
    """One answer: neighbouring windows of a recording. best_s: where the best window begins; row: its number in the index."""

    rank: int
    file: str
    start_s: float
    end_s: float
    score: float
    best_s: float
    row: int
    windows: int
    site: str
    deployment: str
    recorded_at: str


@dataclass(frozen=True)
class Results:
    """The hits of a query, best first, and what they are of."""

    query: str
    method: str
    embedding_id: str
    model: str
    model_origin: str
    origin: str
    searched_windows: int
    hits: list[Hit] = field(default_factory=list)


def merged(index: Index, rows: np.ndarray, scores: np.ndarray, limit: int) -> list[Hit]:
    """Rows, best first -> hits: a row beside one taken joins it; the row that would begin hit `limit` + 1 ends it all."""
    reach = max(1, int(index.card["window_s"] / index.card["hop_s"] + 1e-9))
    group_of: dict[int, list[int]] = {}
    groups: list[list[int]] = []
    score_of = dict(zip(rows.tolist(), scores.tolist(), strict=True))
    for row in rows.tolist():
        near = {}
        for other in range(row - reach, row + reach + 1):
            if other in group_of and index.file_of[other] == index.file_of[row]:
                near[id(group_of[other])] = group_of[other]
        if not near:
            if len(groups) == limit:
                break
            groups.append([])
        first, *further = near.values() or [groups[-1]]
        first.append(row)
        for one in further:  # the row is a bridge
            first.extend(one)
            groups = [group for group in groups if group is not one]
        for member in first:
            group_of[member] = first
    ordered = sorted(groups, key=lambda group: -max(score_of[row] for row in group))
    return [_hit(index, rank, group, score_of) for rank, group in enumerate(ordered, 1)]


def _hit(index: Index, rank: int, group: list[int], score_of: dict[int, float]) -> Hit:
    top = max(group, key=lambda row: (score_of[row], -row))
    one = index.files[index.file_of[top]]
    start_s, end_s = float(index.starts_s[min(group)]), float(index.ends_s[max(group)])
    began = index.recorded_at[min(group)]
    return Hit(
        rank,
        one["path"],
        start_s,
        end_s,
        round(score_of[top], 6),
        float(index.starts_s[top]),
        top,
        len(group),
        one["site"],
        one["deployment"],
        "" if np.isnat(began) else str(began.astype("datetime64[s]")),
    )
