"""Does the score depend on where, when, by whom and with what a sound was recorded? Zero-shot test_seen by such groups.

Groups also differ in species, so a gap between them is held against the gaps that luck gives: labels of the group dealt
anew among the recordings of each species. Shapes: n recordings.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import numpy as np

from biolingual.benchmarks import metrics, statistics
from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import answers, classification_baselines, score, species_of
from biolingual.records import Pair, Score

TASK = "natural_shift"
MIN_N = 10  # smaller groups are shown and have no say in a gap
REGION_DEGREES = 10


def scores(context: Context) -> list[Score]:
    """One score per origin of test_seen, with a group for each country, region, recordist, archive, sample rate and month."""
    return [one for origin in context.origins("test_seen") if (one := _score(context, origin)) is not None]


def region(pair: Pair) -> str:
    """The south-west corner of the recording's field of ten by ten degrees; "" without coordinates."""
    if pair.latitude is None or pair.longitude is None:
        return ""
    south, west = (math.floor(value / REGION_DEGREES) * REGION_DEGREES for value in (pair.latitude, pair.longitude))
    return f"{abs(south)}{'S' if south < 0 else 'N'} {abs(west)}{'W' if west < 0 else 'E'}"


def month(pair: Pair) -> str:
    """ "03" of "2025-03-14"; "" where the date does not say."""
    found = re.match(r"\d{4}-(\d{2})", pair.event_date)
    return found.group(1) if found else ""


def groupings(train: list[Pair]) -> dict[str, Callable[[Pair], str]]:
    """Kind of group -> the group of a recording, "" where its metadata does not say."""
    recordists = {clip.recorded_by for clip in train}
    return {
        "country": lambda pair: pair.country,
        "region": region,
        "recordist": lambda pair: pair.recorded_by,
        "recordist in training": lambda pair: pair.recorded_by and ("no", "yes")[pair.recorded_by in recordists],
        "archive": lambda pair: pair.archive,
        "sample rate": lambda pair: f"{pair.source_sample_rate_hz} Hz" if pair.source_sample_rate_hz else "",
        "month": month,
    }


def gap(values: np.ndarray, group: np.ndarray) -> float:
    """The highest less the lowest mean of `values` [n] among groups of MIN_N items or more; nan where they are not two.

    `group` [n] numbers the groups from 0; -1 is none.
    """
    inside = group >= 0
    sizes = np.bincount(group[inside])
    means = np.bincount(group[inside], weights=values[inside])[sizes >= MIN_N] / sizes[sizes >= MIN_N]
    return float(means.max() - means.min()) if len(means) > 1 else math.nan


def gap_by_luck(values: np.ndarray, group: np.ndarray, species: np.ndarray, resamples: int, seed: int) -> float:
    """The gap that 95 % of deals stay within, groups dealt anew among the items of each species; `species` [n] as numbers."""
    draw = np.random.Generator(np.random.PCG64(seed))
    by_species = np.argsort(species, kind="stable")
    found = []
    for _ in range(resamples):
        dealt = np.empty_like(group)
        dealt[by_species] = group[np.lexsort((draw.random(len(group)), species))]
        found.append(gap(values, dealt))
    return float(np.percentile(found, 95))


def _score(context: Context, origin: str) -> Score | None:
    params, train = context.params, context.clips("train", origin)
    found = answers(context, context.asked("test_seen", origin), species_of(train))
    if found is None:
        return None
    hits, first = found.hits, found.items.first
    cells = np.array([pair.cell for pair in first])
    groups, measured = {}, found.measures()
    for kind, of in groupings(train).items():
        names = np.array([of(pair) for pair in first])
        groups[kind] = metrics.by_name(hits, list(names))
        for name, group in groups[kind].items():
            if group["n"] >= MIN_N:
                rows = names == name
                interval = statistics.mean_interval(hits[rows], cells[rows], params.bootstrap, params.seed)
                group |= dict(zip(("low", "high"), interval, strict=True))
        known, number = np.unique(names, return_inverse=True)
        number = np.where(names == "", -1, number - ("" in known))  # "" is sorted first
        if math.isfinite(widest := gap(hits, number)):
            measured[f"{kind} gap"] = widest
            measured[f"{kind} gap by luck"] = gap_by_luck(hits, number, found.target, params.bootstrap, params.seed)
    others = {}
    if context.with_baselines:
        others = classification_baselines(context, origin, found.items, found.target, found.names)
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="zero_shot",
        measured=measured,
        primary="top1",
        chance=1 / len(found.names),
        per_item=hits,
        classes=found.names,
        others=others,
        n_skipped=found.n_skipped,
        notes=f"Intervals resample recordist-days. A gap is that of groups of {MIN_N} recordings or more; within the gap by luck "
        "it says nothing.",
        ids=found.ids,
        resampled=list(cells),
        groups={kind: named for kind, named in groups.items() if named},
    )
