"""No process outlives the command that started it, even when that was killed with SIGKILL."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")

CHILD = """
import subprocess, sys, time
from biolingual.processes import end_with_parent

print(subprocess.Popen(["sleep", "60"], preexec_fn={preexec}).pid, flush=True)
time.sleep(60)
"""
SELF = """
import subprocess, sys, time

code = "from biolingual.processes import end_with_parent; end_with_parent(); print('on', flush=True); import time; time.sleep(60)"
child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
time.sleep(60)
"""
BUSY = """
import os, sys, time
from biolingual.parallel import Machine, map_ordered


def work(item):
    print(os.getpid(), flush=True)
    time.sleep(60)


if __name__ == "__main__":
    list(map_ordered(work, range(2), Machine(workers=2), chunk=1))
"""
IDLE = """
import os, sys, time
from biolingual.parallel import Machine, map_ordered


def work(item):
    time.sleep(0.05)
    return os.getpid()


if __name__ == "__main__":
    found = set()
    for pid in map_ordered(work, range(200), Machine(workers=2), chunk=1):
        if pid not in found:
            found.add(pid)
            print(pid, flush=True)
        if len(found) == 2:
            time.sleep(60)
"""


def start(folder: Path, code: str) -> subprocess.Popen:
    script = folder / "parent.py"
    script.write_text(code)
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def gone_within(process: psutil.Process, seconds: float) -> bool:
    """A process without its parent may stay as a zombie where nobody reaps; it has ended all the same."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if process.status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def survivors(parent: subprocess.Popen, children: int, seconds: float = 5) -> list[int]:
    """Kill the parent once it has named its children; those that live on (and are ended here)."""
    try:
        named = [psutil.Process(int(parent.stdout.readline())) for _ in range(children)]
        parent.kill()
        parent.wait()
        left = [one for one in named if not gone_within(one, seconds)]
        for one in left:
            one.kill()
        return [one.pid for one in left]
    finally:
        parent.kill()
        parent.wait()
        parent.stdout.close()


def test_a_child_started_so_ends_with_its_killed_parent(tmp_path):
    assert survivors(start(tmp_path, CHILD.format(preexec="end_with_parent")), 1) == []


def test_a_child_not_started_so_lives_on(tmp_path):
    assert len(survivors(start(tmp_path, CHILD.format(preexec="None")), 1, seconds=0.5)) == 1


def test_a_process_that_asks_for_it_itself_ends_with_its_killed_parent(tmp_path):
    assert survivors(start(tmp_path, SELF), 1) == []


@pytest.mark.parametrize("code", [BUSY, IDLE], ids=["busy", "idle"])
def test_the_workers_of_a_pool_end_with_the_killed_process_that_maps(tmp_path, code):
    assert survivors(start(tmp_path, code), 2) == []
