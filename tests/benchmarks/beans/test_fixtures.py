"""The made-up sets: every protocol runs on every one of them, and shuffled labels give chance."""

import hashlib

import numpy as np
import pytest
from scipy.stats import binom

from biolingual.benchmarks.beans import PROTOCOLS, fixtures, scoring
from biolingual.benchmarks.beans.bench import Bench
from biolingual.benchmarks.beans.sets import sets

BEANS = [name for name, row in sets().items() if row.beans]
NEURAL = ("linear", "attentive", "knn", "zero_shot", "fine_tune")
FAST = ("speech-commands", "dcase")
SHUFFLES = 20


def digest(folder) -> str:
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*.*")):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def hits_and_chance(bench: Bench) -> tuple[int, int, float]:
    """(right answers, answers, chance of a right one). A class of m positives answers with its m highest windows."""
    fold = bench.data.folds[0]
    from biolingual.benchmarks.beans import protocol

    scores, truth = protocol(bench.protocol).predict(bench, fold).scores, bench.data.truth[fold.test]
    if bench.single:
        return int(truth[np.arange(len(truth)), scores.argmax(axis=1)].sum()), len(truth), 1 / truth.shape[1]
    hits = answers = 0
    expected = 0.0
    for c, positives in enumerate(truth.sum(axis=0)):
        hits += int(truth[np.argsort(-scores[:, c], kind="stable")[:positives], c].sum())
        answers += int(positives)
        expected += positives**2 / len(truth)
    return hits, answers, expected / max(answers, 1)


def far_from_chance(hits: int, answers: int, chance: float) -> float:
    """Two-sided binomial p."""
    return min(1.0, 2 * min(binom.cdf(hits, answers, chance), binom.sf(hits - 1, answers, chance)))


def shuffled(bench: Bench) -> tuple[int, int, float]:
    """`hits_and_chance` summed over draws in which the labels of all units are dealt anew."""
    data, total = bench.data, np.zeros(3)
    for seed in range(SHUFFLES):
        order = np.random.Generator(np.random.PCG64(seed)).permutation(len(data.units))
        bench.data = type(data)(**(vars(data) | {"truth": data.truth[order]}))
        hits, answers, chance = hits_and_chance(bench)
        total += hits, answers, chance * answers
    bench.data = data
    return int(total[0]), int(total[1]), total[2] / total[1]


def check_shuffle(bench: Bench) -> None:
    assert far_from_chance(*shuffled(bench)) > 0.001
    assert far_from_chance(*hits_and_chance(bench)) < 0.05  # the true labels are found


def check_score(bench: Bench, task: str) -> None:
    score = scoring.score(bench)
    assert (score.task, score.origin, score.protocol) == (f"fixture_{task}", "fixture", bench.protocol)
    assert 0 <= score.ci95[0] <= score.ci95[1] <= 1 and set(score.baselines) == {"chance", "majority"}
    assert score.primary == sets()[task].primary and score.n == len(bench.data.folds[0].test)
    assert "Published" not in score.notes


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    written = [digest(fixtures.write("dcase", tmp_path / name, seed)) for name, seed in (("a", 1), ("b", 1), ("c", 2))]
    assert written[0] == written[1] != written[2]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("task", FAST)
def test_every_protocol_scores_a_set_of_either_kind(bench, task, protocol):
    check_score(bench(task, protocol), task)


@pytest.mark.parametrize("task", FAST)
def test_shuffled_labels_of_a_set_of_either_kind_give_chance(bench, task):
    check_shuffle(bench(task, "mfcc_lr"))


@pytest.mark.slow
@pytest.mark.parametrize("protocol", NEURAL)
@pytest.mark.parametrize("task", BEANS)
def test_a_model_is_scored_on_all_twelve(bench, task, protocol):
    check_score(bench(task, protocol), task)


@pytest.mark.slow
@pytest.mark.parametrize("task", BEANS)
def test_shuffled_labels_give_chance_on_all_twelve(bench, task):
    check_shuffle(bench(task, "mfcc_lr"))
