"""Retrieval both ways on test_seen: a caption finds its recordings, a recording finds its caption.

Queries of text -> audio are the distinct common-name captions of the split; relevant are all recordings with that caption.
Shapes: Q captions, n recordings.
"""

import numpy as np

from biolingual.benchmarks import baselines, metrics
from biolingual.benchmarks.context import Context, Recordings, recordings
from biolingual.benchmarks.protocols import caption, score
from biolingual.records import Score

TASK = "animalspeak_retrieval"
SPLIT = "test_seen"
RECALLS = (1, 5, 10)


def scores(context: Context) -> list[Score]:
    """One score per origin; primary is t2a_map10."""
    return [one for origin in context.origins(SPLIT) if (one := _score(context, origin)) is not None]


def measure(similarity: np.ndarray, relevant: np.ndarray) -> tuple[dict[str, float], np.ndarray]:
    """Metrics both ways and the AP@10 of each text query, from similarity and relevance [Q, n]."""
    measured = {}
    for way, scores_, right in (("t2a", similarity, relevant), ("a2t", similarity.T, relevant.T)):
        ranked = metrics.ranked_relevance(scores_, right)
        for k in RECALLS:
            measured[f"{way}_r{k}"] = float(metrics.recall_at_k(ranked, k).mean())
        precision = metrics.average_precision_at_k(ranked, 10)
        measured[f"{way}_map10"] = float(precision.mean())
        measured[f"{way}_p1"] = float(ranked[:, 0].mean())
        if way == "t2a":
            per_query = precision
    return measured, per_query


def _score(context: Context, origin: str) -> Score | None:
    clips = context.asked(SPLIT, origin)
    if not clips:
        return None
    items = recordings(context, clips)
    texts = sorted({caption(pair) for pair in items.first})
    if len(texts) < 2:
        return None
    relevant = np.array([[caption(pair) == text for pair in items.first] for text in texts])
    measured, per_query = measure(context.embedder.text(texts) @ items.embeds.T, relevant)
    draw = np.random.Generator(np.random.PCG64(context.params.seed))
    chance = float(np.mean([measure(draw.random(relevant.shape), relevant)[0]["t2a_map10"] for _ in range(20)]))
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="retrieval",
        measured=measured,
        primary="t2a_map10",
        chance=chance,
        per_item=per_query,
        classes=texts,
        others=_baselines(context, origin, items, texts, relevant, chance) if context.with_baselines else {},
        n_skipped=0,
        notes="Relevant: every recording with the query's caption. The interval is a bootstrap by text query.",
        ids=texts,
    )


def _baselines(
    context: Context, origin: str, items: Recordings, texts: list[str], relevant: np.ndarray, chance: float
) -> dict[str, dict]:
    train = context.clips("train", origin)
    model = baselines.logistic_regression(
        context.mfcc(train), np.array([caption(pair) for pair in train]), context.params.seed
    )
    by_mfcc, _ = measure(baselines.class_scores(model, items.mfcc, texts).T, relevant)
    most = max(texts, key=[caption(pair) for pair in train].count)
    majority = np.tile([float(text == most) for text in texts], (relevant.shape[1], 1)).T
    by_majority, _ = measure(majority, relevant)
    return {
        "chance": {"t2a_map10": chance},
        "majority": {"t2a_map10": by_majority["t2a_map10"]},
        "mfcc_logreg": {"t2a_map10": by_mfcc["t2a_map10"], "trained": "on the training split, captions as classes"},
    }
