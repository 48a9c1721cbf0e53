"""How a training can fail, each failure named with the numbers that show it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

DEAD_COSINE = 0.95  # mean cosine between different species: the demo's living towers have 0.03 and 0.04
MISALIGNED_AUC = 0.6  # how often a matched pair is closer than an unmatched one; blind = 0.5
LOW_PRECISION = 0.2  # and less than twice chance
OVERFIT_RISE = 0.10  # held-out loss above its best, while the training loss falls
OVERFIT_GAP = 0.35  # retrieval among training clips above that among held-out ones
DIVERGED_RISE = 0.5  # training loss above its best, over the last fifth of the curve
EXPLODED_NORM = 20.0  # gradient norm over its median
FEW = 5  # points of a curve that say nothing yet


@dataclass(frozen=True)
class Finding:
    name: str
    evidence: str
    remedy: str


def diagnose(history: list[dict], watched: list[dict]) -> list[dict]:
    """The failures that the loss curve and the held-out measures (oldest first) show; [] = none seen."""
    found = [*divergence(history)]
    seen = [one for one in watched if "valid_loss" in one]
    if seen:
        dead = dead_towers(seen[-1])
        aligned = misaligned_space(seen[-1]) if not dead else []
        found += dead + aligned
        if not dead and not aligned:
            found += low_precision(seen[-1])
        found += overfitting(history, seen)
    return [asdict(one) for one in found]


def dead_towers(last: dict) -> list[Finding]:
    """A tower that gives every input nearly the same embedding."""
    return [
        Finding(
            f"dead {tower} tower",
            f"mean cosine between the {tower} embeddings of different species is {last[f'{tower}_cosine']:.3f}",
            f"Lower pretrain.learning_rate, lengthen its warm-up, or raise model.{tower}_initializer_factor.",
        )
        for tower in ("audio", "text")
        if not last[f"{tower}_cosine"] < DEAD_COSINE
    ]


def misaligned_space(last: dict) -> list[Finding]:
    """Both towers live, but a sound is no closer to its own caption than to another's."""
    if last["auc"] >= MISALIGNED_AUC:
        return []
    return [
        Finding(
            "misaligned space",
            f"matched pairs have a mean similarity of {last['matched']:.3f}, unmatched ones {last['unmatched']:.3f}; "
            f"a matched pair is the closer one {last['auc']:.0%} of the time (blind: 50 %)",
            "Look whether captions belong to their clips (reports/validation.html), then train longer.",
        )
    ]


def low_precision(last: dict) -> list[Finding]:
    """The space is aligned, but too coarsely to find a species."""
    if last["t2a_r1"] >= max(LOW_PRECISION, 2 * last["t2a_chance"]):
        return []
    return [
        Finding(
            "low retrieval precision",
            f"the nearest of {last['clips']} clips is of the asked species for {last['t2a_r1']:.0%} of the captions "
            f"(blind: {last['t2a_chance']:.1%}), although matched pairs are closer {last['auc']:.0%} of the time",
            "Raise pretrain.global_batch_size (with micro_batch_size), mask same-species negatives, or train longer.",
        )
    ]


def overfitting(history: list[dict], seen: list[dict]) -> list[Finding]:
    """It knows the training clips and species better than it hears."""
    told = []
    best, last = min(seen, key=lambda one: one["valid_loss"]), seen[-1]
    since = [one["loss"] for one in history if one["step"] >= best["step"]]
    falling = len(since) > 1 and np.mean(since[-3:]) < since[0]
    if last["valid_loss"] > (1 + OVERFIT_RISE) * best["valid_loss"] and falling:
        told.append(
            f"held-out loss rose from {best['valid_loss']:.3f} (step {best['step']}) to {last['valid_loss']:.3f} while the "
            f"training loss fell from {since[0]:.3f} to {np.mean(since[-3:]):.3f}"
        )
    if last["train_r1"] - last["t2a_r1"] > OVERFIT_GAP:
        told.append(
            f"the asked species comes first among training clips for {last['train_r1']:.0%}, among held-out "
            f"clips for {last['t2a_r1']:.0%}"
        )
    remedy = "Train fewer steps, vary the sounds more (pretrain.augment_*), or add recordings of more recordists."
    return [Finding("overfitting to training species", "; ".join(told), remedy)] if told else []


def divergence(history: list[dict]) -> list[Finding]:
    """The loss has left the valley it was in, or the gradient explodes."""
    if len(history) < FEW:
        return []
    losses = np.array([one["loss"] for one in history])
    norms = np.array([one["gradient_norm"] for one in history])
    late = max(1, len(losses) // 5)
    smooth = np.convolve(losses, np.ones(3) / 3, "valid")
    told = []
    if not losses[-late:].mean() <= (1 + DIVERGED_RISE) * smooth.min():
        told.append(f"the training loss is {losses[-late:].mean():.3f} at the end and was {smooth.min():.3f} before")
    if not norms[-late:].max() <= EXPLODED_NORM * np.median(norms):
        told.append(
            f"the gradient norm reaches {norms[-late:].max():.3g} at the end, its median is {np.median(norms):.3g}"
        )
    remedy = "Lower pretrain.learning_rate or max_gradient_norm, or lengthen warmup_steps."
    return [Finding("divergence", "; ".join(told), remedy)] if told else []
