"""What the tasks share: the recordings of a split as embeddings and features, class prompts, and the building of a Score.

Shapes: n recordings, D embedding, C classes.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from threadpoolctl import threadpool_limits

from biolingual.audio import from_flac
from biolingual.benchmarks import baselines, metrics
from biolingual.model import Embedder
from biolingual.params import EvaluateParams
from biolingual.records import Pair, Score
from biolingual.shard_reader import Shards
from biolingual.taxonomy import with_article


@dataclass
class Context:
    """What an evaluation knows: the model, the dataset version, its clips' embeddings and where its audio lies.

    `only` narrows what is asked (test recordings) to some recordings, never the classes they are told apart from.
    """

    embedder: Embedder
    model_origin: str
    pairs: list[Pair]
    dataset_sha: str
    shards: Shards
    embeds: dict[str, np.ndarray]  # clip_id -> [D], of the test splits
    params: EvaluateParams
    only: frozenset[str] | None = None  # recording ids
    with_baselines: bool = True
    features: dict[str, np.ndarray] = field(default_factory=dict)  # clip_id -> MFCC statistics

    def origins(self, split: str) -> list[str]:
        return sorted({pair.origin for pair in self.pairs if pair.split == split})

    def clips(self, split: str, origin: str) -> list[Pair]:
        return [pair for pair in self.pairs if pair.split == split and pair.origin == origin]

    def asked(self, split: str, origin: str) -> list[Pair]:
        """The clips of a test split that are queries here: all of them, or those of `only`."""
        return [clip for clip in self.clips(split, origin) if self.only is None or clip.recording_id in self.only]

    def audio_embeds(self, clips: list[Pair]) -> np.ndarray:
        """[n, D], as the stage `embed` wrote them."""
        missing = [clip.clip_id for clip in clips if clip.clip_id not in self.embeds]
        if missing:
            raise ValueError(f"{len(missing)} clips have no embedding, e.g. {missing[0]}. Run: dvc repro embed")
        return np.stack([self.embeds[clip.clip_id] for clip in clips])

    def mfcc(self, clips: list[Pair]) -> np.ndarray:
        """[n, 80]"""

        def measured(clip: Pair) -> np.ndarray:
            waveform = from_flac(self.shards.read(clip))
            rate = round(len(waveform) / clip.duration_s)
            return baselines.mfcc_statistics(waveform, rate, self.embedder.log_mel.duration_s)

        missing = [clip for clip in clips if clip.clip_id not in self.features]
        # FLAC, FFT and products let go of the interpreter; BLAS threads below these would fight for the cores.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor() as pool:
            self.features |= zip((clip.clip_id for clip in missing), pool.map(measured, missing), strict=True)
        return np.stack([self.features[clip.clip_id] for clip in clips])


@dataclass
class Recordings:
    """The recordings of a split: `first` is the first clip of each (its metadata), the arrays are means over its clips."""

    first: list[Pair]
    embeds: np.ndarray  # [n, D], normalised
    mfcc: np.ndarray  # [n, 80]; [n, 1] of zeros without baselines


def recordings(context: Context, clips: list[Pair]) -> Recordings:
    """Group clips by recording; a recording's embedding is the normalised mean of its clips' embeddings."""
    members = defaultdict(list)
    for position, clip in enumerate(clips):
        members[clip.recording_id].append(position)
    embeds = context.audio_embeds(clips)
    features = context.mfcc(clips) if context.with_baselines else np.zeros((len(clips), 1))
    mean = np.stack([embeds[rows].mean(axis=0) for rows in members.values()])
    return Recordings(
        first=[clips[rows[0]] for rows in members.values()],
        embeds=mean / np.linalg.norm(mean, axis=1, keepdims=True),
        mfcc=np.stack([features[rows].mean(axis=0) for rows in members.values()]),
    )


def prompt(template: str, pair: Pair) -> str:
    """The class prompt; a species without a common name is asked for by its scientific name, and the reverse."""
    common, scientific = pair.common_name or pair.scientific_name, pair.scientific_name or pair.common_name
    return template.format(common_name=common, a_common_name=with_article(common), scientific_name=scientific)


def classes_sha(classes: list[str]) -> str:
    return hashlib.sha256(json.dumps(classes, ensure_ascii=False).encode()).hexdigest()[:16]


def classify(
    context: Context, task: str, protocol: str, split: str, origin: str, classes: dict[str, Pair], notes: str
) -> Score | None:
    """Zero-shot classification of the recordings of a split among `classes` (species name -> a pair that carries it).

    None where the split holds no recording of these classes. Recordings of other names are skipped and counted.
    """
    params = context.params
    clips = context.asked(split, origin)
    usable = [clip for clip in clips if clip.scientific_name in classes]
    names = sorted(classes)
    if not usable or len(names) < 2:
        return None
    items = recordings(context, usable)
    prompts = [prompt(params.prompt_template, classes[name]) for name in names]
    similarity = items.embeds @ context.embedder.text(prompts).T  # [n, C]
    target = np.array([names.index(pair.scientific_name) for pair in items.first])
    hits = metrics.top_k_hits(similarity, target, 1).astype(float)
    measured = {
        "top1": float(hits.mean()),
        "top5": float(metrics.top_k_hits(similarity, target, min(5, len(names))).mean()),
        "macro_top1": metrics.macro_accuracy(hits, target),
    }
    interval = metrics.chance_interval(similarity.argmax(axis=1), target, len(names), params.bootstrap, params.seed)
    return score(
        context,
        task=task,
        origin=origin,
        protocol=protocol,
        measured=measured | {"chance_low": interval[0], "chance_high": interval[1]},
        primary="top1",
        chance=1 / len(names),
        per_item=hits,
        classes=names,
        others=_classification_baselines(context, split, origin, items, target, names)
        if context.with_baselines
        else {},
        n_skipped=len({clip.recording_id for clip in clips}) - len(items.first),
        notes=notes,
    )


def _classification_baselines(
    context: Context, split: str, origin: str, items: Recordings, target: np.ndarray, names: list[str]
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
) -> Score:
    """The Score of what was measured, with its verdict: the first line names every baseline the model does not beat."""
    params = context.params
    value = measured[primary]
    low, high = metrics.bootstrap_interval(per_item, params.bootstrap, params.seed)
    unbeaten = [f"{name} ({reached[primary]:.3f})" for name, reached in others.items() if reached[primary] >= value]
    verdict = f"{task} on {origin} sounds: {primary} {value:.3f} [{low:.3f}, {high:.3f}], n = {len(per_item)}"
    if others:
        verdict += f"; BELOW OR AT {', '.join(unbeaten)}" if unbeaten else "; above every baseline here"
    verdict += "."
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
        verdict=verdict,
        baselines=others,
        n_skipped=n_skipped,
        notes=notes,
    )
