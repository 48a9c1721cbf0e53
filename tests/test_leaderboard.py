"""The page of scores: origins apart, every text escaped, bars and curves where the numbers put them."""

import json
import re

import pytest

from biolingual import leaderboard


def score(**changes) -> dict:
    blank = {"task": "toy", "origin": "real", "model_origin": "real", "primary": "top1", "value": 0.5, "chance": 0.25}
    blank |= {"ci95": [0.4, 0.6], "n": 40, "n_classes": 4, "metrics": {"top1": 0.5}, "notes": "Toy.", "baselines": {}}
    return blank | {"model_sha": "a" * 64, "dataset_sha": "d" * 64} | changes


def page(tmp_path, *scores: dict) -> str:
    for number, one in enumerate(scores):
        (tmp_path / f"{number}.json").write_text(json.dumps({one["origin"]: one}))
    assert leaderboard.write_page([tmp_path], tmp_path / "page.html") == len(scores)
    return (tmp_path / "page.html").read_text()


def tables(text: str) -> list[str]:
    return re.findall(r"<table>.*?</table>", text, flags=re.DOTALL)


def test_origins_never_share_a_table(tmp_path):
    origins = ("real", "simulated", "fixture")
    text = page(tmp_path, *(score(origin=origin, task=f"task-{origin}") for origin in origins))
    found = tables(text)
    assert len(found) == 3
    for table in found:
        assert sum(f"task-{origin}" in table for origin in origins) == 1
    assert text.count("say nothing about real animals") == 2


def test_models_of_one_task_stand_best_first_and_an_absent_baseline_is_an_empty_cell(tmp_path):
    better = score(value=0.8, model_sha="b" * 64, baselines={"mfcc_logreg": {"top1": 0.7, "trained": "here"}})
    (table,) = tables(page(tmp_path, score(), better))
    assert table.index("bbbbbbbb") < table.index("aaaaaaaa")
    assert "0.700" in table and table.count('<td class="n"></td>') == 3


def test_the_last_release_stands_beside_the_same_task_and_origin_alone(tmp_path):
    entry = {"model": "bio", "version": "v0.2.0", "dataset_version": "v1.0.0", "dataset_sha": "c" * 64}
    old = entry | {"version": "v0.1.0", "scores": [score(value=0.111)]}
    last = entry | {"scores": [score(value=0.321), score(value=0.654, origin="simulated", task="other")]}
    releases = tmp_path / "releases" / "releases.json"
    releases.parent.mkdir()
    releases.write_text(json.dumps([old, last]))
    for number, one in enumerate((score(), score(task="new"))):
        (tmp_path / f"{number}.json").write_text(json.dumps({one["origin"]: one}))
    leaderboard.write_page([tmp_path], tmp_path / "page.html", releases)
    (table,) = tables((tmp_path / "page.html").read_text())
    assert "bio v0.2.0" in table and table.count("0.321") == 1
    assert "0.111" not in table and "0.654" not in table
    leaderboard.write_page([tmp_path], tmp_path / "page.html", tmp_path / "none.json")
    assert "bio v0.2.0" not in (tmp_path / "page.html").read_text()


def test_rows_of_two_dataset_versions_carry_a_warning(tmp_path):
    assert "cannot be compared with each other" not in page(tmp_path, score())
    assert "cannot be compared with each other" in page(tmp_path, score(), score(dataset_sha="e" * 64))


def test_of_many_taxa_the_weakest_and_the_strongest_are_shown():
    named = {f"taxon{number:02d}": {"value": number / 40, "n": 5} for number in range(40)}
    shown = leaderboard.bars(named)
    assert [one["name"] for one in shown[:2]] == ["taxon00", "taxon01"] and shown[-1]["name"] == "taxon39"
    assert len(shown) == leaderboard.BARS


def test_bars_are_as_wide_as_their_value_and_what_is_left_out_is_said(tmp_path):
    named = {f"taxon{number:02d}": {"value": number / 40, "n": 5} for number in range(40)}
    text = page(tmp_path, score(groups={"species": named, "class": {"Aves": {"value": 0.5, "n": 9}}}))
    assert 'style="width: 97.5%"' in text and "28 in between are left out" in text
    assert "toy by class" not in text  # one bar compares nothing


def test_a_curve_runs_from_left_to_right_between_zero_and_one():
    curve = {"x": "dB", "points": [["unaltered", 1.0], [10, 0.5], [0, 0.0]], "chance": 0.25}
    (plot,) = leaderboard.plots(score(curves={"noise": curve}))
    assert plot["points"] == "0.0,0.0 110.0,45.0 220.0,90.0" and plot["chance"] == 67.5
    assert plot["ends"] == ["unaltered", "0 dB"] and plot["dots"][1]["title"] == "10: 0.500"
    flat = {"x": "s", "points": [["unaltered", 0.5], [1, 0.5]]}
    (plot,) = leaderboard.plots(score(curves={"shift": flat}))
    assert plot["points"] == "0.0,45.0 220.0,45.0" and plot["chance"] is None


def test_names_are_escaped_and_nothing_is_fetched(tmp_path):
    text = page(tmp_path, score(confused=[["<script>x", "Parus major", 2]]))
    assert "<script>" not in text and "&lt;script&gt;x" in text and "http" not in text


def test_folders_without_scores_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="hold no score"):
        leaderboard.write_page([tmp_path], tmp_path / "page.html")
