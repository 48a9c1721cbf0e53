"""The flows as users run them: without a server, and from a deployment through a real server and worker."""

import subprocess

import pytest

from tests.flows.prefect_stack import environment, stack
from tests.small_world import clone, dvc

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return clone(tmp_path_factory.mktemp("project"))


def test_the_build_flow_runs_without_a_server(project, tmp_path):
    done = subprocess.run(
        ["python", "-m", "flows", "build"],
        cwd=project,
        env=environment(tmp_path, None),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "validate: 27 expectations, 0 broken" in done.stdout + done.stderr
    assert "up to date" in dvc(project, "status", "validate")


def test_the_pretrain_deployment_runs_on_a_worker_and_a_failing_arm_fails_it(project, tmp_path):
    words = ["prefect", "deployment", "run", "pretrain/local", "--watch"]
    with stack(project, tmp_path / "prefect") as values:
        values["BIOLINGUAL_TRAIN_WORKERS"] = "1"
        good = subprocess.run(words, cwd=project, env=values, capture_output=True, text=True, check=False, timeout=500)
        assert good.returncode == 0, good.stdout[-3000:] + good.stderr[-3000:]
        assert "up to date" in dvc(project, "status")
        stage = project / "stages/caption.py"
        text = stage.read_text()
        stage.write_text("raise SystemExit('a planted fault')\n")
        bad = subprocess.run(words, cwd=project, env=values, capture_output=True, text=True, check=False, timeout=500)
        stage.write_text(text)
    assert bad.returncode != 0
