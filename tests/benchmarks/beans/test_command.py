"""The documented command on a user's folder: a score in a file, or one line and another exit code than 0."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from biolingual.benchmarks.beans.layout import FIXTURE_MARK
from biolingual.records import BenchmarkItem
from biolingual.tabular import rows

ROOT = Path(__file__).resolve().parents[3]


def command(*words: str, module: str = "stages.evaluate") -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", module, *words], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture
def own(made_up, tmp_path) -> Path:
    """A folder as a user has it: audio/ and three lists."""
    folder = tmp_path / "meadow"
    shutil.copytree(made_up("esc50"), folder)
    (folder / FIXTURE_MARK).unlink()
    for split in ("train", "valid", "test"):
        (folder / f"esc50.{split}.csv").rename(folder / f"{split}.csv")
    return folder


def test_a_folder_is_scored(own, tmp_path):
    out = tmp_path / "out" / "score.json"
    done = command("--task", "esc50", "--data", str(own), "--protocol", "mfcc_lr", "--score", str(out))
    assert done.returncode == 0, done.stderr
    score = json.loads(out.read_text())["real"]
    assert (score["task"], score["n"], score["primary"]) == ("own_esc50", 12, "accuracy") and score["value"] > 0.7
    assert "accuracy" in done.stdout and "its published counts are not met" in score["notes"]


@pytest.mark.slow
def test_a_model_is_scored_on_ones_own_classes(own, model_folder, tmp_path):
    words = ["--task", "own", "--data", str(own), "--protocol", "knn", "--model", str(model_folder)]
    out = tmp_path / "score.json"
    done = command(*words, "--embeddings", str(tmp_path / "embeddings"), "--score", str(out))
    assert done.returncode == 0, done.stderr
    score = json.loads(out.read_text())["real"]
    assert score["task"] == "own_meadow" and score["model_sha"] and score["embedding_id"]


def test_the_manifest_is_written(own, tmp_path):
    out = tmp_path / "own.parquet"
    done = command("--task", "own", "--data", str(own), "--manifest", str(out), module="stages.benchmark")
    assert done.returncode == 0, done.stderr
    assert len(rows(out, BenchmarkItem)) == 40


@pytest.mark.slow
def test_a_fault_is_one_line_and_an_exit_code(own, tmp_path):
    (own / "valid.csv").unlink()
    done = command("--task", "esc50", "--data", str(own), "--protocol", "mfcc_lr", "--score", str(tmp_path / "x.json"))
    assert done.returncode == 1 and not (tmp_path / "x.json").exists()
    assert done.stderr.startswith("ERROR benchmark: ") and done.stderr.count("\n") == 1 and "valid.csv" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--task", "esc51", "--protocol", "mfcc_lr", "--score", "x.json"], "'esc51' is unknown. Known with --data"),
        (["--task", "esc50", "--protocol", "mfcc", "--score", "x.json"], "'mfcc' is unknown. Known: mfcc_lr"),
        (["--task", "esc50", "--protocol", "linear", "--score", "x.json"], "Give its folder or hub id with --model"),
        (["--task", "esc50", "--protocol", "mfcc_lr"], "give --protocol and --score"),
    ],
)
def test_what_cannot_be_done_is_said(own, tmp_path, words, said, capsys, monkeypatch):
    from stages.benchmark import main
    from stages.entry import run

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr("stages.entry.end_with_parent", lambda: None)
    monkeypatch.setattr(sys, "argv", ["evaluate", "--data", str(own), *words])
    with pytest.raises(SystemExit) as ended:
        run(main)
    assert ended.value.code == 1 and said in capsys.readouterr().err
