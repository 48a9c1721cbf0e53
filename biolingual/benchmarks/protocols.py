"""What the tasks share: class prompts, zero-shot classification, and the building of a Score.

Shapes: n recordings, C classes, D embedding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from biolingual.benchmarks import baselines, metrics, statistics
from biolingual.benchmarks.context import Context, Recordings, recordings
from biolingual.records import Pair, Score
from biolingual.taxonomy import with_article


def prompt(template: str, pair: Pair) -> str:
    """The class prompt; a species without a common name is asked for by its scientific name, and the reverse."""
    common, scientific = pair.common_name or pair.scientific_name, pair.scientific_name or pair.common_name
    return template.format(common_name=common, a_common_name=with_article(common), scientific_name=scientific)


def caption(pair: Pair) -> str:
    """The most telling common-name caption, or the most telling there is."""
    return next((one.text for one in pair.captions if one.kind == "common"), pair.captions[0].text)


def classes_sha(classes: list[str]) -> str:
    return hashlib.sha256(json.dumps(classes, ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass
class Answers:
    """What zero-shot classification says of recordings."""

    items: Recordings
    names: list[str]  # of the classes, sorted
    prompts: np.ndarray  # [C, D]
    similarity: np.ndarray  # [n, C], cosine of recording and class prompt
    target: np.ndarray  # [n], the number of the right class
    n_skipped: int  # recordings whose name is no class

    @property
    def hits(self) -> np.ndarray:
        """float [n]: is the right class the nearest?"""
        return metrics.top_k_hits(self.similarity, self.target, 1).astype(float)

    @property
    def said(self) -> list[str]:
        return [self.names[one] for one in self.similarity.argmax(axis=1)]

    @property
    def ids(self) -> list[str]:
        return [pair.recording_id for pair in self.items.first]

    def measures(self) -> dict[str, float]:
        """top1, top5 and the mean of top1 over classes."""
        hits = self.hits
        return {
            "top1": float(hits.mean()),
            "top5": float(metrics.top_k_hits(self.similarity, self.target, min(5, len(self.names))).mean()),
            "macro_top1": metrics.macro_accuracy(hits, self.target),
        }


def species(pair: Pair) -> str:
    return pair.scientific_name


def species_of(clips: list[Pair]) -> dict[str, Pair]:
    """Species name -> the last clip that carries it, as the class its prompt is made from."""
    return {clip.scientific_name: clip for clip in clips if clip.rank == "species"}


def answers(
    context: Context, clips: list[Pair], classes: dict[str, Pair], label: Callable[[Pair], str] = species
) -> Answers | None:
    """Zero-shot classification of the recordings of `clips` among `classes` (name -> a pair that carries it).

    None where no recording is of these classes, or there are fewer than two.
    """
    usable = [clip for clip in clips if label(clip) in classes]
    names = sorted(classes)
    if not usable or len(names) < 2:
        return None
    items = recordings(context, usable)
    prompts = context.embedder.text([prompt(context.params.prompt_template, classes[name]) for name in names])
    number = {name: position for position, name in enumerate(names)}
    return Answers(
        items=items,
        names=names,
        prompts=prompts,
        similarity=items.embeds @ prompts.T,
        target=np.array([number[label(pair)] for pair in items.first]),
        n_skipped=len({clip.recording_id for clip in clips}) - len(items.first),
    )


def taxa(found: Answers, values: np.ndarray) -> dict[str, dict]:
    """The mean of `values` [n] and n by species, genus, family, order and class, as far as the recordings name them."""
    first = found.items.first
    ranks = {"species": "scientific_name", "genus": "genus", "family": "family", "order": "order", "class": "class_"}
    named = {rank: metrics.by_name(values, [getattr(pair, key) for pair in first]) for rank, key in ranks.items()}
    return {rank: groups for rank, groups in named.items() if groups}


def classify(
    context: Context,
    task: str,
    protocol: str,
    split: str,
    origin: str,
    classes: dict[str, Pair],
    notes: str,
    in_detail: bool = False,
) -> Score | None:
    """Zero-shot classification of the recordings of a split among `classes` (species name -> a pair that carries it).

    None where the split holds no recording of these classes. Recordings of other names are skipped and counted. `in_detail`
    adds the taxa and the most confused species.
    """
    params = context.params
    found = answers(context, context.asked(split, origin), classes)
    if found is None:
        return None
    items, names, similarity, target, hits = found.items, found.names, found.similarity, found.target, found.hits
    interval = metrics.chance_interval(similarity.argmax(axis=1), target, len(names), params.bootstrap, params.seed)
    confused = metrics.most_confused(found.said, [names[one] for one in target])
    return score(
        context,
        task=task,
        origin=origin,
        protocol=protocol,
        measured=found.measures() | {"chance_low": interval[0], "chance_high": interval[1]},
        primary="top1",
        chance=1 / len(names),
        per_item=hits,
        classes=names,
        others=classification_baselines(context, origin, items, target, names) if context.with_baselines else {},
        n_skipped=found.n_skipped,
        notes=notes,
        ids=found.ids,
        **({"groups": taxa(found, hits), "confused": confused} if in_detail else {}),
    )


def classification_baselines(
    context: Context, origin: str, items: Recordings, target: np.ndarray, names: list[str]
) -> dict[str, dict[str, float]]:
    train = [clip for clip in context.clips("train", origin) if clip.scientific_name in names]
    labels = np.array(names)[target]
    if train:
        majority = max(
            sorted({clip.scientific_name for clip in train}), key=[clip.scientific_name for clip in train].count
        )
        model = baselines.logistic_regression(
            context.mfcc(train), np.array([clip.scientific_name for clip in train]), context.params.seed
        )
        scores = baselines.class_scores(model, items.mfcc, names)
        trained = "on the training split"
    else:
        majority = max(names, key=list(labels).count)
        groups = np.array([pair.cell for pair in items.first])
        scores = baselines.cross_validated(items.mfcc, labels, groups, names, context.params.seed)
        trained = "inside this split, five folds by recordist-day: it saw labels of these species, the model did not"
    finite = np.isfinite(scores).any(axis=1)
    hits = np.where(finite, metrics.top_k_hits(scores, target, 1), False)
    return {
        "chance": {"top1": 1 / len(names)},
        "majority": {"top1": float((labels == majority).mean())},
        "mfcc_logreg": {"top1": float(hits.mean()), "trained": trained},
    }


def score(
    context: Context,
    *,
    task: str,
    origin: str,
    protocol: str,
    measured: dict[str, float],
    primary: str,
    chance: float,
    per_item: np.ndarray,
    classes: list[str],
    others: dict[str, dict],
    n_skipped: int,
    notes: str,
    ids: list[str] | None = None,
    resampled: list[str] | None = None,
    interval: list[float] | None = None,
    **details: dict | list,
) -> Score:
    """The Score of what was measured, with its verdict: the first line names every baseline the model does not beat.

    `per_item` [n] has the primary value as its mean; `ids` name its items and `resampled` the unit of the bootstrap that each
    belongs to, itself where not given. `interval` replaces the bootstrap; `details` are the optional fields of a Score.
    """
    params = context.params
    value = measured[primary]
    if interval is None and resampled is not None:
        interval = statistics.mean_interval(per_item, np.array(resampled), params.bootstrap, params.seed)
    low, high = interval or metrics.bootstrap_interval(per_item, params.bootstrap, params.seed)
    if context.items is not None and ids is not None:
        units = resampled or ids
        context.items += [
            {"task": task, "origin": origin, "item": name, "unit": unit, "value": float(reached)}
            for name, unit, reached in zip(ids, units, per_item, strict=True)
        ]
    reached = f"{task} on {origin} sounds: {primary} {value:.3f} [{low:.3f}, {high:.3f}], n = {len(per_item)}"
    return Score(
        task=task,
        origin=origin,
        model_origin=context.model_origin,
        protocol=protocol,
        metrics=measured,
        primary=primary,
        value=value,
        chance=chance,
        ci95=[low, high],
        n=len(per_item),
        n_classes=len(classes),
        prompt_template=params.prompt_template,
        classes_sha=classes_sha(classes),
        dataset_sha=context.dataset_sha,
        model_sha=context.embedder.model_sha,
        embedding_id=context.embedder.embedding_id,
        seed=params.seed,
        verdict=f"{reached}{_beside(others, primary, value)}.",
        baselines=others,
        n_skipped=n_skipped,
        notes=notes,
        **details,
    )


def _beside(others: dict[str, dict], primary: str, value: float) -> str:
    """What a verdict says of the baselines: those that the model does not beat by name."""
    unbeaten = [
        f"{name} ({reached[primary]:.3f})" for name, reached in others.items() if reached.get(primary, -1) >= value
    ]
    if not others:
        return ""
    return f"; BELOW OR AT {', '.join(unbeaten)}" if unbeaten else "; above every baseline here"
