"""Releases: gates that refuse, one commit with its versions, and a release that was cut off."""

import json
import subprocess
from pathlib import Path

import pytest

from flows import gates, release, versions
from flows.dvc_graph import DvcError
from flows.release import RefusedError
from tests.flows.toy_project import PARAMS, git, read, released, set_up, sha, tags, write
from tests.small_world import change_params, copy, dvc, run


@pytest.fixture
def toy(tmp_path, monkeypatch):
    return set_up(tmp_path / "project", monkeypatch)


# --- releases ---------------------------------------------------------------------------------------------------------


def test_a_release_is_one_commit_with_a_version_of_the_model_and_of_the_dataset_on_it(toy):
    code = git("rev-parse", "HEAD")
    released()
    assert git("rev-parse", "HEAD~1") == code and git("status", "--porcelain") == ""
    assert git("log", "-1", "--format=%s") == "Release toy-model v0.1.0"
    assert set(git("tag", "--points-at", "HEAD").split()) == {"toy-model@v0.1.0", "toy-data@v0.1.0"} == tags()
    assert set(git("show", "--name-only", "--format=").split()) <= {
        "dvc.lock",
        "reports/releases.json",
        "reports/provenance.json",
    }
    assert json.loads(read("reports/releases.json"))[0]["code"] == code


def test_a_second_model_gets_the_next_version_and_the_unchanged_dataset_keeps_its_own(toy):
    released()
    toy.train("weights 2")
    released()
    assert tags() == {"toy-model@v0.1.0", "toy-data@v0.1.0", "toy-model@v0.2.0"}
    assert read("models/biolingual/README.md") == "v0.1.0 v0.2.0"
    toy.dataset = "pairs 2"
    toy.train("weights 3")
    released(bump="patch")
    assert tags() >= {"toy-model@v0.2.1", "toy-data@v0.2.0"}
    toy.dataset = "pairs 1"
    toy.train("weights 4")
    released(bump="major")
    last = json.loads(read("reports/releases.json"))[-1]
    assert (last["version"], last["dataset_version"]) == ("v1.0.0", "v0.1.0")


def test_the_same_model_and_dataset_are_released_once(toy):
    released()
    head, before = git("rev-parse", "HEAD"), tags()
    assert released() == ["already released as toy-model v0.1.0"]
    assert git("rev-parse", "HEAD") == head and tags() == before


def test_provenance_names_the_runs_whose_outputs_these_are_and_the_captioners(toy):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write("data/captions/.keep", "")
    rows = {"text": ["a", "b"], "captioner": ["template"] * 2, "model": [""] * 2, "prompt_sha": [""] * 2}
    for name in ("a", "b"):
        pq.write_table(pa.table(rows), f"data/captions/{name}.parquet")
    other = {"arm": "release", "outs": {"models/biolingual": "another md5"}, "commit": "older"}
    write(".runs/journal.jsonl", json.dumps(other) + "\n")
    released()
    found = json.loads(read("reports/provenance.json"))
    assert found["captioners"] == [{"captioner": "template", "model": "", "prompt_sha": ""}]
    assert [(arm["arm"], arm["commit"]) for arm in found["arms"]] == [("release", git("rev-parse", "HEAD~1"))]
    assert found["params_sha"] == sha(PARAMS) and found["commit"] == git("rev-parse", "HEAD~1")


# --- gates ------------------------------------------------------------------------------------------------------------


def changed(path: str, *keys_and_value: object) -> None:
    """Set a value deep in a JSON file."""
    *keys, last, value = keys_and_value
    whole = json.loads(read(path))
    at = whole
    for key in keys:
        at = at[key]
    at[last] = value
    write(path, whole)


PARITY, ZERO_SHOT = "models/biolingual/parity.json", "reports/scores/zero_shot.json"
FAULTS = {
    "RED up to date: run dvc repro first, for evaluate@zero_shot": lambda toy: toy.stale.add("evaluate@zero_shot"),
    "RED validation: the gate is red": lambda _: changed("reports/gate.json", "passed", False),
    "RED validation: the verdict is of dataset 000": lambda _: changed("reports/gate.json", "dataset_sha", "000"),
    "RED model: reports/training.json is of model 000": lambda _: changed("reports/training.json", "model_sha", "000"),
    "RED model: the model was trained on dataset 000": lambda _: changed("reports/training.json", "dataset_sha", "000"),
    "RED model: models/biolingual holds model": lambda _: write("models/biolingual/model.safetensors", "other"),
    "RED parity: transformers text not within 0.0001": lambda _: changed(
        PARITY, "transformers", "text", "passed", False
    ),
    "RED parity: onnx audio not within": lambda _: changed(PARITY, "onnx", {"audio": {"passed": False}}),
    "RED parity: models/biolingual/parity.json is missing or of another model": lambda _: changed(
        PARITY, "model_sha", "0"
    ),
    "RED towers alive: mean cosine of unrelated inputs: audio 0.98": lambda _: changed(
        PARITY, "liveness", "audio", "mean_cosine", 0.98
    ),
    "RED scores: zero_shot (simulated) is of model_sha 000": lambda _: changed(
        ZERO_SHOT, "simulated", "model_sha", "000"
    ),
    "RED scores: zero_shot (simulated) is of dataset_sha 000": lambda _: changed(
        ZERO_SHOT, "simulated", "dataset_sha", "000"
    ),
    "RED scores: zero_shot has none": lambda _: write(ZERO_SHOT, {}),
}


@pytest.mark.parametrize("expected", FAULTS)
def test_a_red_gate_refuses_the_release_and_leaves_no_trace(toy, expected):
    FAULTS[expected](toy)
    head = git("rev-parse", "HEAD")
    with pytest.raises(RefusedError, match="1 of 7 gates are red") as refusal:
        released()
    assert expected in str(refusal.value)
    assert git("rev-parse", "HEAD") == head and not tags() and read("reports/releases.json") == "[]"


def test_every_red_gate_is_told_at_once(toy):
    changed("reports/gate.json", "passed", False)
    changed(PARITY, "liveness", "text", "passed", False)
    write(ZERO_SHOT, {})
    with pytest.raises(RefusedError, match="3 of 7 gates are red") as refusal:
        released()
    assert str(refusal.value).count("\n  RED ") == 3


def test_a_dataset_version_without_any_score_on_it_says_unscored_and_is_not_released(toy):
    assert "UNSCORED" not in gates.table()[-1]
    released()
    write("data/animalspeak/pairs.parquet", "pairs 2")
    write("reports/gate.json", {"passed": True, "dataset_sha": sha("pairs 2")})
    assert f"dataset {sha('pairs 2')[:12]} (not released) UNSCORED" in gates.table()[-1]
    with pytest.raises(RefusedError, match=f"UNSCORED: no score stands on dataset {sha('pairs 2')[:12]}"):
        released()


def test_a_value_may_fall_by_what_the_policy_allows_and_no_more(toy):
    released()
    toy.train("weights 2", zero_shot=0.46)
    released()
    toy.train("weights 3", zero_shot=0.40)
    with pytest.raises(RefusedError, match=r"zero_shot on simulated sounds fell from 0\.460 to 0\.400"):
        released()
    assert "toy-model@v0.3.0" not in tags()


def test_a_value_on_real_sounds_is_never_held_against_one_on_simulated_sounds(toy):
    released()
    toy.origin = "real"
    toy.train("weights 2", zero_shot=0.1, retrieval=0.1)
    gate = gates.regression(gates.Subject.of_checkout())
    assert gate.passed and "0 values compared" in gate.seen and "zero_shot on real sounds" in gate.seen


def test_what_is_not_committed_is_listed_but_for_what_a_release_commits(toy):
    write("reports/index.html", "a page")
    write("notes with a space.txt", "mine")
    write("params.yaml", PARAMS + "# edited\n")
    with pytest.raises(ValueError, match="not committed") as refusal:
        released()
    assert "params.yaml" in str(refusal.value) and "notes with a space.txt" in str(refusal.value)
    assert "index.html" not in str(refusal.value)


def test_a_stage_release_that_refuses_is_a_red_gate_beside_the_others(toy, monkeypatch):
    def refuse(*_, **__):
        raise DvcError("release failed:\nERROR release: the audio tower is collapsed\nERROR: failed to reproduce")

    toy.stale.add("release")
    monkeypatch.setattr(release, "repro", refuse)
    write(ZERO_SHOT, {})
    with pytest.raises(RefusedError, match="2 of 4 gates are red") as refusal:
        released()
    assert "RED stage release: the audio tower is collapsed" in str(refusal.value)
    assert "RED scores: zero_shot has none" in str(refusal.value)


# --- a release that was cut off ---------------------------------------------------------------------------------------

STEPS = {
    "before the card": (release, "repro", 0),
    "before provenance": (release, "provenance", 0),
    "before the commit": (release, "title", 0),
    "before the first tag": (versions, "register", 0),
    "between the tags": (versions, "register", 1),
    "before the push": (versions, "push", 0),
}


def cut_off(step: str, monkeypatch) -> None:
    """A release that is interrupted at a step."""
    module, name, calls = STEPS[step]
    true, count = getattr(module, name), iter(range(9))

    def cut(*words, **more):
        if next(count) == calls:
            raise KeyboardInterrupt
        return true(*words, **more)

    with monkeypatch.context() as patch:
        patch.setattr(module, name, cut)
        with pytest.raises(KeyboardInterrupt):
            released(push=True)


@pytest.mark.parametrize("step", STEPS)
def test_a_release_cut_off_is_completed_by_running_it_again(toy, monkeypatch, step):
    cut_off(step, monkeypatch)
    released(push=True)
    assert tags() == {"toy-model@v0.1.0", "toy-data@v0.1.0"}
    assert git("log", "--format=%s").splitlines() == ["Release toy-model v0.1.0", "a toy"]
    assert len(json.loads(read("reports/releases.json"))) == 1 and git("status", "--porcelain") == ""
    assert read("models/biolingual/README.md") == "v0.1.0"


@pytest.mark.parametrize("step", STEPS)
def test_after_a_release_cut_off_another_model_can_be_released(toy, monkeypatch, step):
    cut_off(step, monkeypatch)
    toy.train("weights 2")
    released()
    entries = json.loads(read("reports/releases.json"))
    was_committed = step in ("before the first tag", "between the tags", "before the push")
    assert [entry["version"] for entry in entries] == ["v0.1.0", "v0.2.0"][: 1 + was_committed]
    assert entries[-1]["model_sha"] == sha("weights 2")
    assert len([tag for tag in tags() if tag.startswith("toy-model@")]) == len(entries)


# --- remotes ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def origin(toy, tmp_path):
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "origin")], check=True)
    git("remote", "add", "origin", str(tmp_path / "origin"))
    return tmp_path / "origin"


def test_a_release_pushes_commit_and_tags_and_says_what_has_no_remote(origin):
    said = released(push=True)
    assert said[-2].startswith("no DVC remote") and "pushed to git remote origin: main" in said[-1]
    listed = git("ls-remote", "origin")
    assert "refs/tags/toy-model@v0.1.0" in listed and git("rev-parse", "HEAD") + "\trefs/heads/main" in listed


def test_data_is_pushed_before_the_tags_that_name_it(origin, monkeypatch):
    called = []
    monkeypatch.setattr(versions, "dvc", lambda *words: called.append(words) or "storage\ts3://bucket")
    monkeypatch.setattr(versions, "git", lambda *words: called.append(words) or "origin")
    versions.push(["toy-model@v0.1.0"], with_data=True)
    kinds = [words[0] for words in called if "push" in words]
    assert kinds == ["push", "push"] and called.index(("push", "--jobs", "8")) < len(called) - 1


def test_a_clone_without_the_tags_fetches_them_instead_of_making_others(origin, tmp_path, monkeypatch):
    released(push=True)
    made = git("rev-parse", "refs/tags/toy-model@v0.1.0")
    git("tag", "-d", "toy-model@v0.1.0", "toy-data@v0.1.0")
    released()
    assert git("rev-parse", "refs/tags/toy-model@v0.1.0") == made


def test_no_password_of_an_address_is_told(toy):
    git("remote", "add", "origin", "http://someone:secret@127.0.0.1:9/nowhere.git")
    with pytest.raises(RuntimeError, match=r"127\.0\.0\.1:9") as error:
        released(push=True)
    assert "secret" not in str(error.value) and "someone" not in str(error.value)
    assert tags() == {"toy-model@v0.1.0", "toy-data@v0.1.0"}


# --- the true graph ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(built, tmp_path_factory) -> Path:
    """A small world with a git and a DVC remote, released twice: the second time after training with another seed."""
    home = tmp_path_factory.mktemp("world")
    folder = copy(built, home / "project")
    subprocess.run(["git", "init", "-q", "--bare", str(home / "origin")], check=True)
    for words in (
        ["git", "config", "user.name", "test"],
        ["git", "config", "user.email", "test@example.org"],
        ["git", "remote", "add", "origin", str(home / "origin")],
        ["dvc", "remote", "add", "--default", "store", str(home / "store")],
        ["git", "commit", "-qam", "a remote"],
    ):
        assert run(folder, *words).returncode == 0
    for seed in (7, 8):
        change_params(folder, {"pretrain": {"seed": seed}})
        run(folder, "git", "commit", "-qam", f"seed {seed}")
        dvc(folder, "repro", BIOLINGUAL_TRAIN_WORKERS="1")
        flows(folder, "release")
    return folder


def flows(folder: Path, *words: str, code: int = 0) -> str:
    done = run(folder, "python", "-m", "flows", *words, PREFECT_HOME=str(folder.parent / "prefect"))
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


@pytest.mark.slow
def test_two_releases_are_two_versions_and_the_card_shows_both(world):
    assert run(world, "git", "tag").stdout.split() == [
        "animalspeak@v0.1.0",
        "biolingual-demo@v0.1.0",
        "biolingual-demo@v0.2.0",
    ]
    assert run(world, "git", "status", "--porcelain").stdout == "" and "up to date" in dvc(world, "status")
    card = (world / "models/biolingual/README.md").read_text()
    assert "Version v0.2.0." in card and "| v0.1.0 |" in card and "| v0.2.0 |" in card
    assert "Versions, with scores on simulated sounds" in (world / "reports/index.html").read_text()
    parity = json.loads((world / "models/biolingual/parity.json").read_text())
    assert all(one["passed"] for one in parity["transformers"].values()) and parity["onnx"].startswith("NOT RUN")
    provenance = json.loads((world / "reports/provenance.json").read_text())
    assert [arm["arm"] for arm in provenance["arms"]] == ["release"] and provenance["arms"][0]["flow_run_id"]
    assert [one["captioner"] for one in provenance["captioners"]] == ["template"]


@pytest.mark.slow
def test_the_same_again_does_nothing(world):
    head = run(world, "git", "rev-parse", "HEAD").stdout
    assert "already released as biolingual-demo v0.2.0" in flows(world, "release")
    assert run(world, "git", "rev-parse", "HEAD").stdout == head


@pytest.mark.slow
def test_a_stranger_checks_out_the_first_version_from_the_remotes(world, tmp_path):
    subprocess.run(["git", "clone", "-q", str(world.parent / "origin"), str(tmp_path / "theirs")], check=True)
    theirs = tmp_path / "theirs"
    assert run(theirs, "git", "checkout", "-q", "biolingual-demo@v0.1.0").returncode == 0
    dvc(theirs, "pull", "release")
    card = (theirs / "models/biolingual/README.md").read_text()
    assert "Version v0.1.0." in card and "v0.2.0" not in card
    entry = json.loads((theirs / "reports/releases.json").read_text())[0]
    assert gates.sha256(theirs / "models/biolingual/model.safetensors") == entry["model_sha"]


@pytest.mark.slow
def test_promote_and_roll_back_from_a_terminal(world):
    flows(world, "promote", "--version", "v0.1.0")
    assert "v0.2.0 is in stage prod: tag biolingual-demo#prod#2" in flows(world, "promote")
    assert "v0.1.0 is in stage prod again" in flows(world, "rollback")
    listed = flows(world, "versions").splitlines()
    assert [line.split()[-1] == "prod" for line in listed[1:3]] == [False, True]
    assert "biolingual-demo#prod#3" in run(world, "git", "ls-remote", "origin").stdout


@pytest.mark.slow
def test_an_unscored_dataset_version_is_refused_with_exit_code_1(world):
    change_params(world, {"simulate": {"n_recordings": 170}})
    try:
        dvc(world, "repro", "validate")
        refused = flows(world, "release", code=1)
        assert "not committed: params.yaml" in refused
        run(world, "git", "commit", "-qam", "more recordings")
        refused = flows(world, "release", code=1)
        assert "UNSCORED" in refused and "RED up to date: run dvc repro first, for" in refused
        assert "UNSCORED" in flows(world, "versions")
    finally:
        run(world, "git", "reset", "-q", "--hard", "biolingual-demo@v0.2.0")
        dvc(world, "checkout")
