"""Lists in BEANS' form become units with classes; a fault is one line that says what to do."""

import csv
import json
import shutil

import numpy as np
import pytest
import soundfile

from biolingual.benchmarks.beans import layout
from biolingual.benchmarks.beans.sets import sets


def clip_lists(folder, rows: dict[str, list[tuple]], header=("", "path", "label")):
    """Lists whose rows are (path, label), and one short sound that all paths end in."""
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "audio" / "a.wav", np.zeros(400), 8000)
    for split, lines in rows.items():
        with (folder / f"{split}.csv").open("w", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(header)
            writer.writerows([number, *line] if header[0] == "" else line for number, line in enumerate(lines))
    return folder


def file_lists(folder, rows: dict[str, list[dict]]):
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    soundfile.write(folder / "audio" / "a.wav", np.zeros(400), 8000)
    for split in layout.SPLITS:
        (folder / f"{split}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows.get(split, rows["train"]))
        )
    return folder


def esc50_lists(folder, counts=(1200, 400, 400), label=lambda n: n % 50):
    rows = {
        split: [("data/esc50/x/a.wav", label(n)) for n in range(count)]
        for split, count in zip(layout.SPLITS, counts, strict=True)
    }
    return clip_lists(folder, rows)


EVENTS = [{"st": 0.5, "ed": 1.0, "label": "AMRE"}, {"st": 3.0, "ed": 3.9, "label": "Q"}]


def test_clips_have_one_class_each_and_the_index_column_is_no_data(tmp_path):
    rows = {split: [("a.wav", "7"), ("audio/a.wav", "3")] for split in layout.SPLITS}
    data = layout.read("esc50", clip_lists(tmp_path, rows))
    assert data.classes == ["3", "7"] and data.truth.sum(axis=1).tolist() == [1] * 6
    assert [data.classes[c] for c in data.truth.argmax(axis=1)] == ["7", "3"] * 3
    assert [fold.tolist() for fold in vars(data.folds[0]).values()] == [[0, 1], [2, 3], [4, 5]]


def test_windows_hold_the_classes_annotated_in_them(tmp_path):
    row = {"path": "data/dcase/wav/a.wav", "length": 5.0, "annotations": EVENTS}
    data = layout.read("dcase", file_lists(tmp_path, {"train": [row]}))
    assert [unit.start_s for unit in data.units[:4]] == [0, 1, 2, 3]
    held = [[data.classes[c] for c in np.flatnonzero(one)] for one in data.truth[:4]]
    assert held == [["AMRE"], [], ["Q"], ["Q"]]


def test_a_label_that_is_not_listed_is_absorbed_where_the_set_says_so(tmp_path):
    row = {"path": "a.wav", "length": 2.0, "annotations": [{"st": 0, "ed": 1, "label": "BARS"}]}
    data = layout.read("enabirds", file_lists(tmp_path, {"train": [row]}))
    assert data.classes == ["OTHR"] and data.truth.all()


def test_the_name_of_a_beans_set_is_given_where_the_counts_and_classes_are_met(tmp_path):
    data = layout.read("esc50", esc50_lists(tmp_path))
    assert (data.name, data.origin, len(data.classes)) == ("esc50", "real", 50)


@pytest.mark.parametrize("counts", [(1199, 400, 400), (1200, 401, 400), (1200, 400, 399), (12, 4, 4)])
def test_other_counts_are_ones_own_set(tmp_path, counts):
    assert layout.read("esc50", esc50_lists(tmp_path, counts)).name == "own_esc50"


def test_other_classes_or_another_window_are_ones_own_set(tmp_path):
    assert layout.read("esc50", esc50_lists(tmp_path / "a", label=lambda n: n % 10)).name == "own_esc50"
    folder = esc50_lists(tmp_path / "b")
    (folder / "set.yaml").write_text("max_duration_s: 2\n")
    assert layout.read("esc50", folder).name == "own_esc50"


def test_hiceas_is_known_by_its_test_files(tmp_path):
    row = {"path": "a.wav", "length": 60.0, "annotations": [{"st": 0, "ed": 1, "label": 1}]}
    assert layout.read("hiceas", file_lists(tmp_path, {"train": [row] * 135})).name == "hiceas"
    assert layout.read("hiceas", file_lists(tmp_path, {"train": [row] * 134})).name == "own_hiceas"


@pytest.mark.parametrize("task", [name for name, row in sets().items() if row.beans])
def test_a_fixture_never_bears_the_name_of_a_beans_set(made_up, task):
    data = layout.read(task, made_up(task))
    assert (data.name, data.origin) == (f"fixture_{task}", "fixture")
    assert len(data.units) == 40 and data.truth.any(axis=0).all()


def test_ones_own_classes_are_those_of_the_training_list(tmp_path):
    rows = {
        "train": [("a.wav", "wren"), ("a.wav", "robin")],
        "valid": [("a.wav", "wren")],
        "test": [("a.wav", "robin")],
    }
    data = layout.read("own", clip_lists(tmp_path / "meadow", rows))
    assert (data.name, data.classes) == ("own_meadow", ["robin", "wren"])


def test_esc10_is_scored_by_its_own_folds(shared):
    data = layout.read("esc10", shared / "esc10")
    assert (data.name, len(data.classes), len(data.folds)) == ("esc10", 10, 5)
    assert np.concatenate([fold.test for fold in data.folds]).size == 400
    for fold in data.folds:
        groups = [{data.units[row].group for row in part} for part in (fold.train, fold.valid, fold.test)]
        assert not groups[0] & groups[2] and not groups[1] & groups[2]


GOOD = [("a.wav", "1")]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ({"train": GOOD, "valid": GOOD}, r"has no test\.csv or esc50\.test\.csv.*path,label"),
        (
            {"train": GOOD, "valid": GOOD, "test": [("b.wav", "1")]},
            r"test\.csv line 2: b\.wav is neither in .*Put it there",
        ),
        (
            {"train": GOOD, "valid": GOOD, "test": [("a.wav", "51")]},
            r"test\.csv line 2: label '51' is unknown to esc50",
        ),
        ({"train": GOOD, "valid": GOOD, "test": [("a.wav", "")]}, r"test\.csv line 2: path or label is empty"),
        ({"train": GOOD, "valid": GOOD, "test": []}, r"list of test gives nothing"),
        (
            {"train": [("a.wav", "wren")], "valid": GOOD, "test": GOOD},
            r"valid\.csv line 2: label '1' is in no training row",
        ),
    ],
)
def test_a_fault_of_a_list_is_told_with_its_place_and_remedy(tmp_path, rows, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said):
        layout.read("esc50", clip_lists(tmp_path, rows))


def test_a_missing_column_is_named(tmp_path):
    clip_lists(tmp_path, dict.fromkeys(layout.SPLITS, GOOD), header=("file", "label"))
    with pytest.raises(ValueError, match=r"train\.csv has no column 'path' \(it has: file, label\)"):
        layout.read("esc50", tmp_path)


def test_a_line_that_is_no_annotated_file_is_named(tmp_path):
    row = {"path": "a.wav", "annotations": []}
    with pytest.raises(ValueError, match=r"train\.jsonl line 1 is not .*length"):
        layout.read("dcase", file_lists(tmp_path, {"train": [row]}))


def test_lists_under_the_sets_own_names_are_found(made_up, tmp_path):
    folder = tmp_path / "esc50"
    shutil.copytree(made_up("esc50"), folder)
    before = layout.read("esc50", folder).truth
    (folder / "meta").mkdir()
    for split in layout.SPLITS:
        (folder / f"esc50.{split}.csv").rename(folder / "meta" / f"esc50.{split}.csv")
    assert (layout.read("esc50", folder).truth == before).all()
