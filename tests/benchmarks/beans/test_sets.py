"""The published split counts, derived again from lengths and split rules; and the rows' own consistency."""

import numpy as np
import pytest

from biolingual.benchmarks.beans.sets import sets, sound_set, with_own_values
from biolingual.benchmarks.beans.windows import window_count

BEANS = {name: row for name, row in sets().items() if row.beans}
DETECTION = {name: row for name, row in BEANS.items() if row.kind == "detection"}
LABELS = {
    "watkins": 31, "bats": 10, "cbi": 264, "dogs": 10, "humbugdb": 14, "esc50": 50, "speech-commands": 35,
    "dcase": 18, "enabirds": 34, "hiceas": 1, "rfcx": 24, "hainan-gibbons": 3,
}  # fmt: skip


def in_thirds(n: int) -> tuple[int, int, int]:
    """60 / 20 / 20 as scikit-learn's train_test_split makes them in two steps."""
    from sklearn.model_selection import train_test_split

    train, rest = train_test_split(np.arange(n), test_size=0.4, random_state=42)
    valid, test = train_test_split(rest, test_size=0.5, random_state=42)
    return len(train), len(valid), len(test)


def test_there_are_the_twelve_with_their_numbers_of_labels():
    assert {name: len(row.labels) for name, row in BEANS.items()} == LABELS
    assert all(len(set(row.labels)) == len(row.labels) for row in BEANS.values())


def test_an_unknown_label_goes_to_a_listed_class():
    absorbing = {name: row.unknown_label for name, row in BEANS.items() if row.unknown_label}
    assert absorbing == {"enabirds": "OTHR", "hainan-gibbons": "1"}
    assert all(label in BEANS[name].labels for name, label in absorbing.items())


@pytest.mark.parametrize(
    ("task", "total"), [("watkins", 1695), ("bats", 10000), ("dogs", 693), ("humbugdb", 9295), ("rfcx", 4727)]
)
def test_random_splits_follow_from_the_total(task, total):
    assert in_thirds(total) == sets()[task].items


@pytest.mark.parametrize("task", ["enabirds", "hiceas", "rfcx", "hainan-gibbons"])
def test_windows_follow_from_full_minutes(task):
    row = sets()[task]
    each = window_count(60, row.window_width_s, row.window_shift_s)
    assert row.windows == tuple(None if files is None else files * each for files in row.items)


def test_enabirds_is_five_minutes_of_77_recordings():
    chunks = [sum(low <= chunk < high for chunk in range(5)) for low, high in ((0, 3), (3, 4), (4, 5))]
    assert sets()["enabirds"].items == tuple(77 * part for part in chunks)


def test_gibbons_are_every_third_minute_of_eight_hours():
    kept = len(range(0, 8 * 60, 3))
    assert sets()["hainan-gibbons"].items == (6 * kept, 3 * kept, 4 * kept)


def test_cbi_adds_up_to_the_competitions_recordings():
    assert sum(sets()["cbi"].items) == 21375


def test_esc50_splits_by_its_own_folds():
    assert sets()["esc50"].items == (3 * 400, 400, 400)


def test_the_test_units_of_all_twelve_add_up():
    units = {name: (row.windows or row.items)[2] for name, row in BEANS.items()}
    assert [units[name] for name in ("dcase", "enabirds", "hiceas", "rfcx", "hainan-gibbons")] == [
        13688, 4543, 1485, 10406, 18560,
    ]  # fmt: skip
    assert sum(units.values()) == 68044


@pytest.mark.parametrize(("split", "dcase_and_hiceas", "total"), [(0, 45895, 231819), (1, 15291, 62415)])
def test_train_and_valid_units_add_up_with_the_two_sets_known_together(split, dcase_and_hiceas, total):
    known = [(row.windows or row.items)[split] for name, row in BEANS.items() if name not in ("dcase", "hiceas")]
    assert sum(known) + dcase_and_hiceas == total


def test_names_of_files_tell_the_archives_ids():
    assert sound_set("cbi").source_of("data/cbi/train_audio/aldfly/XC134874.mp3") == "xeno_canto:XC134874"
    assert sound_set("esc50").source_of("ESC-50-master/audio/1-100032-A-0.wav") == "freesound:100032"
    assert sound_set("dogs").source_of("XC1.wav") == ""


def test_an_unknown_task_is_told_with_the_known_ones():
    with pytest.raises(ValueError, match=r"'esc51' is unknown.*esc50.*own"):
        sound_set("esc51")


def test_a_folder_sets_what_a_folder_can(tmp_path):
    file = tmp_path / "set.yaml"
    file.write_text("sample_rate_hz: 48000\nmax_duration_s: 2\n")
    row = with_own_values(sound_set("own"), file)
    assert (row.sample_rate_hz, row.unit_s, row.kind) == (48000, 2, "classification")
    file.write_text("items: [1, 2, 3]\n")
    with pytest.raises(ValueError, match=r"items cannot be set.*sample_rate_hz"):
        with_own_values(sound_set("own"), file)
