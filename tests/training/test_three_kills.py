"""One run on two Ray nodes loses a worker, then a node, then its driver, and ends, to the bit, where an undisturbed one does."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests import ray_nodes
from tests.kill_harness import kill_all, running
from tests.training.test_resume import WORDS, result, world

STEPS, EVERY = 200, 20


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return world(tmp_path_factory.mktemp("kills") / "project", STEPS, EVERY)


def driver(project: Path, values: dict[str, str], out: str, log: Path):
    """The pretrain stage on the cluster of `values`, checkpoints in a folder that both nodes see; as a context."""
    storage = str(project / ".ray-storage" / out)
    values = values | {"PYTHONPATH": str(project), "BIOLINGUAL_TRAIN_WORKERS": "2", "BIOLINGUAL_RAY_STORAGE": storage}
    return running([sys.executable, *WORDS.format(out=out).split()], project, values, log)


def steps_of(log: Path) -> list[int]:
    """As they come; Ray tells each twice, since both nodes' log readers see the files of this machine."""
    return [int(step) for step in re.findall(r"step (\d+)/", log.read_text())]


def until(log: Path, process: subprocess.Popen, seen: int, step: int) -> int:
    """Wait for `step` in the part of the log after its first `seen` lines of steps; returns how many lines there are."""
    deadline = time.monotonic() + 240
    while True:
        found = steps_of(log)
        if any(one >= step for one in found[seen:]):
            return len(found)
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()[-3000:]
        time.sleep(0.02)


@pytest.mark.long
def test_a_worker_a_node_and_the_driver_are_killed_and_the_curve_is_the_undisturbed_one(project, tmp_path):
    values = ray_nodes.plain_environment()
    with ray_nodes.head(tmp_path, values) as ray, ray_nodes.node(tmp_path, ray, "first-node") as lost:
        log = tmp_path / "undisturbed"
        with driver(project, ray, "undisturbed", log) as process:
            assert process.wait(300) == 0, log.read_text()[-3000:]
        assert sorted(set(steps_of(log))) == list(range(1, STEPS + 1))

        log = tmp_path / "killed"
        with contextlib.ExitStack() as later:
            process = later.enter_context(driver(project, ray, "killed", log))
            seen = until(log, process, 0, EVERY + 5)
            kill_all([_worker_of(lost)])
            seen = until(log, process, seen, 3 * EVERY + 5)
            kill_all([*psutil.Process(lost.pid).children(recursive=True), psutil.Process(lost.pid)])
            later.enter_context(ray_nodes.node(tmp_path, ray, "second-node"))
            seen = until(log, process, seen, 6 * EVERY + 5)
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            first = len(steps_of(log))
            process = later.enter_context(driver(project, ray, "killed", log))
            assert process.wait(300) == 0, log.read_text()[-3000:]
            again = steps_of(log)[first:]
            assert (
                5 * EVERY < min(again) <= 6 * EVERY + 1 and max(again) == STEPS
            )  # from a checkpoint, not from the start
    assert result(project, "killed") == result(project, "undisturbed")


def _worker_of(node: subprocess.Popen) -> psutil.Process:
    """The training worker that a node runs."""
    for process in psutil.Process(node.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "RayTrainWorker" in " ".join(process.cmdline()):
                return process
    raise AssertionError("this node runs no training worker")
