"""Taking a candidate in: what is refused, and that a refusal leaves the checkout as it was. A real git, no dvc."""

import json
import subprocess
from pathlib import Path

import pytest

from flows import accept as module
from flows import candidate, history
from flows.accept import accept

PARAMS = "# a comment\nrelease: {name: demo}\ndumps:\n  old-1: {archive: folder, source: a, digest: ''}\n"
ROW = '  new-1: {archive: "folder", source: "dumps/new-1.json", digest: "sha256:1"}\n'
GATE = {"passed": False, "dataset_sha": "d"}


def git(*words: str) -> str:
    return subprocess.run(["git", *words], check=True, capture_output=True, text=True).stdout.strip()


def write(files: dict[str, str]) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A project on `main` with a red gate, and dump/new-1 as a complete candidate beside it."""
    monkeypatch.chdir(tmp_path)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "t")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "t@example.org")
    write({"params.yaml": PARAMS, "dvc.lock": "stages: {}\n", "reports/gate.json": json.dumps(GATE)})
    write({"reports/training.json": '{"model_sha": "m"}'})
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-qm", "start")
    branch("dump/new-1", "Candidate new-1: same")
    return tmp_path


def branch(name: str, subject: str, row: str = ROW) -> None:
    git("checkout", "-qb", name)
    rows = [{"dump": "new-1", "task": "zero_shot", "overall": "0.5", "origin": "real"}]
    history.add(Path(), rows)
    write({"params.yaml": PARAMS + row, "dumps/new-1.json": "{}", candidate.RESULT.format("new-1"): "{}"})
    git("add", "-A")
    git("commit", "-qm", subject)
    git("checkout", "-q", "main")


@pytest.fixture
def no_dvc(monkeypatch):
    """The graph is up to date at once; what would be run of it is remembered."""
    called = []
    monkeypatch.setattr(module, "bring_up_to_date", lambda say: called.append("graph"))
    monkeypatch.setattr(module, "dvc", lambda *words: called.append(words))
    monkeypatch.setattr(candidate, "stage", lambda root, name, words, say: called.append(name))
    return called


def state() -> tuple[str, str, str, list[str]]:
    """Everything that a refusal must leave alone: commit, branch, changes, branches."""
    changes = git("status", "--porcelain", "--untracked-files=all")
    return git("rev-parse", "HEAD"), git("branch", "--show-current"), changes, git("branch", "--list").split()


@pytest.mark.parametrize("name", ["dump/other-1", "main", "new-1"])
def test_a_branch_that_is_no_candidate_is_refused_with_those_there_are(checkout, name):
    before = state()
    with pytest.raises(ValueError, match=f"{name} is no complete candidate. Candidates: dump/new-1") as error:
        accept(name)
    assert "\n" not in str(error.value) and state() == before


def test_a_candidate_that_a_kill_cut_off_is_refused(checkout):
    branch("dump/half-1", "row of half-1")
    with pytest.raises(ValueError, match="dump/half-1 is no complete candidate"):
        accept("dump/half-1")


def test_without_any_candidate_the_refusal_says_none(checkout):
    git("branch", "-D", "dump/new-1")
    with pytest.raises(ValueError, match="Candidates: none"):
        accept("dump/new-1")


@pytest.mark.parametrize("staged", [False, True])
def test_a_checkout_with_changes_of_its_own_is_refused_and_keeps_them(checkout, staged):
    write({"params.yaml": PARAMS.replace("a comment", "mine")})
    if staged:
        git("add", "params.yaml")
    before = state()
    with pytest.raises(ValueError, match="the checkout has changes of its own") as error:
        accept("dump/new-1")
    assert "params.yaml" in str(error.value)
    assert state() == before and "# mine" in Path("params.yaml").read_text()


def test_a_dump_that_is_in_already_is_refused(checkout):
    write({"params.yaml": PARAMS + ROW})
    git("commit", "-qam", "by hand")
    before = state()
    with pytest.raises(ValueError, match=r"dump new-1 is in params\.yaml already"):
        accept("dump/new-1")
    assert state() == before


def test_a_red_gate_is_refused_and_everything_is_as_before(checkout, no_dvc):
    before = state()
    with pytest.raises(ValueError, match="the gate is red"):
        accept("dump/new-1")
    assert state() == before and Path("params.yaml").read_text() == PARAMS
    assert not Path(".git/MERGE_HEAD").exists() and no_dvc == ["graph", ("checkout", "--force")]


@pytest.mark.parametrize("where", ["the graph", "the page"])
def test_a_failure_on_the_way_leaves_everything_as_before(checkout, no_dvc, monkeypatch, where):
    write({"reports/gate.json": json.dumps(GATE | {"passed": True})})
    git("commit", "-qam", "a green gate")
    before = state()

    def fail(*_):
        raise RuntimeError("killed")

    if where == "the graph":
        monkeypatch.setattr(module, "bring_up_to_date", fail)
    else:
        monkeypatch.setattr(candidate, "stage", fail)
    with pytest.raises(RuntimeError, match="killed"):
        accept("dump/new-1")
    assert state() == before and not Path(".git/MERGE_HEAD").exists()


def test_files_of_ones_own_that_git_does_not_know_survive_a_refusal(checkout, no_dvc):
    write({"reports/mine.txt": "notes", "notes.txt": "notes"})
    with pytest.raises(ValueError, match="the gate is red"):
        accept("dump/new-1")
    assert Path("reports/mine.txt").read_text() == Path("notes.txt").read_text() == "notes"


def test_an_accepted_candidate_is_one_merge_with_its_row_its_reports_and_no_branch(checkout, no_dvc):
    write({"reports/gate.json": json.dumps(GATE | {"passed": True})})
    git("commit", "-qam", "a green gate")
    theirs, ours = git("rev-parse", "dump/new-1"), git("rev-parse", "HEAD")
    commit = accept("dump/new-1")
    assert git("rev-list", "--parents", "-n1", commit).split() == [commit, ours, theirs]
    assert Path("params.yaml").read_text() == PARAMS + ROW
    assert "new-1" in Path("reports/history.csv").read_text()
    assert state()[2:] == ("", ["*", "main"]) and no_dvc == ["graph", "history"]
    assert "dumps/new-1.json" in git("ls-files").splitlines()


def test_what_came_to_the_branch_in_the_meantime_is_kept(checkout, no_dvc):
    write(
        {
            "reports/gate.json": json.dumps(GATE | {"passed": True}),
            "params.yaml": PARAMS.replace("name: demo", "name: us"),
        }
    )
    history.add(Path(), [{"dump": "old-1", "overall": "0.4"}])
    git("add", "-A")
    git("commit", "-qm", "another one was accepted")
    accept("dump/new-1")
    assert Path("params.yaml").read_text() == PARAMS.replace("name: demo", "name: us") + ROW
    assert [row["dump"] for row in history.read(history.FILE.read_text())] == ["old-1", "new-1"]
