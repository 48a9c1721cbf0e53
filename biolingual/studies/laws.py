"""How a score grows with size: two laws, fitted to a few sizes, and what they say of larger ones with its uncertainty.

Shapes: K sizes, R draws, G sizes asked for.
"""

from __future__ import annotations

import numpy as np

EXPONENTS = np.geomspace(0.02, 3.0, 60)  # of the power law, tried in turn
FREE = {"power": 3, "logistic": 2}  # values that a law is free to choose; it takes one size more to refute it
STEEPEST = 2.0  # of the logistic curve: doubling the size multiplies the odds by 4 at most
Z95 = 1.959964


def power(sizes: np.ndarray, values: np.ndarray, sigmas: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """[R, G]: value = a - b n^-c with b >= 0 and a at most 1, fitted to each row of `values` [R, K] by weighted least squares.

    The form of Hestness et al. 2017 (arXiv 1712.00409). For each c, a and b are solved exactly.
    """
    weight = 1 / sigmas**2
    weight = weight / weight.sum()
    mean = values @ weight  # [R]
    best, found = np.full(len(values), np.inf), np.empty((len(values), len(asked)))
    for exponent in EXPONENTS:
        basis = (sizes / sizes[0]) ** -exponent
        centred = basis - basis @ weight
        b = np.maximum(0, -(values * weight) @ centred / (weight @ centred**2))
        a = mean + b * (basis @ weight)
        over = a > 1
        b = np.where(over, np.maximum(0, ((1 - values) * weight) @ basis / (weight @ basis**2)), b)
        a = np.where(over, 1.0, a)
        miss = ((values - a[:, None] + b[:, None] * basis) ** 2) @ weight
        better = miss < best
        best = np.where(better, miss, best)
        told = a[:, None] - b[:, None] * (asked / sizes[0]) ** -exponent
        found[better] = told[better]
    return found


def logistic(sizes: np.ndarray, values: np.ndarray, sigmas: np.ndarray, asked: np.ndarray, chance: float) -> np.ndarray:
    """[R, G]: a logistic curve in log n from `chance` to 1, growing, fitted to each row of `values` [R, K]."""
    from scipy.optimize import least_squares

    x, wanted = np.log(sizes / sizes[0]), np.log(asked / sizes[0])

    def curve(at: np.ndarray, slope: float, start: float) -> np.ndarray:
        return chance + (1 - chance) / (1 + np.exp(np.clip(-start - slope * at, -50, 50)))

    found = np.empty((len(values), len(asked)))
    for row, told in enumerate(values):
        inside = np.clip((told - chance) / (1 - chance), 0.01, 0.99)
        odds = np.log(inside / (1 - inside))
        slope, start = np.polyfit(x, odds, 1)
        fit = least_squares(
            lambda free, told=told: (curve(x, *free) - told) / sigmas,
            [np.clip(slope, 1e-3, STEEPEST - 1e-3), start],
            bounds=([0, -50], [STEEPEST, 50]),
        )
        found[row] = curve(wanted, *fit.x)
    return found


def extrapolate(
    sizes: list[float],
    values: list[float],
    intervals: list[list[float]],
    chance: float,
    asked: list[float],
    resamples: int,
    seed: int,
) -> dict[str, dict]:
    """Law -> {value, low, high [G], scale} at the sizes `asked`, from values [K] with 95 % `intervals` [K, 2].

    Values are drawn anew about what was measured, as wide as their intervals say (widened by `scale` where the points lie
    further from the law than their intervals allow: Birge's ratio), and the law is fitted to each draw. A law that has too
    few sizes to be refuted by them is left out. The luck of training is in it only where several seeds were run.
    """
    x, y, at = (np.asarray(one, dtype=float) for one in (sizes, values, asked))
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    bounds = np.asarray(intervals, dtype=float)[order]
    sigmas = np.maximum((bounds[:, 1] - bounds[:, 0]) / (2 * Z95), 1e-3)
    laws = {"power": power, "logistic": lambda *words: logistic(*words, chance)}
    found = {}
    for name, law in laws.items():
        if len(set(x.tolist())) <= FREE[name]:
            continue
        own, told = np.split(law(x, y[None], sigmas, np.concatenate([x, at]))[0], [len(x)])
        scale = max(1.0, float(np.sqrt((((y - own) / sigmas) ** 2).sum() / (len(x) - FREE[name]))))
        draw = np.random.Generator(np.random.PCG64(seed))
        draws = np.clip(y + draw.standard_normal((resamples, len(x))) * sigmas * scale, 0, 1)
        low, high = np.percentile(law(x, draws, sigmas, at), [2.5, 97.5], axis=0)
        found[name] = {"value": told.tolist(), "low": low.tolist(), "high": high.tolist(), "scale": scale}
    return found
