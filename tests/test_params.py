"""params.yaml: the repository's loads, and every fault is one line that names its key."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from biolingual.params import Params, load

TEXT = (Path(__file__).resolve().parents[1] / "params.yaml").read_text(encoding="utf-8")


def loaded(folder: Path, old: str = "", new: str = "") -> Params:
    """The repository's params.yaml with one piece of text exchanged."""
    assert old in TEXT
    path = folder / "params.yaml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    return load(path)


def test_the_repositorys_file_loads(params):
    assert params.ingest.sample_rate_hz == 48000
    assert set(params.simulate.dumps) <= set(params.dumps)


def test_every_section_of_the_file_is_a_section_of_params():
    sections = [line.removesuffix(":") for line in TEXT.splitlines() if line.endswith(":") and line[0].isalpha()]
    assert sections == [field.alias or name for name, field in Params.model_fields.items()]


def test_a_misspelt_key_names_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"params\.yaml: ingest\.silence_dbsf is not a known key\. Did you mean 'silence_dbfs'\?"):
        loaded(tmp_path, "silence_dbfs:", "silence_dbsf:")


def test_a_misspelt_section_names_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"captoin is not a known key\. Did you mean 'caption'\?"):
        loaded(tmp_path, "\ncaption:", "\ncaptoin:")


def test_a_misspelt_key_of_a_dump_names_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"dumps\.xeno_canto-2026-01\.orgin is not a known key\. Did you mean 'origin'\?"):
        loaded(tmp_path, "origin: simulated", "orgin: simulated")


def test_a_key_that_resembles_nothing_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"caption\.zzzz is not a known key\. Known keys here: captioner\."):
        loaded(tmp_path, "  captioner:", "  zzzz: 1\n  captioner:")


def test_the_section_validate_is_known_by_its_name_in_the_file(tmp_path):
    with pytest.raises(ValueError, match=r"validate\.min_recording is not a known key\. Did you mean 'min_recordings'\?"):
        loaded(tmp_path, "min_recordings:", "min_recording:")


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"params\.yaml: ingest\.clip_duration_s is missing"):
        loaded(tmp_path, "  clip_duration_s: 2\n", "")


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("clip_duration_s: 2", "clip_duration_s: two", r"ingest\.clip_duration_s = 'two': .*integer"),
        ("silence_dbfs: -70.0", "silence_dbfs: 3", r"ingest\.silence_dbfs = 3: .*less than 0"),
        ("dumps: [xeno", "dumps: xeno # [", r"simulate\.dumps = 'xeno': .*list"),
        ("origin: simulated", "origin: made-up", r"origin = 'made-up': .*'real' or 'simulated'"),
    ],
)
def test_a_wrong_value_is_shown_with_its_key_and_what_was_expected(tmp_path, old, new, line):
    with pytest.raises(ValueError, match=line):
        loaded(tmp_path, old, new)


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(ValueError, match="is missing") as caught:
        loaded(tmp_path, "silence_dbfs:", "silence_dbsf:")
    assert "silence_dbsf is not a known key" in str(caught.value)
    assert "ingest.silence_dbfs is missing" in str(caught.value)


@pytest.mark.parametrize("text", ["ingest: [1, 2", "a: b: c", "ingest: 1\ningest: 2"])
def test_what_is_not_yaml_is_said_on_one_line(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"^params\.yaml is not YAML: ") as caught:
        load(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_params_cannot_be_changed(params):
    with pytest.raises(ValidationError, match="frozen"):
        params.ingest.sample_rate_hz = 16000
