"""A study's result: origins apart, differences paired and by taxon, and NOT RUN rows without a number."""

import json

import pytest

from biolingual.benchmarks import items
from biolingual.records import Score
from biolingual.studies.page import write_page
from biolingual.studies.results import result
from biolingual.tabular import write_json
from tests.made_pairs import pair

PAIRS = [pair(f"r{n}", f"s{n % 4}", "test_seen", class_="Aves" if n % 2 else "Mammalia") for n in range(40)]


def score(origin: str, value: float, model: str, dataset: str) -> Score:
    return Score(
        task="zero_shot", origin=origin, model_origin="mixed", protocol="p", metrics={"top1": value}, primary="top1",
        value=value, chance=0.25, ci95=[value - 0.05, value + 0.05], n=40, n_classes=4, prompt_template="", classes_sha="c",
        dataset_sha=dataset, model_sha=model, embedding_id="e", seed=1, verdict="",
    )  # fmt: skip


def variant(folder, name: str, right: set[str], origins=("simulated",), dataset: str = "d") -> None:
    value = len(right) / 40
    scores = [score(origin, value, name, dataset) for origin in origins]
    write_json({one.origin: one.as_json() for one in scores}, folder / name / "scores/zero_shot.json")
    write_json({"seed": 7, "learnt_from": {"recordings": 10, "species": 4}}, folder / name / "training.json")
    write_json({"key": "k"}, folder / name / "run.json")
    told = [
        {
            "origin": one.origin,
            "item": pair.recording_id,
            "unit": pair.recording_id,
            "value": float(pair.recording_id in right),
        }
        for one in scores
        for pair in PAIRS
    ]
    items.write(told, scores, folder / name / "items/zero_shot.parquet")


def planned(*names: str, axis: str = "", fitted: bool = False) -> dict:
    rows = [{"name": name, "changes": {"a.b": 1}, "x": 10.0 * 2**n, "not_run": ""} for n, name in enumerate(names)]
    return {"question": "What?", "axis": axis, "fitted": fitted, "variants": rows}


@pytest.fixture
def settings(params):
    return params.evaluate.model_copy(update={"bootstrap": 200})


@pytest.fixture
def birds():
    return {one.recording_id for one in PAIRS if one.class_ == "Aves"}


def test_what_an_archive_adds_is_told_by_taxon(tmp_path, settings, birds):
    variant(tmp_path, "as-is", {one.recording_id for one in PAIRS})
    variant(tmp_path, "without-birds", {one.recording_id for one in PAIRS} - birds)
    found = result("archives", planned("as-is", "without-birds"), tmp_path, PAIRS, settings)
    by_taxon = {(one["rank"], one["taxon"]): one for one in found["origins"]["simulated"]["effects"]}
    assert by_taxon["class", "Aves"]["difference"] == -1 and by_taxon["class", "Mammalia"]["difference"] == 0
    whole = by_taxon["all", ""]
    assert whole["low"] < whole["difference"] == -0.5 < whole["high"] < 0 and whole["n"] == 40


def test_a_variant_not_run_is_a_row_without_a_number(tmp_path, settings, birds):
    variant(tmp_path, "as-is", birds)
    plan = planned("as-is", "hub", "broken", "later")
    plan["variants"][1]["not_run"] = "the weights are not on this machine"
    write_json({"failed": "ERROR pretrain: boom"}, tmp_path / "broken/run.json")
    found = result("init", plan, tmp_path, PAIRS, settings)
    assert [row["status"] for row in found["not_run"]] == [
        "NOT RUN: the weights are not on this machine",
        "NOT RUN: ERROR pretrain: boom",
        "NOT RUN: it was not reached",
    ]
    assert all(set(row) == {"variant", "changes", "status"} for row in found["not_run"])
    write_page(found, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "NOT RUN: the weights" in text and "Study init, on simulated sounds" in text


def test_origins_share_no_table(tmp_path, settings, birds):
    variant(tmp_path, "as-is", birds, ("real", "simulated"))
    found = result("seeds", planned("as-is"), tmp_path, PAIRS, settings)
    assert {origin: {row["origin"] for row in part["rows"]} for origin, part in found["origins"].items()} == {
        "real": {"real"},
        "simulated": {"simulated"},
    }


def test_variants_of_different_datasets_are_refused(tmp_path, settings, birds):
    variant(tmp_path, "as-is", birds)
    variant(tmp_path, "other", birds, dataset="another")
    with pytest.raises(ValueError, match="differ in dataset_sha"):
        result("archives", planned("as-is", "other"), tmp_path, PAIRS, settings)


def test_a_scaling_study_draws_its_laws_the_same_each_time(tmp_path, settings):
    names = ["share-0.25", "share-0.5", "as-is"]
    for count, name in zip((12, 20, 30), names, strict=True):
        variant(tmp_path, name, {f"r{n}" for n in range(count)})
    pages = []
    for number in range(2):
        found = result("scaling", planned(*names, axis="training recordings", fitted=True), tmp_path, PAIRS, settings)
        write_page(found, tmp_path / f"{number}.html")
        pages.append((tmp_path / f"{number}.html").read_text())
    (law,) = found["origins"]["simulated"]["laws"]
    assert law["asked"] == [80, 160, 400] and set(law["laws"]) == {"logistic"}
    assert pages[0] == pages[1] and "<svg" in pages[0] and json.dumps(found)
