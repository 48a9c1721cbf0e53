"""Printed numbers stand only beside the same set and the same protocol."""

import pytest

from biolingual.benchmarks.beans import PROTOCOLS
from biolingual.benchmarks.beans.published import every, within
from biolingual.benchmarks.beans.sets import sets


def test_the_tables_numbers_are_fractions_of_known_sets_or_stated_means():
    for row in every():
        assert 0 < row.value < 1 and row.source
        assert row.task.startswith("mean of") or row.metric == sets()[row.task].primary, row


@pytest.mark.parametrize(("model", "mean"), [("AVES-bio", 0.643)])
def test_twelve_cells_average_to_the_mean_their_authors_print(model, mean):
    cells = [row.value for row in every() if row.model == model and row.protocol == "fine_tune" and row.task in sets()]
    assert len(cells) == 12 and sum(cells) / 12 == pytest.approx(mean, abs=0.0006)
    printed = [row.value for row in every() if row.model == model and row.task == "mean of 12"]
    assert printed == [mean]


def test_a_number_is_given_within_its_protocol_alone():
    assert {row.model for row in within("esc50", "mfcc_svm")} == {"svm"}
    assert "AVES-bio" in {row.model for row in within("esc50", "fine_tune")}
    assert all(row.model != "svm" for row in within("esc50", "fine_tune"))
    assert within("esc50", "linear") == []


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("name", ["fixture_esc50", "own_esc50", "own_meadow", "esc10", "animalspeak_zero_shot"])
def test_no_printed_number_stands_beside_other_data(name, protocol):
    assert within(name, protocol) == []


def test_hard_answers_of_detection_are_never_compared_with():
    assert [row for name in ("dcase", "enabirds", "hiceas", "rfcx") for row in within(name, "mfcc_svm")] == []
