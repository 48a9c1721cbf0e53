"""Variants of a study: run once, apart from the checkout, a failure told and tried again; and one study of the small world."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows import study as flow
from flows.dvc_graph import DvcError
from tests.small_world import copy, run


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A checkout with two planned variants and one that cannot run; `ran` gathers what was run and `broken` fails."""
    monkeypatch.chdir(tmp_path)
    files = {
        "biolingual/a.py": "",
        "stages/a.py": "",
        ".gitignore": "/.runs/\n",
        "params.yaml": "pretrain:\n  seed: 1\n",
    }
    files |= {path: "" for path in flow.GRAPH if path != "params.yaml"}
    for path, text in files.items():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_text(text)
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], check=True)
    ran, broken = [], set()
    names = {"as-is": {}, "seed-2": {"pretrain.seed": 2}}
    plan = [{"name": name, "changes": changes, "not_run": ""} for name, changes in names.items()]
    plan.append({"name": "hub", "changes": {}, "not_run": "no weights"})

    def stage(root, name, words, say):
        if name == "study_plan":
            path = Path(words[words.index("--out") + 1])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"variants": plan}))

    def train(tree, say):
        ran.append((tree.name, (tree / "params.yaml").read_text()))
        if tree.name in broken:
            raise DvcError("pretrain failed (exit code 1):\nERROR pretrain: no training pair is left.")
        return []

    monkeypatch.setattr(flow, "stage", stage)
    monkeypatch.setattr(flow, "share_cache", lambda tree: None)
    monkeypatch.setattr(flow, "dvc", lambda *words, root: "")
    monkeypatch.setattr(flow, "stale", lambda arm, root, allow_missing: broken & {"assemble"})
    monkeypatch.setattr(flow, "_run", train)
    monkeypatch.setattr(flow, "_keep", lambda tree, kept, tasks: kept.mkdir(parents=True))
    return ran, broken


def act() -> Path:
    return flow.study("seeds", [], [], 1, print)


def test_each_variant_runs_once_with_its_own_params(project):
    ran, _ = project
    act()
    act()
    assert [name for name, _ in ran] == ["as-is", "seed-2"]
    assert "seed: 1" in ran[0][1] and "seed: 2" in ran[1][1]
    assert "seed: 1" in Path("params.yaml").read_text() and not list(Path(".runs/studies/seeds/worktrees").iterdir())


def test_other_params_run_again(project):
    ran, _ = project
    act()
    Path("params.yaml").write_text("pretrain:\n  seed: 5\n")
    act()
    assert len(ran) == 4 and "seed: 5" in ran[2][1]


def test_a_failed_variant_leaves_the_others_and_is_tried_again_where_it_stood(project, monkeypatch):
    ran, broken = project
    broken.add("as-is")
    with pytest.raises(RuntimeError, match="as-is: ERROR pretrain: no training pair is left"):
        act()
    kept = Path(".runs/studies/seeds/variants")
    assert json.loads((kept / "as-is/run.json").read_text()) == {"failed": "ERROR pretrain: no training pair is left."}
    checkpoint = Path(".runs/studies/seeds/worktrees/as-is/.runs/checkpoint")
    checkpoint.touch()
    broken.clear()
    again, seen = flow._run, []
    monkeypatch.setattr(
        flow, "_run", lambda tree, say: seen.append((tree / ".runs/checkpoint").is_file()) or again(tree, say)
    )
    act()
    assert [name for name, _ in ran] == ["as-is", "seed-2", "as-is"] and seen == [True]


def test_code_that_is_not_committed_is_refused(project):
    Path("stages/a.py").write_text("changed = True\n")
    with pytest.raises(RuntimeError, match="a study runs committed code"):
        act()


def test_a_dataset_that_is_behind_is_refused(project):
    project[1].add("assemble")
    with pytest.raises(RuntimeError, match=r"the dataset is behind params\.yaml or code \(assemble\)"):
        act()


@pytest.mark.slow
def test_a_scaling_study_of_the_small_world_trains_each_variant_once(built, tmp_path):
    project = copy(built, tmp_path / "project")

    def study() -> str:
        words = (sys.executable, "-m", "flows", "study", "scaling-recordings", "--levels", "0.5")
        done = run(project, *words, BIOLINGUAL_TRAIN_WORKERS="1")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    assert study().count("Running stage 'pretrain'") == 1, "the variant as it is stands already"
    report = project / "reports/studies/scaling-recordings.json"
    first = report.read_bytes()
    found = json.loads(first)
    (part,) = found["origins"].values()
    sizes = {row["variant"]: row["learnt_from"]["recordings"] for row in part["rows"]}
    assert sizes == {row["variant"]: row["x"] for row in part["rows"]} and sizes["share-0.5"] < sizes["as-is"]
    assert len({row["n"] for row in part["rows"] if row["task"] == "animalspeak_zero_shot"}) == 1
    assert {row["origin"] for row in part["rows"]} == {"simulated"} and not found["not_run"]
    assert "on simulated sounds" in report.with_suffix(".html").read_text()

    assert "Running stage" not in study()
    shutil.rmtree(project / ".runs/studies")
    assert "Running stage 'pretrain'" not in study(), "DVC's run cache holds it"
    assert report.read_bytes() == first
