"""BEANS' logistic regression and support vector machine on 80 numbers of MFCCs: the recipe of arXiv 2210.12300 with its grids.

BEANS scores detection by hard 0/1 answers, whose average precision depends on the order of files; here by decision values.
Shapes: n units, C classes.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from biolingual.benchmarks import baselines
from biolingual.benchmarks.beans import sounds
from biolingual.benchmarks.beans.bench import Bench, Prediction, first_best
from biolingual.benchmarks.beans.layout import Data, Fold
from biolingual.parallel import Machine, map_ordered

GRID = (0.1, 1.0, 10.0)  # C of both
WORTH_WORKERS = 2000  # training units; below, a fit is quicker than a process starts
FRAMES_PER_S = 100


@dataclass(frozen=True)
class FileJob:
    """The units of one file, as a worker computes them."""

    path: str
    sample_rate_hz: int
    starts_s: tuple[float, ...]
    length_s: float


@dataclass(frozen=True)
class Fit:
    """One point of the grid."""

    protocol: str
    C: float
    features: np.ndarray  # [n, 80], z-scored
    truth: np.ndarray  # bool [n, C]
    asked: np.ndarray  # [m, 80]
    single: bool
    seed: int


def predict(bench: Bench, fold: Fold) -> Prediction:
    """z-scores by the training units, one fit for each C, the best on valid; no second fit on train and valid."""
    found, truth = bench.mfcc, bench.data.truth
    mean, deviation = found[fold.train].mean(axis=0), found[fold.train].std(axis=0)
    scaled = (found - mean) / np.where(deviation > 0, deviation, 1.0)
    asked = np.concatenate([fold.valid, fold.test])
    fits = [
        Fit(bench.protocol, C, scaled[fold.train], truth[fold.train], scaled[asked], bench.single, bench.params.seed)
        for C in GRID
    ]
    machine = bench.machine if len(fold.train) > WORTH_WORKERS else Machine()
    scores = list(map_ordered(decision_values, fits, machine, chunk=1))
    reached = [bench.measure(one[: len(fold.valid)], fold.valid) for one in scores]
    best = first_best(reached)
    return Prediction(scores[best][len(fold.valid) :], chosen=f"C = {GRID[best]:g} (valid {reached[best]:.3f})")


def features(data: Data, machine: Machine) -> np.ndarray:
    """[n, 80]: the MFCC statistics of every unit, in order."""
    jobs = [
        FileJob(path, data.row.sample_rate_hz, tuple(unit.start_s for unit in units), data.row.unit_s)
        for path, units in itertools.groupby(data.units, key=lambda unit: unit.path)
    ]
    return np.concatenate(list(map_ordered(file_features, jobs, machine)))


def file_features(job: FileJob) -> np.ndarray:
    """[units, 80]. The cepstra are those of the whole file: the floor lies 80 dB below its loudest frame."""
    cepstra = baselines.cepstra(sounds.whole(job.path, job.sample_rate_hz), job.sample_rate_hz)
    length = round(FRAMES_PER_S * job.length_s)
    return np.stack([baselines.statistics(cepstra, round(FRAMES_PER_S * start), length) for start in job.starts_s])


def decision_values(fit: Fit) -> np.ndarray:
    """[m, C] of one point of the grid; one binary model for each class where a unit may have several."""
    if not fit.single:
        return np.stack([_binary(fit, fit.truth[:, c]) for c in range(fit.truth.shape[1])], axis=1)
    model = _model(fit).fit(fit.features, fit.truth.argmax(axis=1))
    values = model.decision_function(fit.asked)
    if values.ndim == 1:  # two classes
        values = np.stack([-values, values], axis=1)
    scores = np.full((len(fit.asked), fit.truth.shape[1]), values.min() - 1.0)
    scores[:, model.classes_] = values
    # The answer of an SVM is a vote of pairs and need not have the highest value.
    scores[np.arange(len(scores)), model.predict(fit.asked)] = values.max() + 1.0
    return scores


def _binary(fit: Fit, truth: np.ndarray) -> np.ndarray:
    if truth.all() or not truth.any():
        return np.full(len(fit.asked), float(truth.any()))
    return _model(fit).fit(fit.features, truth).decision_function(fit.asked)


def _model(fit: Fit):
    if fit.protocol == "mfcc_svm":
        from sklearn.svm import SVC

        return SVC(C=fit.C, kernel="rbf")
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=fit.C, max_iter=1000, random_state=fit.seed)
