"""A new dump in the watched folder: a candidate with its diff and scores, nothing trained; then accepted. On the small world."""

import json
import sys

import pytest

from biolingual.archives.simulated import World
from biolingual.parallel import Machine
from flows.history import read
from tests.flows.prefect_stack import environment
from tests.small_world import SMALL, copy, dvc, git, run

pytestmark = pytest.mark.slow
DUMP = "xeno_canto-2026-02"


@pytest.fixture(scope="module")
def project(built, tmp_path_factory):
    """A small world, trained once and committed, and its second dump in the watched folder."""
    folder = copy(built, tmp_path_factory.mktemp("reevaluate") / "project")
    watch = folder / "infra/watch.yaml"
    watch.write_text(watch.read_text().replace("settle_s: 60", "settle_s: 0"))
    git(folder, "commit", "-qam", "a hasty watch")
    World(2026, SMALL["simulate"]["n_recordings"]).write(DUMP, folder / "inbox/simulated/xeno_canto" / DUMP, Machine())
    return folder


def flows(folder, home, *words):
    values = environment(home, None)
    done = run(folder, sys.executable, "-m", "flows", *words, PREFECT_HOME=values["PREFECT_HOME"])
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_a_new_dump_becomes_a_scored_candidate_and_is_accepted(project, tmp_path):
    log = flows(project, tmp_path, "reevaluate")
    assert "Running stage 'pretrain'" not in log
    branch = f"dump/{DUMP}"
    result = json.loads(git(project, "show", f"{branch}:reports/reevaluation/{DUMP}.json"))
    assert (
        result["gate"]
        and result["diff"]["recordings_added"] > 0
        and result["diff"]["recordings_moved_between_splits"] == 0
    )
    new = sum(one["new"]["n"] for one in result["scores"] if one["new"])
    assert result["clips"]["embedded"] > 0 and result["clips"]["kept"] > 0 and new > 0
    rows = read(git(project, "show", f"{branch}:reports/history.csv"))
    assert {row["dump"] for row in rows} == {DUMP} and len(rows) == len(result["scores"])
    assert git(project, "status", "--porcelain") == "", "the checkout that people work in was touched"
    assert not (project / ".runs/candidates" / DUMP).exists()

    before = git(project, "rev-parse", branch)
    assert "candidate from" not in flows(project, tmp_path, "reevaluate")
    assert git(project, "rev-parse", branch) == before

    by_hand = copy(project, project.with_name("by-hand"))
    flows(project, tmp_path, "accept", branch)
    words = ["xeno_canto", DUMP, "--source", f"inbox/simulated/xeno_canto/{DUMP}", "--origin", "simulated"]
    flows(by_hand, tmp_path, "add-dump", *words, "--checklist", "simulated-1")
    dvc(by_hand, "repro", "validate")
    for arm in ("embed", *(f"evaluate@animalspeak_{task}" for task in ("retrieval", "unseen", "zero_shot"))):
        dvc(by_hand, "repro", "--single-item", arm)
    assert (project / "dvc.lock").read_text() == (by_hand / "dvc.lock").read_text()
    assert git(project, "branch", "--list", branch) == ""
