"""What a hard kill leaves behind is freed and restored; what lives is left alone. Real processes, real locks, a real git."""

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import doctor
from flows.doctor import GOOD_LOCK, LOCK, RWLOCK, TMP, heal, holders, is_dvc, processes, report

WHOLE = "schema: '2.0'\nstages:\n  assemble:\n    cmd: python -m stages.assemble\n    outs:\n    - path: data/a\n      md5: abc\n"
CUT = WHOLE[: WHOLE.index("md5:") + 2]


@pytest.fixture
def root(tmp_path):
    (tmp_path / TMP).mkdir(parents=True)
    (tmp_path / LOCK).write_text(WHOLE)
    return tmp_path


@contextlib.contextmanager
def running(*words: str, cwd: Path) -> Iterator[int]:
    """A process with these words on its command line, and its id."""
    code = "import sys; print(1, flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd
    )
    try:
        process.stdout.readline()
        yield process.pid
    finally:
        process.communicate()


def dead() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def held(root: Path, write: dict[str, int], read: dict[str, list[int]] | None = None) -> None:
    """DVC's lock as DVC writes it: absolute path -> who."""

    def info(pid: int) -> dict:
        return {"pid": pid, "cmd": "dvc repro"}

    value = {
        "write": {str(root / path): info(pid) for path, pid in write.items()},
        "read": {str(root / path): [info(pid) for pid in pids] for path, pids in (read or {}).items()},
    }
    (root / RWLOCK).write_text(json.dumps(value))


def keepers(root: Path) -> dict[str, dict]:
    value = json.loads((root / RWLOCK).read_text())
    return {mode: {os.path.relpath(path, root): who for path, who in value[mode].items()} for mode in ("write", "read")}


def test_what_a_dead_process_held_is_freed_and_named(root):
    gone = dead()
    held(root, {"data/animalspeak": gone}, {"params.yaml": [gone]})
    lines = heal(root)
    assert keepers(root) == {"write": {}, "read": {}}
    (line,) = lines
    assert line.startswith("freed data/animalspeak, params.yaml of process")
    assert f"process {gone}" in line and "dvc repro" in line


@pytest.mark.parametrize("words", [("-m", "dvc", "repro"), ("/opt/venv/bin/dvc", "repro")])
def test_what_a_living_dvc_holds_stays_beside_what_is_freed(root, words):
    gone = dead()
    with running(*words, cwd=root) as living:
        held(root, {"a": living, "b": gone}, {"c": [gone, living], "d": [gone]})
        (line,) = heal(root)
        assert line.startswith("freed b, c, d of process")
    assert {path: who["pid"] for path, who in keepers(root)["write"].items()} == {"a": living}
    assert {path: [one["pid"] for one in who] for path, who in keepers(root)["read"].items()} == {"c": [living]}


@pytest.mark.parametrize("words", [("repro",), ("dvc.yaml",), ("/srv/dvc-project/run.py",)])
def test_a_process_id_that_now_belongs_to_another_command_is_freed(root, words):
    with running(*words, cwd=root) as recycled:
        held(root, {"a": recycled})
        (line,) = heal(root)
        assert f"process {recycled}" in line
    assert keepers(root)["write"] == {}


def test_a_process_that_ended_and_was_not_waited_for_is_dead():
    process = subprocess.Popen(["sh", "-c", "exit", "dvc"], stdout=subprocess.PIPE)
    process.stdout.read()
    deadline = time.monotonic() + 5
    while is_dvc(process.pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_dvc(process.pid)
    process.communicate()


def test_a_lock_of_the_living_alone_is_not_written_again(root):
    with running("-m", "dvc", cwd=root) as living:
        held(root, {"a": living})
        before = (root / RWLOCK).stat()
        assert heal(root) == []
    assert (root / RWLOCK).stat().st_ino == before.st_ino


@pytest.mark.parametrize("text", ["", '{"write": {"a": {"pid": 1'])
def test_a_cut_off_lock_file_is_removed_and_said(root, text):
    (root / RWLOCK).write_text(text)
    with pytest.raises(ValueError, match="rwlock is cut off"):
        holders(root)
    (line,) = heal(root)
    assert "is cut off" in line and "removed" in line and not (root / RWLOCK).exists()


def test_without_a_lock_file_nobody_holds_anything(root):
    assert holders(root) == [] and heal(root) == []


def test_a_folder_without_dvc_is_left_as_it_is(tmp_path):
    assert heal(tmp_path) == [] and list(tmp_path.iterdir()) == []


def test_dvcs_lock_file_stands_after_a_real_dvc_edited_it(root):
    """DVC's own functions read what is left: the format is theirs."""
    from dvc.fs import localfs
    from dvc.rwlock import rwlock

    held(root, {"a": dead()})
    heal(root)
    with rwlock(str(root / TMP), localfs, "dvc repro", [], [str(root / "b")], False):
        assert [(one.path, one.mode, one.pid) for one in holders(root)] == [("b", "write", os.getpid())]
    assert holders(root) == []


# dvc.lock


def test_a_whole_dvc_lock_is_kept_as_the_good_copy(root):
    assert heal(root) == []
    assert (root / GOOD_LOCK).read_text() == WHOLE


@pytest.mark.parametrize("cut", [CUT, WHOLE[:-1], "", "schema: '2.0'\n", WHOLE[:40], "\0" * 50])
def test_a_cut_off_dvc_lock_is_restored_from_the_good_copy(root, cut):
    heal(root)
    (root / LOCK).write_text(cut)
    assert heal(root) == ["dvc.lock was cut off: restored from .runs/dvc.lock"]
    assert (root / LOCK).read_text() == (root / GOOD_LOCK).read_text() == WHOLE


def test_a_cut_off_dvc_lock_without_a_good_copy_is_restored_from_git(root):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "dvc.lock"], [*identity, "commit", "-qm", "start"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / LOCK).write_text(CUT)
    assert heal(root) == ["dvc.lock was cut off: restored from git"]
    assert (root / LOCK).read_text() == WHOLE


def test_a_dvc_lock_cut_at_the_end_of_a_line_shows_by_the_arms_it_lacks(root):
    two = WHOLE + WHOLE.partition("stages:\n")[2].replace("assemble", "validate")
    (root / LOCK).write_text(two)
    for words in (
        ["init", "-q"],
        ["add", "dvc.lock"],
        ["-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qm", "s"],
    ):
        subprocess.run(["git", *words], cwd=root, check=True)
    (root / LOCK).write_text(WHOLE)
    assert heal(root) == ["dvc.lock was cut off: restored from git"]
    assert (root / LOCK).read_text() == two


def test_a_cut_off_dvc_lock_that_nobody_knows_says_what_to_do(root):
    (root / LOCK).write_text(CUT)
    with pytest.raises(ValueError, match=r"dvc\.lock is cut off and git does not know it\. Delete it"):
        heal(root)


def test_without_a_dvc_lock_nothing_is_made_up(root):
    heal(root)
    (root / LOCK).unlink()
    assert heal(root) == [] and not (root / LOCK).exists()


# what somebody living holds


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process holds dvc's lock on a file, as zc.lockfile does."""
    code = (
        "import fcntl, sys; f = open(sys.argv[1], 'a+'); fcntl.flock(f, fcntl.LOCK_EX); "
        "print(1, flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", code, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        process.stdout.readline()
        yield
    finally:
        process.communicate()


def test_what_a_living_process_is_writing_is_not_touched(root, monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE_S", 0.2)
    (root / RWLOCK).write_text('{"write": {"a"')
    (root / LOCK).write_text(CUT)
    with locked(root / TMP / "rwlock.lock"), locked(root / TMP / "lock"):
        assert heal(root) == []
        assert (root / RWLOCK).exists() and (root / LOCK).read_text() == CUT
    assert not (root / GOOD_LOCK).exists()


def test_a_lock_is_waited_for_and_healed_once_it_is_free(root, monkeypatch):
    monkeypatch.setattr(doctor, "PATIENCE_S", 10)
    (root / RWLOCK).write_text("{")
    keeper = open(root / TMP / "rwlock.lock", "a")  # noqa: SIM115 - closed below, in the middle of heal
    fcntl.flock(keeper, fcntl.LOCK_EX)
    monkeypatch.setattr(doctor.time, "sleep", lambda _: keeper.close())
    assert len(heal(root)) == 1 and not (root / RWLOCK).exists()


def is_free(lock: Path) -> bool:
    with open(lock, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_the_locks_are_free_again_after_healing(root):
    heal(root)
    assert [name for name in ("rwlock.lock", "lock") if not is_free(root / TMP / name)] == []


# the report


def test_the_report_says_what_was_done_who_works_and_who_holds_what(root):
    gone = dead()
    with running("/opt/venv/bin/dvc", "repro", "assemble", cwd=root) as living:
        held(root, {"data/animalspeak": living, "b": gone})
        freed, at_work, still = report(root)
    assert freed.startswith("done: freed") and f"process {gone}" in freed
    assert at_work.startswith(f"at work: process {living}: ")
    assert still == f"held: data/animalspeak: write by process {living} (dvc repro), which runs"


def test_a_quiet_checkout_has_a_report_of_one_line(root):
    assert report(root) == ["nothing is held and nothing runs here"]


def test_stages_and_dvc_of_this_checkout_are_at_work_and_those_of_others_are_not(root, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    with (
        running("-m", "stages.assemble", cwd=root) as stage,
        running("-m", "dvc", cwd=root) as dvc,
        running("-m", "dvc", cwd=other),
        running("notes.txt", cwd=root),
    ):
        assert {one.pid for one in processes(root)} == {stage, dvc}
