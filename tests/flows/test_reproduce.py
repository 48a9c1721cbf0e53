"""A score made again: equal to the last digit, or an error that says what is another."""

import hashlib
import json

import pytest

from flows.reproduce import differences, reproduce

STAGE = """import json, sys
from pathlib import Path
task, out = sys.argv[sys.argv.index("--task") + 1], sys.argv[sys.argv.index("--out") + 1]
if Path("broken").exists():
    sys.exit("ERROR evaluate: no embeddings. Run: dvc repro embed")
score = json.loads(Path("truth.json").read_text()) | {"task": task}
Path(out).write_text(json.dumps({"simulated": score}))
"""


@pytest.fixture
def project(tmp_path):
    """A checkout whose stage writes what truth.json says, with a score of it."""
    (tmp_path / "models/clap").mkdir(parents=True)
    (tmp_path / "data/animalspeak").mkdir(parents=True)
    (tmp_path / "models/clap/model.safetensors").write_bytes(b"weights")
    (tmp_path / "data/animalspeak/pairs.parquet").write_bytes(b"pairs")
    (tmp_path / "stage.py").write_text(STAGE)
    (tmp_path / "params.yaml").write_text("evaluate:\n  model: models/clap\n")
    command = "python stage.py --task ${item} --animalspeak data/animalspeak --out reports/scores/${item}.json"
    (tmp_path / "dvc.yaml").write_text(f"stages:\n  evaluate:\n    foreach: [toy]\n    do:\n      cmd: {command}\n")
    truth = {"primary": "top1", "value": 1 / 3, "ci95": [0.1, 0.5], "metrics": {"top1": 1 / 3}}
    truth |= {"model_sha": digest(b"weights"), "dataset_sha": digest(b"pairs")}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    (tmp_path / "score.json").write_text(json.dumps({"simulated": truth | {"task": "toy"}}))
    return tmp_path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_the_same_inputs_give_the_same_score_and_touch_no_report(project):
    before = (project / "score.json").read_bytes()
    assert reproduce(project / "score.json", project) == (
        "toy: the same to the last digit (simulated top1 0.3333333333333333)"
    )
    assert (project / "score.json").read_bytes() == before and not (project / "reports").exists()


def test_a_difference_in_the_last_digit_is_named(project):
    truth = json.loads((project / "truth.json").read_text())
    truth["metrics"]["top1"] = 0.33333333333333337
    (project / "truth.json").write_text(json.dumps(truth))
    with pytest.raises(ValueError, match=r"simulated\.metrics\.top1: was 0\.3333333333333333, is 0\.33333333333333337"):
        reproduce(project / "score.json", project)


@pytest.mark.parametrize(
    ("file", "key"), [("models/clap/model.safetensors", "model_sha"), ("data/animalspeak/pairs.parquet", "dataset_sha")]
)
def test_another_model_or_dataset_is_refused_before_anything_runs(project, file, key):
    (project / file).write_bytes(b"another")
    (project / "broken").touch()  # the stage would fail with another message
    with pytest.raises(ValueError, match=f"of {key} .*{digest(b'another')[:12]}"):
        reproduce(project / "score.json", project)
    (project / file).unlink()
    with pytest.raises(FileNotFoundError, match="dvc pull"):
        reproduce(project / "score.json", project)


def test_a_stage_that_fails_gives_its_last_line(project):
    (project / "broken").touch()
    with pytest.raises(ValueError, match="toy could not be scored: ERROR evaluate: no embeddings"):
        reproduce(project / "score.json", project)


def test_what_is_no_score_file_is_said_to_be_none(project):
    (project / "other.json").write_text('{"passed": true}')
    with pytest.raises(ValueError, match="is no score file"):
        reproduce(project / "other.json", project)
    with pytest.raises(FileNotFoundError, match="reports/scores"):
        reproduce(project / "nowhere.json", project)


def test_differences_name_what_is_missing_on_either_side_and_lists_of_other_lengths():
    assert differences({"a": 1, "b": [1, 2]}, {"a": 1, "b": [1, 2]}) == []
    assert differences({"a": 1}, {"c": 2}) == ["a: was 1, is 'nothing'", "c: was 'nothing', is 2"]
    assert differences({"b": [1, 2]}, {"b": [1, 3]}) == ["b.1: was 2, is 3"]
    assert differences({"b": [1]}, {"b": [1, 3]}) == ["b: was [1], is [1, 3]"]
