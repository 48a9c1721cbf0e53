"""Retrieval at any size, both ways, by the standard measures and by those of the paper's authors; primary is audio to text.

Queries of text -> audio are the distinct common-name captions of test_seen. No matrix of all similarities is ever held.
Shapes: Q captions, n recordings, D embedding.
"""

from __future__ import annotations

import numpy as np

from biolingual.benchmarks import baselines, metrics
from biolingual.benchmarks.context import Context, Recordings, recordings
from biolingual.benchmarks.protocols import caption, score
from biolingual.records import Score

TASK = "animalspeak_audio_to_text"
SPLIT = "test_seen"
RECALLS = (1, 5, 10)


def scores(context: Context) -> list[Score]:
    """One score per origin; primary is a2t_r1."""
    return [one for origin in context.origins(SPLIT) if (one := _score(context, origin)) is not None]


def measure(
    texts: np.ndarray, sounds: np.ndarray, text_labels: np.ndarray, sound_labels: np.ndarray
) -> tuple[dict[str, float], np.ndarray]:
    """R@1/5/10, mAP@10 and P@1 both ways, and a2t's hit at rank 1 [n], from embeddings [Q, D], [n, D] and their labels."""
    measured, hits = {}, np.zeros(0)
    ways = {"t2a": (texts, sounds, text_labels, sound_labels), "a2t": (sounds, texts, sound_labels, text_labels)}
    for way, (queries, items, labels, item_labels) in ways.items():
        ranked = metrics.first_relevant(queries, items, labels, item_labels, max(RECALLS))
        for k in RECALLS:
            measured[f"{way}_r{k}"] = float(metrics.recall_at_k(ranked, k).mean())
        counts = _counts(labels, item_labels)
        measured[f"{way}_map10"] = float(metrics.average_precision_at_k(ranked, 10, counts).mean())
        hits = ranked[:, 0].astype(float)
        measured[f"{way}_p1"] = float(hits.mean())
    return measured, hits


def authors_measure(texts: np.ndarray, sounds: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """The variant in github.com/david-rx/BioLingual: every recording's caption is a query, `texts` and `sounds` are [n, D].

    Relevant is what has an equal caption; R@k is divided by all that is relevant, so that it cannot reach 1 where more than
    k recordings share a caption. P@1 is the standard one.
    """
    ranked = metrics.first_relevant(texts, sounds, labels, labels, max(RECALLS))
    counts = _counts(labels, labels)
    found = {f"authors_t2a_r{k}": float((ranked[:, :k].sum(axis=1) / counts).mean()) for k in RECALLS}
    return found | {"authors_t2a_p1": float(ranked[:, 0].mean())}


def _counts(labels: np.ndarray, item_labels: np.ndarray) -> np.ndarray:
    """[Q]: how many items bear each query's label."""
    return np.bincount(item_labels, minlength=max(labels.max(), item_labels.max()) + 1)[labels]


def _score(context: Context, origin: str) -> Score | None:
    clips = context.asked(SPLIT, origin)
    if not clips:
        return None
    items = recordings(context, clips)
    captions = [caption(pair) for pair in items.first]
    texts = sorted(set(captions))
    if len(texts) < 2:
        return None
    number = {text: position for position, text in enumerate(texts)}
    labels = np.array([number[text] for text in captions])
    embeds = context.embedder.text(texts)
    measured, hits = measure(embeds, items.embeds, np.arange(len(texts)), labels)
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="retrieval",
        measured=measured | authors_measure(embeds[labels], items.embeds, labels),
        primary="a2t_r1",
        chance=1 / len(texts),
        per_item=hits,
        classes=texts,
        others=_baselines(context, origin, items, texts, labels) if context.with_baselines else {},
        n_skipped=0,
        notes="Relevant: an equal caption. The interval resamples recordings. authors_*: the formulas of the paper's code, "
        "in which R@k is divided by all relevant recordings.",
        ids=[pair.recording_id for pair in items.first],
    )


def _baselines(
    context: Context, origin: str, items: Recordings, texts: list[str], labels: np.ndarray
) -> dict[str, dict]:
    train = context.clips("train", origin)
    told = [caption(pair) for pair in train]
    model = baselines.logistic_regression(context.mfcc(train), np.array(told), context.params.seed)
    by_mfcc = metrics.top_k_hits(baselines.class_scores(model, items.mfcc, texts), labels, 1)
    most = max(range(len(texts)), key=lambda one: told.count(texts[one]))
    return {
        "chance": {"a2t_r1": 1 / len(texts)},
        "majority": {"a2t_r1": float((labels == most).mean())},
        "mfcc_logreg": {"a2t_r1": float(by_mfcc.mean()), "trained": "on the training split, captions as classes"},
    }
