"""params.yaml: the repository's loads, and every fault is one line that names its key."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

from biolingual.params import Params, load

FILE = Path(__file__).resolve().parents[1] / "params.yaml"


def loaded(folder: Path, change: Callable[[dict], object]) -> Params:
    """The repository's params.yaml after `change` was made to its values."""
    values = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    change(values)
    with (folder / "params.yaml").open("w", encoding="utf-8") as out:
        YAML(typ="safe").dump(values, out)
    return load(folder / "params.yaml")


def renamed(old: str, new: str, *sections: str) -> Callable[[dict], None]:
    """Gives a key of a section, or of the file itself, another name."""

    def change(values: dict) -> None:
        for section in sections:
            values = values[section]
        values[new] = values.pop(old)

    return change


def test_the_repositorys_file_loads():
    params = load(FILE)
    assert set(params.simulate.dumps) <= set(params.dumps) and params.ingest.sample_rate_hz > 0


def test_an_unchanged_copy_loads_alike(tmp_path):
    assert loaded(tmp_path, lambda values: None) == load(FILE)


def test_the_sections_stand_in_the_file_in_the_order_of_params():
    values = YAML(typ="safe").load(FILE.read_text(encoding="utf-8"))
    assert list(values) == [field.alias or name for name, field in Params.model_fields.items()]


@pytest.mark.parametrize(
    ("change", "key", "near"),
    [
        (renamed("silence_dbfs", "silence_dbsf", "ingest"), "ingest.silence_dbsf", "silence_dbfs"),
        (renamed("caption", "captoin"), "captoin", "caption"),
        (renamed("validate", "validat"), "validat", "validate"),
        (renamed("min_recordings", "min_recording", "validate"), "validate.min_recording", "min_recordings"),
        (
            renamed("origin", "orgin", "dumps", "xeno_canto-2026-01"),
            "dumps.xeno_canto-2026-01.orgin",
            "origin",
        ),
    ],
)
def test_a_misspelt_key_names_the_nearest(tmp_path, change, key, near):
    with pytest.raises(ValueError, match="is not a known key") as caught:
        loaded(tmp_path, change)
    assert f"params.yaml: {key} is not a known key. Did you mean {near!r}?" in str(caught.value)


def test_a_key_that_resembles_nothing_lists_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"release\.zzzz is not a known key\. Known keys here: name, dataset, "):
        loaded(tmp_path, lambda values: values["release"].update(zzzz=1))


def test_a_missing_key_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"^params\.yaml: ingest\.clip_duration_s is missing"):
        loaded(tmp_path, lambda values: values["ingest"].pop("clip_duration_s"))


def test_a_missing_section_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"^params\.yaml: validate is missing"):
        loaded(tmp_path, lambda values: values.pop("validate"))


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("ingest", "clip_duration_s", "two", "valid integer"),
        ("ingest", "silence_dbfs", 3.0, "less than 0"),
        ("simulate", "dumps", "xeno_canto-2026-01", "valid list"),
        ("frontend", "precision", "float16", "'float64' or 'float32'"),
        ("assemble", "test_share", 1.5, "less than 1"),
    ],
)
def test_a_wrong_value_is_shown_with_its_key_and_what_was_expected(tmp_path, section, key, value, expected):
    with pytest.raises(ValueError, match=expected) as caught:
        loaded(tmp_path, lambda values: values[section].update({key: value}))
    assert str(caught.value).startswith(f"params.yaml: {section}.{key} = {value!r}: ")


def test_all_faults_are_told_at_once(tmp_path):
    with pytest.raises(ValueError, match="is missing") as caught:
        loaded(tmp_path, renamed("silence_dbfs", "silence_dbsf", "ingest"))
    assert "silence_dbsf is not a known key" in str(caught.value)
    assert "ingest.silence_dbfs is missing" in str(caught.value)


@pytest.mark.parametrize("text", ["ingest: [1, 2", "a: b: c", "ingest: 1\ningest: 2"])
def test_what_is_not_yaml_is_said_on_one_line(tmp_path, text):
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ValueError, match=r"^params\.yaml is not YAML: ") as caught:
        load(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_params_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        load(FILE).ingest.sample_rate_hz = 16000
