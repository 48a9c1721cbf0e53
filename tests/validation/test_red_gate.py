"""One fault of each suite, planted into a dataset that the graph judges: the gate names it, and pretraining does not start."""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from biolingual.dataset.overlaps import Overlap
from biolingual.records import Pair
from biolingual.tabular import table, write_json, write_rows, write_table
from tests.small_world import change_params, clone, run
from tests.validation.test_suites import FAULTS, PARAMS, RULE, SUITES, dataset

pytestmark = pytest.mark.slow
FIRST = {suite: next(key for key in FAULTS if key[0] == suite) for suite in SUITES}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A checkout with nothing built, whose params are those of the hand-made dataset."""
    folder = clone(tmp_path_factory.mktemp("gate"))
    change_params(folder, {"validate": PARAMS.model_dump(), "assemble": RULE.model_dump()})
    run(folder, sys.executable, "-m", "dvc", "init", "--subdir", "-f")
    return folder


def judged(folder: Path, fault: tuple[str, str] | None):
    """(the run of validate and all after it, the report)"""
    pairs, card = dataset()
    plant = next(iter(FAULTS[fault].values()))[0] if fault else lambda *_: []
    overlaps = plant(pairs, card) or []
    out = folder / "data/animalspeak"
    write_rows(pairs, Pair, out / "pairs.parquet")
    write_table(table(overlaps, Overlap), out / "overlaps.parquet")
    write_json(card, out / "card.json")
    done = run(folder, sys.executable, "-m", "dvc", "repro", "--downstream", "validate")
    return done, json.loads((folder / "reports/validation.json").read_text())


@pytest.mark.parametrize("suite", SUITES)
def test_a_fault_of_each_suite_stops_before_pretraining(world, suite):
    done, report = judged(world, FIRST[suite])
    red = [(one["suite"], one["expectation"]) for one in report["findings"] if not one["passed"]]
    assert red == [(suite, f"expect_column_{FIRST[suite][1]}")]
    assert (
        done.returncode != 0
        and "Running stage 'validate'" in done.stdout
        and "Running stage 'pretrain'" not in done.stdout
    )
    assert f"RED {suite}" in done.stdout + done.stderr and not (world / "models/clap").exists()
    ids = pq.read_table(world / "data/validation/broken.parquet")["id"].to_pylist()
    assert ids and json.loads((world / "reports/gate.json").read_text())["passed"] is False
    page = (world / "reports/validation.html").read_text()
    assert "The gate is red" in page and ids[0] in page


def test_the_same_dataset_without_a_fault_goes_on_to_pretraining(world):
    done, report = judged(world, None)
    assert report["passed"] and "Running stage 'pretrain'" in done.stdout
