"""Does the model know what it does not know? Recordings of species it was trained on against species it never met.

The classes are the known species. A recording's confidence is the highest of their probabilities (Hendrycks and Gimpel
2017, arXiv 1610.02136), at the scale the model was trained with. Shapes: n known, m unknown recordings, C classes.
"""

from __future__ import annotations

import numpy as np

from biolingual.benchmarks import baselines, metrics, statistics
from biolingual.benchmarks.context import Context, Recordings, recordings
from biolingual.benchmarks.protocols import Answers, answers, score, species_of
from biolingual.records import Pair, Score

TASK = "animalspeak_open_set"
ACCEPTED_ON_VALID = 0.9
MIN_N = 3  # recordings of either side; with fewer, most resamples have but one side


def scores(context: Context) -> list[Score]:
    """One score per origin that has known (test_seen) and unknown (test_unseen) recordings; primary is auroc."""
    return [one for origin in context.origins("test_seen") if (one := _score(context, origin)) is not None]


def _score(context: Context, origin: str) -> Score | None:
    params, train = context.params, context.clips("train", origin)
    classes = species_of(train)
    strange = [clip for clip in context.asked("test_unseen", origin) if clip.scientific_name not in classes]
    known = answers(context, context.asked("test_seen", origin), classes)
    tuned = answers(*context.tuning(origin, classes), classes)
    if known is None or tuned is None or not strange:
        return None
    unknown = recordings(context, strange)
    if min(len(known.target), len(unknown.first)) < MIN_N:
        return None
    prompts = known.prompts @ unknown.embeds.T  # [C, m]
    scale = context.logit_scale()
    sure, sure_unknown = confidence(known.similarity, scale), confidence(prompts.T, scale)
    threshold = float(np.quantile(confidence(tuned.similarity, scale), 1 - ACCEPTED_ON_VALID))
    together = np.concatenate([sure, sure_unknown])
    is_known = np.arange(len(together)) < len(sure)
    right = np.concatenate([known.hits, np.zeros(len(sure_unknown))])
    units = np.array([pair.recording_id for pair in [*known.items.first, *unknown.first]])

    def precision(rows: np.ndarray) -> float:
        accepted = rows[together[rows] >= threshold]
        return float(is_known[accepted].mean()) if len(accepted) else np.nan

    def area(rows: np.ndarray) -> float:
        ours, theirs = together[rows[is_known[rows]]], together[rows[~is_known[rows]]]
        return metrics.auroc(ours, theirs) if len(ours) and len(theirs) else np.nan

    accepted = {"known_accepted": float((sure >= threshold).mean())}
    accepted["unknown_accepted"] = float((sure_unknown >= threshold).mean())
    if any(accepted.values()):  # else there is nothing whose share could be known
        low, high = statistics.grouped_bootstrap(precision, units, params.bootstrap, params.seed)
        everything = np.arange(len(together))
        accepted |= {"precision": precision(everything), "precision_low": low, "precision_high": high}
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="open_set",
        measured={
            "auroc": metrics.auroc(sure, sure_unknown),
            "auroc_cosine": metrics.auroc(known.similarity.max(axis=1), prompts.max(axis=0)),
            "threshold": threshold,
            **accepted,
            "share_known": float(is_known.mean()),
            "aurc": metrics.risk_coverage_area(together, 1 - right),
        },
        primary="auroc",
        chance=0.5,
        per_item=metrics.placements(sure, sure_unknown),
        classes=known.names,
        others=_baselines(context, train, known, unknown) if context.with_baselines else {},
        n_skipped=known.n_skipped,
        notes=f"{len(sure)} known and {len(sure_unknown)} unknown recordings. The threshold accepts {ACCEPTED_ON_VALID:.0%} of "
        f"{len(tuned.items.first)} recordings of the validation split, all known; precision is the share of known ones among "
        "the accepted. aurc: share of unknown or misnamed ones among the surest, over all numbers of answers.",
        ids=known.ids,
        interval=statistics.grouped_bootstrap(area, units, params.bootstrap, params.seed),
    )


def confidence(similarity: np.ndarray, logit_scale: float) -> np.ndarray:
    """[n]: the highest probability among the classes, from cosines [n, C]."""
    return metrics.probabilities(similarity, logit_scale).max(axis=1)


def _baselines(context: Context, train: list[Pair], known: Answers, unknown: Recordings) -> dict[str, dict]:
    named = [clip for clip in train if clip.scientific_name in known.names]
    labels = np.array([clip.scientific_name for clip in named])
    model = baselines.logistic_regression(context.mfcc(named), labels, context.params.seed)
    sure = [baselines.class_scores(model, items.mfcc, known.names).max(axis=1) for items in (known.items, unknown)]
    return {
        "chance": {"auroc": 0.5},
        "mfcc_logreg": {"auroc": metrics.auroc(*sure), "trained": "on the training split, its highest probability"},
    }
