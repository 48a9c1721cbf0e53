"""The flows as users run them: without a server, and from a deployment through a real server and worker."""

import json
import re
import subprocess
import sys
import time

import pytest

from flows.doctor import holders
from tests.flows.prefect_stack import environment, stack
from tests.kill_harness import DVC, STAGE, processes
from tests.small_world import change_params, clone, dvc

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return clone(tmp_path_factory.mktemp("project"))


@pytest.fixture(scope="module")
def served(project, tmp_path_factory):
    """The environment of a running server and worker; the small world's deployments stand on it."""
    with stack(project, tmp_path_factory.mktemp("prefect")) as values:
        yield values | {"BIOLINGUAL_TRAIN_WORKERS": "1"}


def flows(project, values, *words, timeout=500):
    words = [sys.executable, "-m", "flows", *words]
    return subprocess.run(words, cwd=project, env=values, capture_output=True, text=True, check=False, timeout=timeout)


def test_the_build_flow_runs_without_a_server_and_then_starts_nothing(project, tmp_path):
    done = flows(project, environment(tmp_path, None), "build")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert re.search(r"validate: \d+ expectations, 0 broken", done.stdout + done.stderr)
    assert "up to date" in dvc(project, "status", "validate")
    again = flows(project, environment(tmp_path, None), "build")
    assert again.returncode == 0 and "Running stage" not in again.stdout + again.stderr


def test_a_flow_is_run_on_a_worker_by_its_bare_name_and_journals_what_it_made(project, served):
    good = flows(project, served, "run", "pretrain")
    assert good.returncode == 0, good.stdout[-3000:] + good.stderr[-3000:]
    assert "up to date" in dvc(project, "status")
    lines = [json.loads(line) for line in (project / ".runs/journal.jsonl").read_text().splitlines()]
    trained = next(line for line in lines if line["arm"] == "pretrain")
    assert trained["ray_job_id"] and trained["flow_run_id"] and trained["outs"]["models/clap"]


def test_an_unknown_name_lists_the_deployments(project, served):
    bad = flows(project, served, "run", "pretrian")
    assert bad.returncode == 1 and "pretrain/local" in bad.stderr


def test_a_failing_arm_fails_the_run_while_its_siblings_finish(project, served):
    stage = project / "stages/evaluate.py"
    text = stage.read_text()
    fault = "import sys\nif 'animalspeak_unseen' in sys.argv:\n    raise SystemExit('a planted fault')\n"
    planted = text.replace("from pathlib import Path\n", fault + "from pathlib import Path\n", 1)
    assert planted != text
    stage.write_text(planted)
    policy = project / "flows/policy.py"
    kept = policy.read_text()
    policy.write_text(kept.replace('"evaluate": Policy(1, 30', '"evaluate": Policy(0, 0'))
    bad = flows(project, served, "run", "evaluate")
    left = json.loads(dvc(project, "status", "--json"))
    stage.write_text(text)
    policy.write_text(kept)
    assert bad.returncode != 0
    assert {name for name in left if name.startswith("evaluate@")} == {"evaluate@animalspeak_unseen"}


def test_a_cancelled_run_ends_its_processes_and_frees_its_locks(project, served):
    change_params(project, {"pretrain": {"steps": 5000, "log_every": 1000, "checkpoint_every": 5000}})
    started = subprocess.run(
        ["prefect", "deployment", "run", "pretrain/local"],
        cwd=project,
        env=served,
        capture_output=True,
        text=True,
        check=True,
    )
    run_id = started.stdout.partition("UUID: ")[2].split()[0]
    assert _within(120, lambda: any("stages.pretrain" in one.cmdline() for one in processes(project, STAGE)))
    subprocess.run(["prefect", "flow-run", "cancel", run_id], cwd=project, env=served, capture_output=True, check=True)
    assert _within(30, lambda: not processes(project, STAGE) and not processes(project, DVC))
    assert _within(30, lambda: not holders(project))


def _within(seconds: float, holds) -> bool:
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.3)
    return holds()
