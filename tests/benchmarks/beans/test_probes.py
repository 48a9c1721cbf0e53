"""The heads over a frozen model, its neighbours and its sentences."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from biolingual.benchmarks.beans import neighbours, probes, zero_shot
from biolingual.benchmarks.beans.layout import Data, Fold
from biolingual.benchmarks.beans.sets import sound_set


def labelled(kind: np.ndarray, folder=None) -> Data:
    """A classification set of these classes, a third of it train, valid and test each."""
    rows = np.arange(len(kind))
    fold = Fold(rows[rows % 3 == 0], rows[rows % 3 == 1], rows[rows % 3 == 2])
    truth = np.eye(kind.max() + 1, dtype=bool)[kind]
    return Data(sound_set("own"), "own_x", "real", [str(c) for c in range(truth.shape[1])], [], truth, [fold], folder)


def one_step_in_many(n: int = 240, steps: int = 16, features: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """(kind [n], frames [n, S, H]): the class stands in one loud step, marked as such, and is drowned in the mean."""
    draw = np.random.Generator(np.random.PCG64(0))
    kind = draw.integers(0, 2, n)
    frames = draw.standard_normal((n, steps, features))
    frames[:, :, 0] = 0
    at = draw.integers(0, steps, n)
    frames[np.arange(n), at, 0] = 5.0
    frames[np.arange(n), at, 1] = np.where(kind == 1, 2.0, -2.0)
    return kind, frames


def test_attention_finds_the_step_that_the_mean_drowns(bench):
    kind, frames = one_step_in_many()
    reached = {}
    for protocol in ("linear", "attentive"):
        one = bench("esc50", protocol)
        one.data = labelled(kind)
        vars(one)["embedded"] = SimpleNamespace(clips=frames.mean(axis=1), frames=frames)
        fold = one.data.folds[0]
        reached[protocol] = one.measure(probes.predict(one, fold).scores, fold.test)
    assert reached["attentive"] > 0.9 and reached["attentive"] > reached["linear"] + 0.05


def test_attention_begins_at_the_mean():
    torch.manual_seed(0)
    head, steps = probes.Attentive(6, 3), torch.randn(4, 9, 6)
    mean = steps.mean(dim=1).repeat(1, probes.QUERIES)
    assert torch.allclose(head(steps), head.out(mean), atol=1e-6)


def test_features_are_standardised_by_the_training_units_alone():
    features = np.random.Generator(np.random.PCG64(0)).normal(3, 2, (50, 4, 5))
    train = np.arange(20)
    found = probes.standardised(features, train)
    assert np.allclose(found[train].mean(axis=(0, 1)), 0, atol=1e-5)
    assert np.allclose(found[train].std(axis=(0, 1)), 1, atol=1e-4)


def test_the_same_seed_trains_the_same_head(bench):
    scores = [probes.predict(one, one.data.folds[0]).scores for one in (bench("esc50", "attentive") for _ in range(2))]
    assert (scores[0] == scores[1]).all()


def test_votes_are_those_of_the_nearest_weighed_by_cosine():
    known = np.array([[1.0, 0], [0.8, 0.6], [0, 1.0]])
    truth = np.array([[True, False], [False, True], [False, True]])
    asked = np.array([[0.96, 0.28]])
    weight = np.exp(np.array([0.96, 0.936]) / neighbours.TEMPERATURE)
    assert np.allclose(neighbours.votes(asked, known, truth, 2), [weight / weight.sum()])
    assert np.allclose(neighbours.votes(asked, known, truth, 1), [[1, 0]])


def test_votes_in_blocks_are_the_same(monkeypatch):
    draw = np.random.Generator(np.random.PCG64(0))
    known, asked, truth = draw.standard_normal((30, 4)), draw.standard_normal((11, 4)), draw.random((30, 3)) < 0.5
    whole = neighbours.votes(asked, known, truth, 5)
    monkeypatch.setattr(neighbours, "BLOCK", 3)
    assert np.allclose(neighbours.votes(asked, known, truth, 5), whole)


def test_a_prototype_is_the_mean_of_so_many_examples_of_its_class():
    embeds = np.eye(6)
    truth = np.array([[1, 0, 0]] * 3 + [[0, 1, 0]] * 3, dtype=bool)
    found = neighbours.prototypes(embeds, truth, 2, np.random.Generator(np.random.PCG64(0)))
    assert (found[:2] > 0).sum(axis=1).tolist() == [2, 2] and not found[2].any()
    assert not found[0, 3:].any() and not found[1, :3].any()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("common", "The sound of an orca."),
        ("scientific", "The sound of an Orcinus orca."),
        ("both", "The sound of an orca (Orcinus orca)."),
    ],
)
def test_a_sentence_names_a_class(kind, expected):
    assert zero_shot.sentence("The sound of {a_common_name}.", ("orca", "Orcinus orca"), kind) == expected


def test_names_come_from_the_folder_then_from_the_table_then_from_the_label(tmp_path):
    data = labelled(np.arange(3), tmp_path)
    data.classes[:] = ["Killer_Whale", "Narwhal", "a_new_one"]
    known = Data(**(vars(data) | {"row": sound_set("watkins")}))
    (tmp_path / "names.csv").write_text("label,common_name,scientific_name\nNarwhal,unicorn,\n")
    assert zero_shot.class_names(known) == [
        ("killer whale", "Orcinus orca"),
        ("unicorn", "unicorn"),
        ("a new one", "a new one"),
    ]


def test_every_label_of_esc50_has_a_name():
    row = sound_set("esc50")
    data = Data(row, "esc50", "real", list(row.labels), [], np.eye(50, dtype=bool), [], row_folder := zero_shot.NAMES)
    assert row_folder.is_file() and not any(common.isdigit() for common, _ in zero_shot.class_names(data))
