"""The passport: back to the recordings and forward to the scores; a byte that is not the one that was hashed is refused."""

import json
import re
import shutil
import subprocess
import sys

import pytest

from biolingual.storage import digest
from flows.ledger import scores_on
from flows.lineage import BrokenChainError, passport, write
from flows.passport.shelf import Shelf
from tests.flows.lineage_world import SCORE, TASK, World, flip

TRAINED, HELD_OUT = "folder:a-1/r02", "folder:a-1/r03"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """main: version 0.1.0, its model and score. dump/b-1: the same model scored on 0.2.0. dump/c-1: 0.3.0, scored by none."""
    folder = tmp_path_factory.mktemp("made")
    main = World(folder / "main")
    main.root.mkdir()
    main.start()
    main.ingest("a-1")
    main.build()
    main.train()
    main.evaluate()
    main.release()
    main.commit("animalspeak@v0.1.0", "demo@v0.1.0")
    newer = main.worktree(folder / "newer", "dump/b-1")
    newer.ingest("b-1")
    newer.build()
    newer.evaluate(0.7)
    newer.commit("animalspeak@v0.2.0")
    main.clock = newer.clock
    unscored = main.worktree(folder / "unscored", "dump/c-1")
    unscored.ingest("c-1")
    unscored.build()
    (unscored.root / SCORE).unlink()
    unscored.commit("animalspeak@v0.3.0")
    return folder


@pytest.fixture
def worlds(made, tmp_path, monkeypatch):
    """A copy of them to break: (main, newer, unscored)."""
    shutil.copytree(made, tmp_path / "made")
    for place in ("newer", "unscored"):
        pointer = tmp_path / "made" / place / ".git"
        pointer.write_text(pointer.read_text().replace(str(made), str(tmp_path / "made")))
        config = tmp_path / "made" / place / ".dvc/config.local"
        config.write_text(config.read_text().replace(str(made), str(tmp_path / "made")))
    # The library's own digest in this process: the command takes half a second each time.
    monkeypatch.setattr(Shelf, "digest", lambda self, source: digest(str(self.root / source)))
    cache = tmp_path / "made/main/.dvc/cache/files/md5"
    return [World(tmp_path / "made" / name, cache) for name in ("main", "newer", "unscored")]


def kinds(found) -> list[str]:
    return [link.kind for link in found.tree.all()]


def link(found, kind: str, name: str = ""):
    return next(one for one in found.tree.all() if one.kind == kind and name in one.name)


def test_a_score_walks_back_to_the_recordings(worlds):
    found = passport(SCORE, worlds[0].root)
    chain = [kind for kind in kinds(found) if kind not in ("run", "params")]
    assert chain == [
        "score file",
        "score",
        "model",
        "dataset",
        "gate",
        "captions of",
        "manifest of",
        "shards of",
        "dump",
        "recordings of",
    ]
    assert found.verdict == "whole: 9 links, each checked by hash."
    text = found.text()
    assert "11 by chat, model m, prompt pppp" in text and "params pretrain  seed=7" in text
    assert "dataset animalspeak@v0.1.0" in text and "model models/clap demo@v0.1.0" in text


FLIPPED = {
    SCORE: "score file",
    "models/clap/model.safetensors": "score -> model",
    "models/clap/lineage.json": "models/clap -> dvc.lock: models/clap (lineage.json)",
    "reports/training.json": "model -> training report",
    "data/animalspeak/pairs.parquet": "model -> dataset",
    "data/animalspeak/card.json": "data/animalspeak -> dvc.lock: data/animalspeak (card.json)",
    "reports/gate.json": "dataset -> gate",
    "reports/validation.json": "gate -> validation",
    "data/manifests/a-1/recordings.parquet": "manifest of a-1",
    "data/manifests/a-1/clips.parquet": "manifest of a-1",
    "data/manifests/a-1/ingest.json": "data/manifests/a-1 -> dvc.lock: data/manifests/a-1 (ingest.json)",
    "data/captions/a-1.parquet": "captions of a-1",
    "data/audio/a-1/shard-00000.tar": "shard of a-1",
    "dumps/a-1/sound": "dump a-1",
}


@pytest.mark.parametrize("path", FLIPPED)
def test_a_flipped_byte_is_refused_and_its_link_named(worlds, path):
    flip(worlds[0].root / path)
    with pytest.raises(BrokenChainError, match=rf"^broken: .*{re.escape(FLIPPED[path])}.* has [\w:]+, .* says "):
        passport(SCORE, worlds[0].root)


@pytest.mark.parametrize(
    ("path", "joint"),
    [
        ("data/manifests/a-1/recordings.parquet", "data/manifests/a-1 -> dvc.lock"),
        ("data/manifests/a-1/clips.parquet", "data/manifests/a-1 -> dvc.lock"),
        ("data/captions/a-1.parquet", "data/captions/a-1.parquet -> dvc.lock"),
        ("data/audio/a-1/shard-00000.tar", "shard of a-1"),
        ("data/animalspeak/pairs.parquet", "version animalspeak@v0.1.0 -> dataset"),
        ("models/clap/model.safetensors", "version -> model"),
        (SCORE, "score file"),
    ],
)
def test_a_flipped_byte_is_refused_on_the_way_forward_too(worlds, path, joint):
    flip(worlds[0].root / path)
    with pytest.raises(BrokenChainError, match=rf"^broken: [^:]*{re.escape(joint)}"):
        passport(TRAINED, worlds[0].root)


def test_a_re_evaluated_model_leads_back_to_the_older_version_it_learnt_from(worlds):
    found = passport(SCORE, worlds[1].root)
    datasets = [one for one in found.tree.all() if one.kind == "dataset"]
    assert [one.name for one in datasets] == ["animalspeak@v0.1.0", "animalspeak@v0.2.0"]
    assert found.verdict.startswith("whole")
    assert [one.name for one in found.tree.all() if one.kind == "dump"] == ["a-1", "a-1", "b-1"]


@pytest.mark.parametrize("path", ["pairs.parquet", "card.json"])
def test_a_flipped_byte_of_an_older_version_in_the_cache_is_refused(worlds, path):
    flip(worlds[1].cached(f"data/animalspeak/{path}", "animalspeak@v0.1.0"))
    with pytest.raises(BrokenChainError, match=r"^broken: (model -> dataset|dataset -> card): .*cache"):
        passport(SCORE, worlds[1].root)


def test_what_is_not_on_this_machine_is_said_and_never_whole(worlds):
    worlds[1].cached("data/animalspeak/pairs.parquet", "animalspeak@v0.1.0").unlink()
    found = passport(SCORE, worlds[1].root)
    away = link(found, "dataset", "v0.1.0")
    assert away.state == "absent" and away.note == "not on this machine: dvc fetch --all-tags data/animalspeak"
    assert found.verdict.startswith("INCOMPLETE") and not found.as_json()["whole"]


def test_a_version_that_git_has_never_seen_is_a_broken_link(worlds):
    world = worlds[1]
    for path in ("reports/training.json", "models/clap/lineage.json"):
        world.write(path, {**world.read(path), "dataset_sha": "f" * 64})
    world.arm("pretrain", ["models/clap", "reports/training.json"])
    world.evaluate()
    with pytest.raises(
        BrokenChainError, match=r"model -> dataset: no commit here has a dataset f+\. .*git fetch --all"
    ):
        passport(SCORE, world.root)


def test_a_score_of_an_earlier_dataset_is_stale_not_a_score_of_this_one(worlds):
    worlds[0].ingest("b-1")
    worlds[0].build()
    with pytest.raises(BrokenChainError, match=r"score -> data/animalspeak: .*dvc\.lock says"):
        passport(SCORE, worlds[0].root)


def test_a_recording_leads_to_its_clip_captions_splits_models_and_scores(worlds):
    found = passport(TRAINED, worlds[0].root)
    assert "at byte 1024, 100 bytes" in link(found, "clip").note and '"A song."' in found.text()
    assert [one.name for one in found.tree.links if one.kind == "version"] == [
        "animalspeak@v0.1.0",
        "animalspeak@v0.3.0",
        "animalspeak@v0.2.0",
    ]
    assert link(found, "version", "v0.1.0").facts["splits"] == {"train": 1}
    assert "trained on it, with 1 recording of these" in link(found, "model").note
    assert {one.facts["value"] for one in found.tree.all() if one.kind == "score"} == {0.5, 0.7}
    assert found.verdict.startswith("whole")


def test_a_held_out_recording_says_that_no_model_learnt_from_it(worlds):
    found = passport(HELD_OUT, worlds[0].root)
    assert link(found, "version").facts["splits"] == {"test_seen": 1}
    assert "with none of these" in link(found, "model").note


def test_a_recordist_leads_to_every_version_and_model(worlds):
    found = passport("Bruno Marr", worlds[0].root)
    versions = [one for one in found.tree.links if one.kind == "version"]
    assert [one.name for one in versions] == ["animalspeak@v0.2.0"] and len(found.tree.facts["recordings"]) == 11
    model = link(found, "model")
    assert model.name == "demo@v0.1.0" and "trained on another version" in model.note
    assert [one.facts["value"] for one in model.links] == [0.7]
    assert "11 clips; 1 of 1 match" in link(found, "shards of").note


@pytest.mark.parametrize(
    ("name", "reason"),
    [("folder:a-1/silence", "rejected by ingest: silent"), ("folder:a-1/r10", "left out: duplicate_audio")],
)
def test_a_refused_recording_has_a_passport_that_says_why(worlds, name, reason):
    assert reason in passport(name, worlds[0].root).text()


def test_a_version_lists_the_models_trained_and_scored_on_it(worlds):
    first, second = (passport(f"animalspeak@v0.{n}.0", worlds[0].root) for n in (1, 2))
    assert link(first, "model").note.startswith("trained on it") and first.notes == ()
    assert link(second, "model").note.startswith("scored on it; trained on another version")
    assert "top1 0.7000" in second.text() and "top1 0.5000" not in second.text()


def test_a_version_without_a_score_is_unscored(worlds):
    found = passport("animalspeak@v0.3.0", worlds[0].root)
    assert found.text().startswith("UNSCORED: no model has a score on this version. It cannot be released.")
    shas = [worlds[n].read("reports/gate.json")["dataset_sha"] for n in range(3)]
    assert [[one["value"] for one in scores_on(worlds[0].root, sha)] for sha in shas] == [[0.5], [0.7], []]


def test_a_score_that_its_lock_does_not_know_is_no_score(worlds):
    world = worlds[2]
    sha = world.read("reports/gate.json")["dataset_sha"]
    world.write(SCORE, {"real": {**json.loads((worlds[1].root / SCORE).read_text())["real"], "dataset_sha": sha}})
    with pytest.raises(BrokenChainError, match="score file"):
        scores_on(world.root, sha)
    world.commit()  # committed, it does not count either
    assert scores_on(worlds[0].root, sha) == []


@pytest.mark.parametrize("what", ["models/clap", "models/biolingual", "demo@v0.1.0"])
def test_a_model_leads_back_to_its_dataset_and_on_to_its_scores(worlds, what):
    found = passport(what, worlds[0].root)
    assert found.tree.kind == "model" and link(found, "dataset").name == "animalspeak@v0.1.0"
    assert {one.facts["value"] for one in found.tree.all() if one.kind == "score"} == {0.5, 0.7}


def test_what_else_a_score_was_made_from_is_a_link_too(worlds):
    world = worlds[0]
    world.write("data/embeddings/test.parquet", ["embeddings"])
    world.arm("embed", ["data/embeddings/test.parquet"])
    world.arm(f"evaluate@{TASK}", [SCORE], deps=["models/clap", "data/animalspeak", "data/embeddings/test.parquet"])
    assert link(passport(SCORE, world.root), "input").name == "data/embeddings/test.parquet"
    flip(world.root / "data/embeddings/test.parquet")
    with pytest.raises(BrokenChainError, match=r"^broken: data/embeddings/test\.parquet -> dvc\.lock"):
        passport(SCORE, world.root)


def test_a_release_that_boasts_another_score_is_refused(worlds):
    told = worlds[0].read("models/biolingual/lineage.json")
    told["scores"][0]["value"] = 0.99
    worlds[0].write("models/biolingual/lineage.json", told)
    worlds[0].arm("release", ["models/biolingual"])
    with pytest.raises(BrokenChainError, match="release -> score"):
        passport("models/biolingual", worlds[0].root)


def test_a_dump_leads_both_ways(worlds):
    found = passport("b-1", worlds[0].root)
    assert [one.kind for one in found.tree.links] == ["captions of", "version"]
    assert link(found, "dump", "b-1").note == "no row of the working tree's params.yaml; see the versions"
    assert "top1 0.7000" in found.text()


def test_runs_are_joined_by_path_and_md5(worlds):
    world, stages = worlds[0], worlds[0].read("dvc.lock")["stages"]
    made = {arm: stages[arm]["outs"][0]["md5"] for arm in (f"evaluate@{TASK}", "pretrain", "assemble")}
    outs = {SCORE: made[f"evaluate@{TASK}"], "data/animalspeak": made["assemble"]}
    line = {"arm": "x", "finished": "2026-01-01T00:00:00+00:00", "seconds": 1, "commit": "c0ffee" * 6, "dirty": True}
    ids = {"flow_run_id": "f-1", "flow_run": "wise-owl", "task_run_id": "t-1", "ray_job_id": None}
    (world.root / ".runs").mkdir()
    (world.root / ".runs/journal.jsonl").write_text(json.dumps({**line, **ids, "outs": outs}) + "\n")
    world.write(
        "reports/provenance.json",
        {"arms": [{**line, "ray_job_id": "ray-7", "outs": {"models/clap": made["pretrain"]}}]},
    )
    world.commit()
    text = passport(SCORE, world.root).text()
    assert "flow run wise-owl f-1; task run t-1; commit c0ffeec0ffee with uncommitted changes" in text
    assert "no flow; Ray job ray-7" in text
    assert "wise-owl" in passport(SCORE, worlds[1].root).text(), "a worktree reads the main checkout's journal"
    assert "no run recorded; in git since commit" in passport(SCORE, worlds[1].root).text()
    (worlds[0].root / "reports/provenance.json").unlink()
    assert "ray-7" in passport(SCORE, world.root).text(), "git remembers it"


def test_a_name_of_two_things_asks_which(worlds):
    world = worlds[0]
    world.set_params("dumps", {**world.read("params.yaml")["dumps"], "Ada Marr": {"source": "dumps/a-1"}})
    with pytest.raises(ValueError, match=r"names several things\. Say which: dump:Ada Marr, recordist:Ada Marr"):
        passport("Ada Marr", world.root)
    assert passport("recordist:Ada Marr", world.root).tree.kind == "recordist"


def test_an_unknown_name_is_one_line_that_lists_what_is_known(worlds):
    with pytest.raises(ValueError, match="nothing here is called 'Ada Mar'") as error:
        passport("Ada Mar", worlds[0].root)
    text = str(error.value)
    for known in (SCORE, "models/clap", "animalspeak@v0.2.0", "dumps: a-1, b-1, c-1", "recordists: 3, e.g. Ada Marr"):
        assert known in text
    assert "\n" not in text


def test_json_and_page_tell_the_same_and_need_no_network(worlds, tmp_path, capsys):
    found = passport(SCORE, worlds[0].root)
    write(found, "-", tmp_path / "page.html")
    told = json.loads(capsys.readouterr().out)
    assert told["whole"] and told["tree"]["links"][-1]["links"][0]["sha"] == link(found, "model").sha
    write(found, str(tmp_path / "told.json"), None)
    assert json.loads((tmp_path / "told.json").read_text()) == told
    page = (tmp_path / "page.html").read_text()
    assert all(one.sha in page and one.name in page for one in found.tree.all())
    assert not re.search(r"<script|<link|<img|@import|url\(", page) and "@media print" in page


def test_the_command_refuses_with_one_line_and_exit_code_1(worlds):
    def lineage(*words: str) -> subprocess.CompletedProcess:
        words = (sys.executable, "-P", "-m", "flows", "lineage", *words)
        return subprocess.run(words, cwd=worlds[0].root, capture_output=True, text=True, check=False)

    whole = lineage(SCORE)
    assert whole.returncode == 0 and "whole: 9 links" in whole.stdout, whole.stderr
    flip(worlds[0].root / "data/captions/a-1.parquet")
    broken = lineage(SCORE, "--json", "-")
    assert broken.returncode == 1 and broken.stdout == ""
    assert broken.stderr.startswith("ERROR: broken: dataset -> captions of a-1: ") and broken.stderr.count("\n") == 1
