"""A model on a dataset version newer than the one it learnt from: what changed, how it scores on what is new, and what follows.

The interval of a difference of two independent proportions or means is MOVER's (Zou and Donner 2008, doi:10.1002/sim.3095),
from the two bootstrap intervals.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from biolingual.benchmarks import benchmark
from biolingual.benchmarks.context import Context
from biolingual.params import ReevaluateParams
from biolingual.records import Pair, Rejected, Score

VERDICTS = ("worse", "same", "better", "too few")


def diff(before: list[Pair], after: list[Pair], rejected_before: list[Rejected], rejected: list[Rejected]) -> dict:
    """What a version has that the one before had not: recordings by split and origin, hours, species, and refusals by reason."""
    old, new = _first_clips(before), _first_clips(after)
    added = [pair for key, pair in new.items() if key not in old]
    moved = [key for key, pair in new.items() if key in old and old[key].split != pair.split]
    old_refused = {(one.recording_id, one.dump) for one in rejected_before}
    refused = Counter(one.reason for one in rejected if (one.recording_id, one.dump) not in old_refused)
    return {
        "recordings_before": len(old),
        "recordings_after": len(new),
        "recordings_added": len(added),
        "recordings_removed": len([key for key in old if key not in new]),
        "recordings_moved_between_splits": len(moved),
        "added_by_split": dict(sorted(Counter(pair.split for pair in added).items())),
        "added_by_origin": dict(sorted(Counter(pair.origin for pair in added).items())),
        "clips_added": len(after) - len(before),
        "hours_added": round((_hours(after) - _hours(before)), 4),
        "species_added": sorted({pair.scientific_name for pair in added} - {pair.scientific_name for pair in before}),
        "refused": dict(sorted(refused.items())),
    }


def compare(
    context: Context, before: list[Pair], scores_before: dict[str, dict[str, dict]], params: ReevaluateParams
) -> list[dict]:
    """For each task and origin: the score before, and now on all, on new recordings and on new species, with a verdict.

    `scores_before` maps task -> origin -> Score fields on the version before. The classes are those of the new version
    throughout; only the questions are narrowed.
    """
    known = {pair.recording_id for pair in before}
    species = {pair.scientific_name for pair in before}
    tests = [pair for pair in context.pairs if pair.split.startswith("test")]
    new = frozenset(pair.recording_id for pair in tests if pair.recording_id not in known)
    foreign = frozenset(pair.recording_id for pair in tests if pair.scientific_name not in species)
    found = []
    for task in context.params.tasks:
        narrowed = {
            name: {score.origin: score for score in benchmark(task).scores(replace(context, only=only))}
            for name, only in (("overall", None), ("new", new), ("new_species", foreign))
        }
        for origin, score in sorted(narrowed["overall"].items()):
            old = scores_before.get(task, {}).get(origin)
            fresh = narrowed["new"].get(origin)
            interval = difference(_interval(fresh), _interval_of(old)) if fresh and old else None
            found.append(
                {
                    "task": task,
                    "origin": origin,
                    "primary": score.primary,
                    "before": _interval_of(old) if old else None,
                    "overall": _brief(score),
                    "new": _brief(fresh),
                    "new_species": _brief(narrowed["new_species"].get(origin)),
                    "difference": interval,
                    "verdict": verdict(interval, fresh.n if fresh else 0, params),
                }
            )
    return found


def difference(new: list[float], old: list[float]) -> list[float]:
    """[value, low, high] of new - old, each given as [value, low, high]."""
    value = new[0] - old[0]
    low = value - ((new[0] - new[1]) ** 2 + (old[2] - old[0]) ** 2) ** 0.5
    high = value + ((new[2] - new[0]) ** 2 + (old[0] - old[1]) ** 2) ** 0.5
    return [value, low, high]


def verdict(interval: list[float] | None, n: int, params: ReevaluateParams) -> str:
    """How the model does on new recordings against its score before: beyond the margin with its whole interval, or the same."""
    if interval is None or n < params.min_new:
        return "too few"
    if interval[2] < -params.margin:
        return "worse"
    return "better" if interval[1] > params.margin else "same"


def retrain(changes: dict, compared: list[dict], params: ReevaluateParams) -> list[str]:
    """The reasons to train again, by the rules of params.yaml; empty when there is none."""
    reasons = [
        f"{one['task']} on new {one['origin']} recordings is worse ({one['new']['value']:.3f}, before {one['before'][0]:.3f})"
        for one in compared
        if one["verdict"] == "worse"
    ]
    if len(changes["species_added"]) >= params.retrain_new_species:
        reasons.append(f"{len(changes['species_added'])} species are new (limit {params.retrain_new_species})")
    share = changes["recordings_added"] / max(1, changes["recordings_before"])
    if share >= params.retrain_new_share:
        reasons.append(f"{share:.0%} more recordings (limit {params.retrain_new_share:.0%})")
    return reasons


def overall_verdict(compared: list[dict]) -> str:
    """The worst of the verdicts; "too few" only where nothing else was found."""
    return min((one["verdict"] for one in compared), key=VERDICTS.index, default="too few") if compared else "too few"


def _first_clips(pairs: list[Pair]) -> dict[str, Pair]:
    found: dict[str, Pair] = {}
    for pair in pairs:
        found.setdefault(pair.recording_id, pair)
    return found


def _hours(pairs: list[Pair]) -> float:
    return sum(pair.duration_s for pair in pairs) / 3600


def _interval(score: Score) -> list[float]:
    return [score.value, *score.ci95]


def _interval_of(score: dict) -> list[float]:
    return [score["value"], *score["ci95"]]


def _brief(score: Score | None) -> dict | None:
    return score and {"value": score.value, "ci95": score.ci95, "n": score.n, "n_classes": score.n_classes}
