"""DVC's graph as flows read it."""

import json
import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from flows import dvc_graph
from flows.dvc_graph import DvcError, arms, dvc, environment, parse_dot, repro, stale
from flows.policy import POLICIES, policy_of

DOT = """strict digraph {
"ingest@a-1";
"caption@a-1";
"assemble";
"ingest@a-1" -> "caption@a-1";
"ingest@a-1" -> "assemble";
"caption@a-1" -> "assemble";
}
"""


def test_arms_come_after_what_they_wait_for():
    found = parse_dot(DOT)
    assert [arm.name for arm in found] == ["ingest@a-1", "caption@a-1", "assemble"]
    assert found[2].upstream == ("caption@a-1", "ingest@a-1") and found[0].stage == "ingest"


def test_every_stage_of_the_graph_has_a_policy():
    found = arms()
    assert {arm.stage for arm in found} == set(POLICIES)
    assert [arm.name for arm in arms("validate")][-1] == "validate"


def test_a_stage_without_a_policy_asks_for_a_row():
    with pytest.raises(ValueError, match=r"flows/policy\.py"):
        policy_of("bake")


def test_a_failing_dvc_command_carries_dvcs_message():
    with pytest.raises(DvcError, match="nothing_of_that_name"):
        dvc("dag", "--dot", "nothing_of_that_name")


def test_flow_modules_import_fast_enough_and_do_nothing():
    import subprocess
    import sys

    code = "import flows.build, flows.pretrain, sys; assert 'torch' not in sys.modules and 'biolingual.model' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# what has changed

STATUS = {
    "ingest@a-1": [
        {"changed deps": {"data/dumps/a-1": "deleted"}},
        {"changed outs": {"data/audio/a-1": "not in cache"}},
    ],
    "dvc.yaml:caption@a-1": [{"changed deps": {"data/manifests/a-1": "deleted", "biolingual/records.py": "modified"}}],
    "assemble": [{"changed deps": {"params.yaml": {"assemble.seed": "modified"}}}],
    "validate": [{"changed outs": {"reports/gate.json": "deleted"}}],
    "embed": ["changed command"],
    "check": ["always changed"],
    "release": [{"changed outs": {"models/biolingual": "new"}}],
}


@pytest.fixture
def status(monkeypatch):
    """What `dvc status` answers; the words it was asked with."""
    asked = []

    def answer(*words, root):
        asked.append((words, root))
        return json.dumps(STATUS)

    monkeypatch.setattr(dvc_graph, "dvc", answer)
    return asked


def test_each_arm_that_dvc_names_has_changed(status):
    assert stale() == {"ingest@a-1", "caption@a-1", "assemble", "validate", "embed", "check", "release"}
    assert status == [(("--wait-for-lock", "status", "--json"), Path())]


def test_where_data_may_be_missing_only_what_is_more_than_missing_has_changed(status):
    assert stale(allow_missing=True) == {"caption@a-1", "assemble", "embed", "check", "release"}


def test_a_target_is_asked_for_with_all_before_it(status):
    stale("validate", Path("elsewhere"))
    assert status == [(("--wait-for-lock", "status", "--json", "--with-deps", "validate"), Path("elsewhere"))]


# the environment of what we start


def test_our_own_python_and_the_checkouts_own_code_come_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("BIOLINGUAL_GPU", "1")
    found = environment(tmp_path)
    assert found["PATH"] == f"{Path(sys.executable).parent}{os.pathsep}/usr/bin"
    assert found["PYTHONPATH"] == f"{tmp_path}{os.pathsep}/elsewhere" and found["BIOLINGUAL_GPU"] == "1"


def test_without_a_python_path_the_checkout_alone_is_on_it(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.chdir(tmp_path)
    assert environment()["PYTHONPATH"] == str(tmp_path)


# running one arm; a file dvc.py in the checkout plays dvc


def play(root: Path, code: str) -> Path:
    (root / "dvc.py").write_text(f"import os, subprocess, sys, time\n{code}\n")
    return root


def said_by(root: Path, *words, **options) -> tuple[bool, list[str]]:
    lines: list[str] = []
    return repro("embed", lines.append, root, *words, **options), lines


def test_an_arm_that_ran_says_so_and_its_lines_come_as_they_are_printed(tmp_path):
    code = """print("Running stage 'embed':"); print(); print("embed: 5 clips"); print("Use `dvc push` to send your updates")"""
    assert said_by(play(tmp_path, code)) == (True, ["Running stage 'embed':", "embed: 5 clips"])


@pytest.mark.parametrize(
    ("line", "ran"),
    [
        ("Stage 'embed' is cached - skipping run, checking out outputs", True),
        ("Stage 'embed' didn't change, skipping", False),
    ],
)
def test_an_arm_from_the_run_cache_counts_as_run_and_an_unchanged_one_does_not(tmp_path, line, ran):
    assert said_by(play(tmp_path, f"print({line!r})")) == (ran, [line])


def test_one_arm_is_asked_for_and_missing_data_allowed_when_wished(tmp_path):
    play(tmp_path, "print(*sys.argv[1:])")
    assert said_by(tmp_path)[1] == ["--wait-for-lock repro --single-item embed"]
    assert said_by(tmp_path, True)[1] == ["--wait-for-lock repro --single-item --allow-missing embed"]


def test_a_failed_arm_carries_its_exit_code_and_last_lines(tmp_path):
    play(tmp_path, "[print('line', n) for n in range(30)]; sys.exit(3)")
    with pytest.raises(DvcError, match=r"embed failed \(exit code 3\)") as error:
        said_by(tmp_path)
    assert str(error.value).splitlines()[1:] == [f"line {number}" for number in range(10, 30)]


FAMILY = """
stage = subprocess.Popen(["sh", "-c", "echo $$ > child; sleep 60 & echo $! > grandchild; wait"])
while not (os.path.exists("grandchild") and open("grandchild").read().endswith("\\n")):
    time.sleep(0.01)
print("ready", flush=True)
stage.wait()
"""


def living(root: Path) -> list[int]:
    found = []
    for name in ("child", "grandchild"):
        pid = int((root / name).read_text())
        if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            found.append(pid)
    return found


def test_an_arm_that_takes_too_long_is_ended_with_all_it_started_and_says_so(tmp_path):
    start = time.monotonic()
    with pytest.raises(DvcError, match=r"embed took longer than 0\.7 s \(flows/policy\.py\) and was ended"):
        said_by(play(tmp_path, FAMILY), timeout_s=0.7)
    assert 0.7 <= time.monotonic() - start < 5
    assert not living(tmp_path) and not dvc_graph.RUNNING


def test_an_arm_that_does_not_listen_is_killed_after_a_grace(tmp_path, monkeypatch):
    monkeypatch.setattr(dvc_graph, "GRACE_S", 0.2)
    code = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    with pytest.raises(DvcError, match="took longer"):
        said_by(play(tmp_path, code), timeout_s=0.5)


def test_what_an_arm_started_and_does_not_listen_has_ended_when_the_failure_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(dvc_graph, "GRACE_S", 0.2)
    deaf = FAMILY.replace("echo $$", "trap : TERM; exec >/dev/null 2>&1; echo $$").replace(
        "sleep 60 &", "(trap '' TERM; sleep 60; sleep 60) &"
    )
    with pytest.raises(DvcError, match="took longer"):
        said_by(play(tmp_path, deaf), timeout_s=0.7)
    assert not living(tmp_path)


def test_an_arm_that_is_done_in_time_is_left_alone(tmp_path):
    assert said_by(play(tmp_path, "time.sleep(0.1); print('done')"), timeout_s=30) == (False, ["done"])
    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer) and not one.finished.is_set()]


def test_an_interrupted_run_ends_what_it_started(tmp_path):
    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        repro("embed", interrupt, play(tmp_path, FAMILY))
    assert not living(tmp_path) and not dvc_graph.RUNNING


def test_an_arm_that_another_run_works_on_is_waited_for(tmp_path, monkeypatch):
    """Two runs of one checkout, as after a hard kill: DVC calls the files busy, and the second run waits and then looks."""
    monkeypatch.setattr("flows.dvc_graph.BUSY_POLL_S", 0.05)
    (tmp_path / "dvc.py").write_text(
        "import pathlib, sys\n"
        "tries = pathlib.Path('tries')\n"
        "tries.write_text((tries.read_text() if tries.exists() else '') + 'x')\n"
        "if len(tries.read_text()) < 3:\n"
        "    print(\"ERROR: failed to reproduce 'a': 'data/a' is busy, it is being blocked by:\", file=sys.stderr)\n"
        "    print('  (PID 1): dvc repro', file=sys.stderr)\n"
        "    sys.exit(255)\n"
        "print(\"Stage 'a' didn't change, skipping\")\n"
    )
    said = []
    assert repro("a", said.append, tmp_path) is False
    assert len(said) == 2 and "waiting for another run" in said[0] and "PID 1" in said[0]
