"""A user's own folder through the whole graph: 485 real files in, each a recording or a reason out."""

import json
import shutil

import pandas as pd
import pytest

from tests.small_world import clone, dvc, run

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def project(tmp_path_factory, shared):
    folder = clone(tmp_path_factory.mktemp("project"))
    dvc(folder, "repro", BIOLINGUAL_TRAIN_WORKERS="1")
    before = (folder / "dvc.lock").read_text()
    run(folder, "git", "add", "-A")
    run(folder, "git", "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "-qm", "the demo")
    source = str(shared / "recordings")
    added = run(
        folder, "python", "-m", "flows", "add-dump", "folder", "real-2026-11", "--source", source, "--origin", "real"
    )
    assert added.returncode == 0, added.stderr
    log = dvc(folder, "repro", BIOLINGUAL_TRAIN_WORKERS="1")
    return folder, log, before


def test_every_file_is_a_recording_or_a_rejected_row_with_a_true_reason(project, shared):
    folder = project[0]
    files = [path for path in (shared / "recordings").rglob("*") if path.is_file() and path.name != "metadata.csv"]
    manifests = folder / "data/manifests/real-2026-11"
    recordings, rejected = (
        pd.read_parquet(manifests / "recordings.parquet"),
        pd.read_parquet(manifests / "rejected.parquet"),
    )
    assert len(recordings) + len(rejected) == len(files)
    reasons = dict(zip(rejected.recording_id.str.rsplit("/", n=1).str[-1], rejected.reason, strict=True))
    assert reasons["Sound_Library_-_Sandhill_Crane_1.mp3"] == "html_page"
    assert reasons["empty_2c.wav"] == "zero_frames"
    assert reasons["silence_10s.mp3"] == "silent"
    assert reasons["recording_20170716_230503.wac"] == "undecodable"


def test_only_the_new_dumps_arms_are_ingested_and_captioned(project):
    ran = {line.split("'")[1] for line in project[1].splitlines() if line.startswith("Running stage")}
    assert {arm for arm in ran if arm.split("@")[0] in ("simulate", "ingest", "caption")} == {
        "ingest@real-2026-11",
        "caption@real-2026-11",
    }


def test_scores_are_given_for_each_origin(project):
    scores = json.loads((project[0] / "reports/scores/animalspeak_zero_shot.json").read_text())
    assert sorted(scores) == ["real", "simulated"]
    assert all(score["origin"] == origin and score["model_origin"] == "mixed" for origin, score in scores.items())


def test_going_back_brings_the_demo_back(project):
    folder, _, before = project
    run(folder, "git", "checkout", "--", "params.yaml", "dvc.lock", "reports")
    dvc(folder, "checkout")
    assert (folder / "dvc.lock").read_text() == before
    assert not (folder / "data/manifests/real-2026-11").exists()
    assert "up to date" in dvc(folder, "status")
    shutil.rmtree(folder, ignore_errors=True)
