"""infra/params-animalspeak.yaml: the paper's values in the form of params.yaml, key for key."""

import shutil

import pytest

from flows.scale import set_params
from tests.infra.manifests import INFRA, ROOT, documents
from tests.rehearse_animalspeak import RECIPES, SHRUNK
from tests.small_world import change_params

FILE = INFRA / "params-animalspeak.yaml"


def test_the_papers_values_have_every_key_of_params_yaml():
    ours, theirs = (documents(path)[0] for path in (ROOT / "params.yaml", FILE))
    wanted = {(section, key) for section, values in ours.items() if section != "dumps" for key in values}
    present = {(section, key) for section, values in theirs.items() if section != "dumps" for key in values}
    missing, surplus = (sorted(".".join(key) for key in keys) for keys in (wanted - present, present - wanted))
    assert not missing, f"infra/params-animalspeak.yaml has no value for: {', '.join(missing)}"
    assert not surplus, f"infra/params-animalspeak.yaml has keys that params.yaml has not: {', '.join(surplus)}"
    assert list(ours) == list(theirs)


def test_the_papers_values_load_and_name_what_exists():
    from biolingual.benchmarks import BENCHMARKS
    from biolingual.captioning import CAPTIONERS
    from biolingual.params import load

    params = load(FILE)
    assert set(params.evaluate.tasks) <= set(BENCHMARKS) and params.caption.captioner in CAPTIONERS
    assert params.pretrain.steps == 45 * (1_102_307 // params.pretrain.global_batch_size)


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_becomes_params_yaml_and_the_rehearsal_shrinks_it(tmp_path, recipe):
    from biolingual.params import load

    shutil.copy(ROOT / "params.yaml", tmp_path)
    changed = set_params([ROOT / name for name in RECIPES[recipe]], tmp_path / "params.yaml")
    scaled = load(tmp_path / "params.yaml")
    assert not scaled.dumps and scaled.model.text_width == 768 and "pretrain.global_batch_size" in changed
    assert scaled.pretrain.steps == 45 * (1_102_307 // scaled.pretrain.global_batch_size) // 10 * 10
    assert scaled.model.precision == ("bfloat16" if recipe == "modern" else "float32")
    change_params(tmp_path, SHRUNK)
    assert load(tmp_path / "params.yaml").model.audio_width == 96


def test_params_come_back_with_every_word_and_a_wrong_key_is_named(tmp_path):
    before = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(before)
    (tmp_path / "demo.yaml").write_text(before)
    assert set_params([tmp_path / "demo.yaml"], tmp_path / "params.yaml") == []
    assert (tmp_path / "params.yaml").read_text() == before
    (tmp_path / "wrong.yaml").write_text("pretrain: {step: 3}\n")
    with pytest.raises(ValueError, match=r"wrong.yaml: params.yaml has no pretrain.step\."):
        set_params([tmp_path / "wrong.yaml"], tmp_path / "params.yaml")


def test_a_dump_can_be_added_to_the_papers_values(tmp_path, monkeypatch):
    import flows.dumps
    from biolingual.params import load

    (tmp_path / "params.yaml").write_text(FILE.read_text())
    monkeypatch.setattr(flows.dumps, "_inspected", lambda *words: "sha256:0")
    flows.dumps.add_dump("folder", "meadow-2026-11", "s3://bucket/meadow", "real", root=tmp_path)
    assert load(tmp_path / "params.yaml").dumps["meadow-2026-11"].source == "dumps/meadow-2026-11.json"
