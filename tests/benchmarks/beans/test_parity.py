"""Parity with the released checkpoint: a number only where a true set was scored, published ones only where they are of the set."""

from types import SimpleNamespace

from biolingual.benchmarks.beans import layout, parity, scoring
from biolingual.parallel import Machine


def test_a_set_that_is_absent_or_a_stand_in_is_not_run_and_says_why(tmp_path, params, made_up):
    (tmp_path / "watkins").symlink_to(made_up("watkins"))
    (tmp_path / "hiceas").mkdir()
    found = parity.rows(tmp_path, "no/model", params.evaluate, Machine())
    assert len(found) == 7 * 3 and all(row.ours is None and row.difference is None for row in found)
    why = {row.task: row.why for row in found}
    assert why["watkins"].endswith("does not meet BEANS' counts of watkins") and "no folder" in why["cbi"]
    assert "hiceas has no " in why["hiceas"]
    told = [row.text() for row in found if row.task == "watkins"]
    assert "0.257" in told[0] and "NOT RUN: " in told[0] and "0.257" not in told[1]


def test_a_true_set_gives_ours_and_the_difference(tmp_path, params, monkeypatch):
    (tmp_path / "cbi").mkdir()
    monkeypatch.setattr(layout, "read", lambda task, folder: SimpleNamespace(name=task))
    asked = []

    def score(bench):
        asked.append((bench.protocol, bench.model, bench.params.prompt_template))
        return SimpleNamespace(value=0.7)

    monkeypatch.setattr(scoring, "score", score)
    found = [row for row in parity.rows(tmp_path, "a/model", params.evaluate, Machine()) if row.task == "cbi"]
    assert asked == [(protocol, "a/model", "{common_name}") for protocol in ("zero_shot", "linear", "attentive")]
    assert abs(found[0].difference - (0.7 - 0.705)) < 1e-12 and found[1].difference is None
    assert "-0.005" in found[0].text() and "0.700" in found[1].text()
