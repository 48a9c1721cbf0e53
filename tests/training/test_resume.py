"""A pretraining run that something kills goes on from its last checkpoint and ends, to the bit, where an undisturbed one does."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.small_world import SMALL, clone, dvc

STEPS, EVERY = 60, 10
WORDS = (
    "-m stages.pretrain --animalspeak data/animalspeak --gate reports/gate.json --audio data/audio --runs .runs "
    "--clap {out}/clap --report {out}/training.json --curve {out}/loss.csv --speed {out}/speed.json"
)


def world(folder: Path, steps: int, every: int) -> Path:
    """A small world with its dataset built, to train `steps` steps with a checkpoint `every` so many."""
    longer = {**SMALL["pretrain"], "steps": steps, "checkpoint_every": every, "log_every": 1}
    clone(folder, {**SMALL, "pretrain": longer})
    dvc(folder, "repro", "validate")
    return folder


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return world(tmp_path_factory.mktemp("resume") / "project", STEPS, EVERY)


def start(project: Path, out: str, log: Path) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": str(project), "BIOLINGUAL_TRAIN_WORKERS": "2", "BIOLINGUAL_WORKERS": "2"}
    with open(log, "a") as file:
        words = [sys.executable, *WORDS.format(out=out).split()]
        return subprocess.Popen(words, cwd=project, env=environment, stdout=file, stderr=file)


def until_step(step: int, log: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 180
    while f"step {step}/" not in log.read_text():
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)


def finished(process: subprocess.Popen, log: Path, code: int = 0) -> list[int]:
    """The steps that the log tells of."""
    assert process.wait(timeout=240) == code, log.read_text()[-3000:]
    return [int(step) for step in re.findall(r"step (\d+)/", log.read_text())]


def result(project: Path, out: str) -> tuple[str, dict]:
    return (project / out / "loss.csv").read_text(), json.loads((project / out / "training.json").read_text())


@pytest.fixture(scope="module")
def undisturbed(project, tmp_path_factory) -> tuple[str, dict]:
    log = tmp_path_factory.mktemp("logs") / "undisturbed"
    assert finished(start(project, "undisturbed", log), log) == list(range(1, STEPS + 1))
    return result(project, "undisturbed")


@pytest.mark.slow
def test_a_run_whose_driver_is_killed_resumes_bit_equal(project, undisturbed, tmp_path):
    first = start(project, "driver", tmp_path / "first")
    until_step(2 * EVERY + 2, tmp_path / "first", first)
    first.kill()
    first.wait()
    seen = finished(start(project, "driver", tmp_path / "second"), tmp_path / "second")
    assert EVERY < min(seen) <= 2 * EVERY + 1 and max(seen) == STEPS
    assert result(project, "driver") == undisturbed


@pytest.mark.long
def test_a_run_one_of_whose_workers_is_killed_goes_on_by_itself_bit_equal(project, undisturbed, tmp_path):
    log = tmp_path / "log"
    driver = start(project, "worker", log)
    until_step(2 * EVERY + 2, log, driver)
    own = [one for one in psutil.Process(driver.pid).children(recursive=True) if "RayTrainWorker" in one.name()]
    own = own or [one for one in psutil.process_iter() if "RayTrainWorker" in " ".join(one.info.get("cmdline") or [])]
    assert len(own) == 2
    own[1].kill()
    seen = finished(driver, log)
    assert len(seen) > STEPS and max(seen) == STEPS  # some steps were taken twice
    assert result(project, "worker") == undisturbed


@pytest.mark.long
def test_a_run_that_is_told_to_end_writes_a_checkpoint_where_it_stands(project, undisturbed, tmp_path):
    first = start(project, "told", tmp_path / "first")
    until_step(EVERY + 2, tmp_path / "first", first)
    first.send_signal(signal.SIGTERM)
    last = max(finished(first, tmp_path / "first", code=128 + signal.SIGTERM))
    assert f"stopped by SIGTERM at step {last}, with a checkpoint" in (tmp_path / "first").read_text()
    seen = finished(start(project, "told", tmp_path / "second"), tmp_path / "second")
    assert min(seen) == last + 1
    assert result(project, "told") == undisturbed
