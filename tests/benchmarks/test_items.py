"""What each item reached, and comparisons that are only made between like and like."""

from dataclasses import replace

import pyarrow as pa
import pytest

from biolingual.benchmarks import animalspeak_zero_shot, items
from biolingual.tabular import write_table
from tests.benchmarks.toy_context import known_world


def written(path, world):
    """The items of the zero-shot task of a toy world, in a file."""
    told = []
    scores = animalspeak_zero_shot.scores(replace(world, items=told))
    items.write(told, scores, path)
    return path, scores[0]


def test_a_better_model_is_compared_item_by_item(tmp_path):
    ours, good = written(tmp_path / "ours", known_world(n=10, right=0.9))
    theirs, bad = written(tmp_path / "theirs", known_world(n=10, right=0.4))
    found = items.compare(ours, theirs, 500, 0)["real"]
    assert (found["ours"], found["theirs"], found["n"]) == (good.value, bad.value, 80)
    assert found["difference"] == pytest.approx(good.value - bad.value) and found["low"] > 0 and found["p"] < 1e-4
    turned = items.compare(theirs, ours, 500, 0)["real"]
    assert turned["difference"] == -found["difference"] and turned["p"] == found["p"]


def test_the_same_items_give_the_same_bytes(tmp_path):
    one, _ = written(tmp_path / "one", known_world())
    other, _ = written(tmp_path / "other", known_world())
    assert one.read_bytes() == other.read_bytes()


def test_another_dataset_version_or_other_classes_are_refused(tmp_path):
    ours, _ = written(tmp_path / "ours", known_world())
    theirs, _ = written(tmp_path / "theirs", replace(known_world(), dataset_sha="e" * 64))
    with pytest.raises(ValueError, match="differ in dataset_sha"):
        items.compare(ours, theirs, 50, 0)
    fewer = known_world()
    fewer = replace(fewer, pairs=[one for one in fewer.pairs if one.recording_id != "train0"])
    with pytest.raises(ValueError, match="differ in classes_sha"):
        items.compare(ours, written(tmp_path / "fewer", fewer)[0], 50, 0)


def test_other_recordings_and_other_origins_are_refused(tmp_path):
    ours, _ = written(tmp_path / "ours", known_world(n=3))
    with pytest.raises(ValueError, match="8 are in one alone"):
        items.compare(ours, written(tmp_path / "more", known_world(n=4))[0], 50, 0)
    made = known_world(n=3)
    simulated = replace(made, pairs=[replace(one, origin="simulated") for one in made.pairs])
    with pytest.raises(ValueError, match="share no origin"):
        items.compare(ours, written(tmp_path / "simulated", simulated)[0], 50, 0)


def test_a_file_that_is_not_there_or_another_table_says_how_to_make_it(tmp_path):
    ours, _ = written(tmp_path / "ours", known_world())
    with pytest.raises(FileNotFoundError, match=r"stages\.items --task"):
        items.compare(ours, tmp_path / "nowhere", 50, 0)
    write_table(pa.table({"x": [1]}), tmp_path / "other")
    with pytest.raises(ValueError, match="does not hold the items"):
        items.compare(ours, tmp_path / "other", 50, 0)
