"""What a score says beside its value."""

import dataclasses

import numpy as np
import pytest

from biolingual.benchmarks.beans import protocol, scoring
from biolingual.tabular import write_json


def test_a_score_stands_beside_chance_and_the_commonest_class(bench):
    one = bench("dcase", "mfcc_lr")
    truth = one.data.truth[one.data.folds[0].test]
    score = scoring.score(one)
    assert score.baselines["majority"]["map"] == pytest.approx(
        truth.mean(axis=0).mean()
    )  # equal scores: the prevalence
    assert score.baselines["chance"]["map"] == score.chance > truth.mean()
    assert score.value > score.chance and "above chance" in score.verdict
    assert (score.model_sha, score.embedding_id) == ("", "")


def test_the_commonest_class_is_the_training_units(bench):
    one = bench("speech-commands", "mfcc_lr")
    fold = one.data.folds[0]
    truth = np.zeros_like(one.data.truth)
    truth[:, 1] = True
    truth[fold.test] = one.data.truth[fold.test]
    one.data = dataclasses.replace(one.data, truth=truth)
    assert scoring.majority(one.data) == one.data.truth[fold.test][:, 1].mean()


def test_the_dataset_is_known_by_its_lists(bench):
    data = bench("dcase", "mfcc_lr").data
    other = data.truth.copy()
    other[0, 0] ^= True
    assert scoring.dataset_sha(data) == scoring.dataset_sha(bench("dcase", "knn").data)
    assert scoring.dataset_sha(data) != scoring.dataset_sha(dataclasses.replace(data, truth=other))


def test_a_models_origin_is_its_lineages(tmp_path):
    assert scoring.model_origin(str(tmp_path)) == "real"
    write_json({"origin": "simulated"}, tmp_path / "lineage.json")
    assert scoring.model_origin(str(tmp_path)) == "simulated"


def test_a_model_that_is_not_given_is_asked_for(bench):
    one = bench("speech-commands", "linear")
    one.model = ""
    with pytest.raises(ValueError, match=r"protocol linear scores a model.*--model"):
        scoring.score(one)


def test_an_unknown_protocol_is_told_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'mfcc_gbdt' is unknown. Known: mfcc_lr.*--protocol"):
        protocol("mfcc_gbdt")
