"""The control: the demo's own model and steps, captions shuffled between recordings, must score no better than chance."""

import dataclasses
import json
import random

import pytest

from biolingual.records import Pair
from biolingual.storage import file_digests
from biolingual.tabular import rows, write_rows
from tests.small_world import clone, dvc, run

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """(score of the true run, score of the control), both at the demo's full size."""
    folder = clone(tmp_path_factory.mktemp("control"), changes={})
    dvc(folder, "repro", "evaluate@animalspeak_zero_shot")
    score = folder / "reports/scores/animalspeak_zero_shot.json"
    true = json.loads(score.read_text())["simulated"]
    shuffle_captions(folder / "data/animalspeak/pairs.parquet", folder / "reports/gate.json")
    for stage in ("pretrain", "evaluate@animalspeak_zero_shot"):
        status = run(folder, "python", "-m", "dvc", "repro", "--single-item", stage)
        assert status.returncode == 0, status.stdout[-2000:] + status.stderr[-2000:]
    return true, json.loads(score.read_text())["simulated"]


def shuffle_captions(pairs_file, gate) -> None:
    """Deal the training recordings' captions and names anew; the gate is told of the new file."""
    pairs = rows(pairs_file, Pair)
    trained = sorted({pair.recording_id for pair in pairs if pair.split == "train"})
    first = {pair.recording_id: pair for pair in reversed(pairs)}
    dealt = random.Random(0).sample(trained, len(trained))
    other = {mine: first[theirs] for mine, theirs in zip(trained, dealt, strict=True)}
    names = ("captions", "scientific_name", "common_name", "genus", "family", "order", "class_")
    pairs_file.unlink()  # it may be a link into DVC's cache
    write_rows(
        (
            dataclasses.replace(pair, **{name: getattr(other[pair.recording_id], name) for name in names})
            if pair.recording_id in other
            else pair
            for pair in pairs
        ),
        Pair,
        pairs_file,
    )
    gate.write_text(json.dumps({"passed": True, "dataset_sha": file_digests(str(pairs_file))[0]}))


def test_the_control_stays_inside_the_interval_of_chance(values):
    control = values[1]
    assert control["metrics"]["chance_low"] <= control["value"] <= control["metrics"]["chance_high"]


def test_the_true_run_is_at_least_three_times_chance(values):
    assert values[0]["value"] >= 3 * values[0]["chance"]
    assert values[0]["ci95"][0] > values[0]["metrics"]["chance_high"]
