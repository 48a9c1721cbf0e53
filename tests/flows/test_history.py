"""reports/history.csv: a row for each task and origin of each re-evaluation."""

from datetime import UTC, datetime

import pytest

from flows import history


def result(value: float = 0.5, **changes) -> dict:
    """What stages/reevaluate.py found, for one task."""
    score = {"value": value, "ci95": [value - 0.1, value + 0.1], "n": 40, "n_classes": 12}
    scores = [
        {
            "task": "animalspeak_zero_shot",
            "origin": "simulated",
            "primary": "top1",
            "before": [0.61234, 0.5, 0.7],
            "overall": score,
            "new": score | {"n": 12},
            "new_species": None,
            "difference": [-0.1, -0.2, 0.0],
            "verdict": "same",
        }
    ]
    shared = {"base": "biolingual-demo@v0.1.0", "dataset_sha": "d" * 64, "model_sha": "a" * 64}
    return {**shared, "verdict": "same", "gate": True, "retrain_advised": False, "scores": scores, **changes}


def test_a_score_becomes_a_row_with_its_interval_and_what_was_not_scored_stays_empty():
    (row,) = history.rows_of("xc-2026-02", result())
    assert set(row) <= set(history.COLUMNS)
    assert (row["dump"], row["task"], row["origin"], row["metric"]) == (
        "xc-2026-02",
        "animalspeak_zero_shot",
        "simulated",
        "top1",
    )
    assert (row["before"], row["overall"], row["overall_low"], row["overall_high"]) == (
        "0.6123",
        "0.5000",
        "0.4000",
        "0.6000",
    )
    assert row["new_n"] == 12 and "new_species" not in row and "overall_n" not in row
    assert (row["dataset"], row["model"], row["retrain_advised"]) == ("d" * 12, "a" * 12, "no")
    assert row["date"] == datetime.now(UTC).date().isoformat()


def test_a_task_that_was_never_scored_before_has_no_value_before():
    (row,) = history.rows_of("a-2", result(scores=[result()["scores"][0] | {"before": None}]))
    assert row["before"] == "" and row["overall"] == "0.5000"


def test_a_red_gate_is_one_row_that_says_so():
    (row,) = history.rows_of("a-2", result(scores=[], verdict="gate red"))
    assert row["verdict"] == "gate red" and "task" not in row


def test_rows_come_back_as_they_were_added_the_oldest_first(tmp_path):
    history.add(tmp_path, history.rows_of("a-1", result(0.4)))
    history.add(tmp_path, history.rows_of("a-2", result(0.5)))
    rows = history.read((tmp_path / history.FILE).read_text())
    assert [(row["dump"], row["overall"]) for row in rows] == [("a-1", "0.4000"), ("a-2", "0.5000")]
    assert list(rows[0]) == history.COLUMNS and rows[0]["new_species"] == ""


def test_a_second_try_of_a_dump_replaces_the_rows_of_the_first(tmp_path):
    history.add(tmp_path, history.rows_of("a-1", result(0.4)))
    history.add(tmp_path, history.rows_of("a-2", result(scores=[], verdict="gate red")))
    history.add(tmp_path, history.rows_of("a-2", result(0.6)))
    rows = history.read((tmp_path / history.FILE).read_text())
    assert [(row["dump"], row["overall"]) for row in rows] == [("a-1", "0.4000"), ("a-2", "0.6000")]


def test_equal_rows_give_an_equal_file_and_leave_no_other(tmp_path):
    rows = history.rows_of("a-1", result())
    history.add(tmp_path, rows)
    first = (tmp_path / history.FILE).read_bytes()
    history.add(tmp_path, rows)
    assert (tmp_path / history.FILE).read_bytes() == first
    assert [path.name for path in (tmp_path / "reports").iterdir()] == ["history.csv"]


@pytest.mark.parametrize("text", ["", "date,dump\n"])
def test_a_history_without_rows_is_empty(text):
    assert history.read(text) == []


def test_a_row_with_an_unknown_column_leaves_the_file_as_it_was(tmp_path):
    history.add(tmp_path, history.rows_of("a-1", result()))
    before = (tmp_path / history.FILE).read_bytes()
    with pytest.raises(ValueError, match="colour"):
        history.add(tmp_path, [{"dump": "a-2", "colour": "red"}])
    assert (tmp_path / history.FILE).read_bytes() == before
