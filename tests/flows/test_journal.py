"""The journal: a line for each arm that ran, with the code and the outs."""

import json
import subprocess
import threading
import time

import pytest

from flows import journal

LOCK = """schema: '2.0'
stages:
  assemble:
    cmd: python -m stages.assemble
    outs:
    - path: data/animalspeak
      hash: md5
      md5: aaa.dir
    - path: reports/card.json
      hash: md5
      md5: bbb
  check:
    cmd: biolingual check
"""


@pytest.fixture
def root(tmp_path):
    (tmp_path / "dvc.lock").write_text(LOCK)
    (tmp_path / ".gitignore").write_text("/.runs/\n/build/\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*identity, "commit", "-qm", "start"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


def lines(root) -> list[dict]:
    return [json.loads(line) for line in (root / journal.FILE).read_text().splitlines()]


def test_a_line_names_the_arm_its_outs_the_commit_and_the_run(root):
    journal.write(root, "assemble", seconds=1.5, flow_run="brave-owl")
    (line,) = lines(root)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    assert line["commit"] == commit.stdout.strip() and not line["dirty"]
    assert line["outs"] == {"data/animalspeak": "aaa.dir", "reports/card.json": "bbb"}
    assert (line["arm"], line["seconds"], line["flow_run"]) == ("assemble", 1.5, "brave-owl")
    assert line["finished"].endswith("+00:00")


def test_code_that_no_commit_holds_is_called_dirty(root):
    (root / "dvc.lock").write_text(LOCK + "# changed\n")
    journal.write(root, "assemble")
    assert lines(root)[0]["dirty"]


def test_an_arm_without_outs_or_without_an_entry_made_nothing(root):
    assert journal.outs(root, "check") == journal.outs(root, "simulate@a-1") == {}


def test_only_the_pretraining_carries_the_ray_job(root):
    (root / "build").mkdir()
    (root / journal.SPEED).write_text('{"ray_job_id": "0a000000"}')
    journal.write(root, "assemble")
    journal.write(root, "pretrain")
    assert [line["ray_job_id"] for line in lines(root)] == [None, "0a000000"]


def test_a_pretraining_that_came_from_the_run_cache_has_no_ray_job(root):
    journal.write(root, "pretrain")
    assert lines(root)[0]["ray_job_id"] is None


def test_lines_written_at_once_are_all_there_and_whole(root):
    threads = [
        threading.Thread(target=journal.write, args=(root, f"ingest@{n}"), kwargs={"x": "é" * 3000}) for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {line["arm"] for line in lines(root)} == {f"ingest@{n}" for n in range(6)}


def test_the_clock_tells_the_seconds_of_its_block():
    with journal.timed() as clock:
        time.sleep(0.05)
    assert 0.05 <= clock.seconds < 1
