"""Zero-shot at family, genus and species, and a model that names the genus or the family where it is unsure of the species.

The probability of a genus is the sum of its species'. Backing off: the most specific level whose highest probability
reaches a threshold is answered. The threshold is the lowest at which RIGHT_ON_VALID of the answers are right on the
validation split. Shapes: n recordings, C species.
"""

from __future__ import annotations

import numpy as np

from biolingual.benchmarks import metrics
from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import Answers, answers, classification_baselines, score, species_of
from biolingual.records import Pair, Score

TASK = "animalspeak_hierarchical"
LEVELS = ("species", "genus", "family")  # the most specific first
CREDIT = {"species": 1.0, "genus": 2 / 3, "family": 1 / 3}  # for a right answer at a level
RIGHT_ON_VALID = 0.9
THRESHOLDS = np.round(np.linspace(0, 1, 101), 2)


def scores(context: Context) -> list[Score]:
    """One score per origin of test_seen; primary is the credit of the answers after backing off."""
    return [one for origin in context.origins("test_seen") if (one := _score(context, origin)) is not None]


def levels(found: Answers, classes: dict[str, Pair], logit_scale: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Level -> (is the most probable taxon right? [n], its probability [n])."""
    probability = metrics.probabilities(found.similarity, logit_scale)
    out = {}
    for level in LEVELS:
        taxon = [name if level == "species" else getattr(classes[name], level) or name for name in found.names]
        number = {name: position for position, name in enumerate(sorted(set(taxon)))}
        parent = np.array([number[name] for name in taxon])
        mass = metrics.mass_of_parents(probability, parent)
        out[level] = metrics.top_k_hits(mass, parent[found.target], 1), mass.max(axis=1)
    return out


def back_off(by_level: dict[str, tuple[np.ndarray, np.ndarray]], threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """(position in LEVELS of the level answered [n], len(LEVELS) for no answer; is it right? [n])."""
    sure = np.stack([by_level[level][1] >= threshold for level in LEVELS] + [np.ones_like(by_level["species"][0])])
    right = np.stack([by_level[level][0] for level in LEVELS] + [np.zeros_like(by_level["species"][0])])
    level = sure.argmax(axis=0)
    return level, right[level, np.arange(len(level))]


def choose_threshold(by_level: dict[str, tuple[np.ndarray, np.ndarray]]) -> float:
    """The lowest of THRESHOLDS at which RIGHT_ON_VALID of the answers are right; the highest with answers where none is."""
    best = 0.0
    for threshold in THRESHOLDS:
        level, right = back_off(by_level, threshold)
        answered = level < len(LEVELS)
        if answered.any():
            best = float(threshold)
            if right[answered].mean() >= RIGHT_ON_VALID:
                break
    return best


def credit(level: np.ndarray, right: np.ndarray) -> np.ndarray:
    """[n]: CREDIT of the level where the answer is right, else 0."""
    return np.array([*(CREDIT[name] for name in LEVELS), 0.0])[level] * right


def _score(context: Context, origin: str) -> Score | None:
    classes = species_of(context.clips("train", origin))
    found = answers(context, context.asked("test_seen", origin), classes)
    tuned = answers(*context.tuning(origin, classes), classes)
    if found is None or tuned is None:
        return None
    scale = context.logit_scale()
    threshold = choose_threshold(levels(tuned, classes, scale))
    by_level = levels(found, classes, scale)
    level, right = back_off(by_level, threshold)
    answered = level < len(LEVELS)
    per_item = credit(level, right)
    curve = [_point(by_level, one) for one in THRESHOLDS[::10]]
    measured = {f"{name}_top1": float(by_level[name][0].mean()) for name in LEVELS}
    measured |= {f"answered_{name}": float((level == number).mean()) for number, name in enumerate(LEVELS)}
    measured |= {
        "threshold": threshold,
        "answered": float(answered.mean()),
        "right_of_answered": float(right[answered].mean()) if answered.any() else 0.0,
        "credit": float(per_item.mean()),
        "right_over_thresholds": float(np.mean([point["right"] for point in curve])),
    }
    others = (
        classification_baselines(context, origin, found.items, found.target, found.names)
        if context.with_baselines
        else {}
    )
    # Baselines name species alone, always: their credit is their top1.
    others = {
        name: {"credit": one["top1"]} | {k: v for k, v in one.items() if k == "trained"} for name, one in others.items()
    }
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="hierarchical",
        measured=measured,
        primary="credit",
        chance=1 / len(found.names),
        per_item=per_item,
        classes=found.names,
        others=others,
        n_skipped=found.n_skipped,
        notes=f"Credit of a right answer: 1 for the species, 2/3 for the genus, 1/3 for the family. The threshold is the lowest "
        f"with {RIGHT_ON_VALID:.0%} right on {len(tuned.items.first)} recordings of the validation split.",
        ids=found.ids,
        curves={
            name: {"x": "least probability answered", "points": [[point["threshold"], point[name]] for point in curve]}
            for name in ("answered", "right", "credit")
        },
    )


def _point(by_level: dict[str, tuple[np.ndarray, np.ndarray]], threshold: float) -> dict[str, float]:
    level, right = back_off(by_level, threshold)
    answered = level < len(LEVELS)
    return {
        "threshold": float(threshold),
        "answered": float(answered.mean()),
        "right": float(right[answered].mean()) if answered.any() else 1.0,
        "credit": float(credit(level, right).mean()),
    }
