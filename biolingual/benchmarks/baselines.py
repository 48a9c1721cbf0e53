"""What a score must beat: chance, the majority class, and MFCC with logistic regression.

Shapes: T samples, F frames, n clips.
"""

from __future__ import annotations

import numpy as np
from scipy.fft import dct

N_MFCC = 20
MEL_BANDS = 128
FLOOR_DB = 80.0
FRAMES_AT_ONCE = 4096  # of a long file; their spectra are some 100 MB


def mfcc_statistics(waveform: np.ndarray, sample_rate_hz: int, max_duration_s: float) -> np.ndarray:
    """The 80 numbers BEANS' non-neural baselines see: mean, sample sd, min, max over time of 20 MFCCs.

    Recipe of arXiv 2210.12300: 50 ms periodic Hann windows every 10 ms, 128 HTK-mel triangles over 0..rate/2 without area
    normalisation, 10 log10 floored 80 dB below the maximum, orthonormal DCT-II; short clips end in zero cepstra.
    """
    return statistics(cepstra(waveform, sample_rate_hz), 0, round(100 * max_duration_s))


def cepstra(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """[T] -> the 20 MFCCs of every frame [F, 20], by the recipe of `mfcc_statistics`."""
    window, hop = int(0.05 * sample_rate_hz), int(0.01 * sample_rate_hz)
    whole = np.pad(waveform.astype(np.float64), (0, max(0, window - len(waveform))))
    padded = np.pad(whole, window // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]  # [F, window]
    hann = np.hanning(window + 1)[:-1]
    triangles = _mel_triangles(sample_rate_hz, window // 2 + 1)
    parts = [frames[start : start + FRAMES_AT_ONCE] for start in range(0, len(frames), FRAMES_AT_ONCE)]
    power = [(np.abs(np.fft.rfft(part * hann, axis=1)) ** 2) @ triangles for part in parts]
    db = 10 * np.log10(np.maximum(np.concatenate(power), 1e-10))
    return dct(np.maximum(db, db.max() - FLOOR_DB), type=2, norm="ortho", axis=1)[:, :N_MFCC]


def statistics(cepstra: np.ndarray, start: int, length: int) -> np.ndarray:
    """[80] of the frames from `start`; where there are fewer than `length`, zeros stand for the rest."""
    cut = cepstra[start : start + length]
    cut = np.pad(cut, ((0, length - len(cut)), (0, 0)))
    return np.concatenate([cut.mean(0), cut.std(0, ddof=1), cut.min(0), cut.max(0)])


_TRIANGLES: dict[tuple[int, int], np.ndarray] = {}


def _mel_triangles(sample_rate_hz: int, bins: int) -> np.ndarray:
    key = (sample_rate_hz, bins)
    if key not in _TRIANGLES:
        top = 2595 * np.log10(1 + sample_rate_hz / 2 / 700)
        edges = 700 * (10 ** (np.linspace(0, top, MEL_BANDS + 2) / 2595) - 1)
        frequency = np.linspace(0, sample_rate_hz // 2, bins)[:, None]
        rising = (frequency - edges[:-2]) / np.diff(edges)[:-1]
        falling = (edges[2:] - frequency) / np.diff(edges)[1:]
        _TRIANGLES[key] = np.maximum(0, np.minimum(rising, falling))
    return _TRIANGLES[key]


def logistic_regression(features: np.ndarray, labels: np.ndarray, seed: int):
    """scikit-learn's, on z-scored features [n, 80]."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=1000, random_state=seed))
    return model.fit(features, labels)


def class_scores(model, features: np.ndarray, classes: list) -> np.ndarray:
    """[n, C] log-probabilities in the order of `classes`; -inf for a class the baseline never saw."""
    known = {name: column for column, name in enumerate(model.classes_)}
    log_probability = np.log(np.maximum(model.predict_proba(features), 1e-300))
    out = np.full((len(features), len(classes)), -np.inf)
    for position, name in enumerate(classes):
        if name in known:
            out[:, position] = log_probability[:, known[name]]
    return out


def cross_validated(
    features: np.ndarray, labels: np.ndarray, groups: np.ndarray, classes: list, seed: int
) -> np.ndarray:
    """[n, C] class scores, each item by a model that saw no item of its group: for classes without training data elsewhere."""
    from sklearn.model_selection import GroupKFold

    out = np.full((len(features), len(classes)), -np.inf)
    folds = min(5, len(np.unique(groups)))
    if folds < 2:
        return out
    for train, test in GroupKFold(folds).split(features, labels, groups):
        if len(np.unique(labels[train])) > 1:
            out[test] = class_scores(logistic_regression(features[train], labels[train], seed), features[test], classes)
    return out
