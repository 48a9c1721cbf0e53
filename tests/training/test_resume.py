"""A pretraining run that is killed goes on from its last checkpoint and ends where an undisturbed one does."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from tests.small_world import SMALL, clone, dvc, run

pytestmark = pytest.mark.slow
STEPS, EVERY = 60, 10


def test_a_killed_run_resumes_and_ends_like_an_undisturbed_one(tmp_path):
    longer = {**SMALL["pretrain"], "steps": STEPS, "checkpoint_every": EVERY, "log_every": EVERY}
    project = clone(tmp_path / "project", {**SMALL, "pretrain": longer})
    environment = {"BIOLINGUAL_TRAIN_WORKERS": "1"}
    dvc(project, "repro", "validate")
    dvc(project, "repro", "--single-item", "pretrain", **environment)
    undisturbed = (project / "reports/loss.csv").read_text()
    model_sha = json.loads((project / "reports/training.json").read_text())["model_sha"]
    command = re.search(r"cmd: (python -m stages\.pretrain.*?)\n\s+deps", (project / "dvc.lock").read_text(), re.DOTALL)
    words = [sys.executable, *command.group(1).split()[1:]]
    log = tmp_path / "log"
    with open(log, "w") as out:
        first = subprocess.Popen(
            words, cwd=project, env={**os.environ, **environment, "PYTHONPATH": str(project)}, stdout=out, stderr=out
        )
        deadline = time.monotonic() + 120
        while f"step {2 * EVERY + 1}/" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
        first.wait()
    second = run(project, *words, **environment)
    assert second.returncode == 0, second.stdout[-2000:] + second.stderr[-2000:]
    seen = [int(step) for step in re.findall(r"step (\d+)/", second.stdout + second.stderr)]
    assert min(seen) > EVERY and max(seen) == STEPS
    assert list(csv.reader((project / "reports/loss.csv").open())) == list(csv.reader(undisturbed.splitlines()))
    assert json.loads((project / "reports/training.json").read_text())["model_sha"] == model_sha
