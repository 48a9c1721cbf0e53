"""The release folder: certified, honest about origins, and showing every version."""

import dataclasses

import numpy as np
import pytest
from ruamel.yaml import YAML

from biolingual.params import ReleaseParams
from biolingual.records import Pair, PairCaption
from biolingual.release import (
    PROBES,
    Sources,
    certificate,
    embeddings,
    magnitude,
    probes,
    version_tables,
    write_card,
)
from biolingual.tabular import write_json

PARAMS = ReleaseParams(
    name="biolingual-test", dataset="animalspeak", max_mean_cosine=0.5, parity_tolerance=1e-4, max_regression=0.05
)
SCORE = {"task": "zero_shot", "primary": "top1", "value": 0.5, "ci95": [0.4, 0.6], "n": 10}
VERSION = {
    "model": "biolingual-test",
    "version": "v0.1.0",
    "model_sha": "a" * 64,
    "dataset": "animalspeak",
    "dataset_version": "v0.1.0",
    "dataset_sha": "d" * 64,
}


def embeds(n: int = 30, width: int = 16, common: float = 0.0, seed: int = 0) -> np.ndarray:
    """[n, width] normalised; `common` pulls all towards one direction."""
    draw = np.random.Generator(np.random.PCG64(seed)).standard_normal((n, width)) + common * np.ones(width)
    return (draw / np.linalg.norm(draw, axis=1, keepdims=True)).astype(np.float32)


def sources(folder, scores: list[dict], versions: list[dict]) -> Sources:
    training = {"model_sha": "a" * 64, "dataset_sha": "d" * 64, "origin": "mixed"}
    licences = {"real": {"licences": {"CC0 1.0": 2}}, "simulated": {"licences": {"CC BY 4.0": 1, "CC0 1.0": 1}}}
    (folder / "scores").mkdir()
    write_json({score["origin"]: score for score in scores}, folder / "scores/zero_shot.json")
    write_json(training, folder / "training.json")
    write_json({"dataset_sha": "d" * 64, "recordings": 4, "by_origin": licences}, folder / "card.json")
    write_json(versions, folder / "releases.json")
    return Sources(
        clap=folder,
        animalspeak=folder,
        scores=folder / "scores",
        training=folder / "training.json",
        versions=folder / "releases.json",
    )


def test_two_living_towers_are_certified():
    found = certificate(PARAMS, "a" * 64, {"audio": (embeds(), embeds()), "text": (embeds(), embeds() + 1e-6)})
    assert found["transformers"]["audio"] == {"difference": "0", "passed": True}
    assert found["transformers"]["text"]["passed"] and found["liveness"]["text"]["mean_cosine"] < 0.2
    assert found["onnx"].startswith("NOT RUN")


def test_a_collapsed_tower_is_refused_and_named():
    dead = embeds(common=9.0)
    with pytest.raises(ValueError, match=r"the audio tower is collapsed.*mean cosine of 0\.9") as error:
        certificate(PARAMS, "a" * 64, {"audio": (dead, dead), "text": (embeds(), embeds())})
    assert "text tower" not in str(error.value)


def test_a_release_that_differs_from_the_checkpoint_is_refused_and_so_is_one_of_nan():
    for bad in (embeds() + 2e-4, np.full_like(embeds(), np.nan)):
        with pytest.raises(ValueError, match="the text tower, reloaded from the release, differs"):
            certificate(PARAMS, "a" * 64, {"audio": (embeds(), embeds()), "text": (embeds(), bad)})


def test_the_saved_folder_gives_the_checkpoints_embeddings_and_a_touched_one_does_not(tiny, waveforms, tmp_path):
    import shutil

    import torch

    from biolingual.model import save

    model, log_mel, tokenizer = tiny
    save(model, log_mel, tokenizer, tmp_path / "clap")
    shutil.copytree(tmp_path / "clap", tmp_path / "release")
    captions = ["Song of a Dusky Velar.", "Alarm call of a Pale Velar, near water, at night.", "Song."]
    for ours, theirs in embeddings(tmp_path / "clap", tmp_path / "release", waveforms, captions).values():
        assert np.abs(ours - theirs).max() < 1e-5
    with torch.no_grad():
        model.text_projection.linear2.weight.add_(0.01)
    try:
        save(model, log_mel, tokenizer, tmp_path / "release")
    finally:
        with torch.no_grad():
            model.text_projection.linear2.weight.sub_(0.01)
    ours, theirs = embeddings(tmp_path / "clap", tmp_path / "release", waveforms, captions)["text"]
    assert np.abs(ours - theirs).max() > 1e-4


@pytest.mark.parametrize(
    ("difference", "expected"), [(0.0, "0"), (3e-7, "below 1e-06"), (1e-5, "below 1e-04"), (2.0, "below 1e+01")]
)
def test_a_difference_is_told_as_the_power_of_ten_above_it(difference, expected):
    assert magnitude(difference) == expected


def pair(clip_id: str, species: str, split: str = "test_seen", status: str = "ok") -> Pair:
    blank = {field.name: "" for field in dataclasses.fields(Pair)}
    caption = PairCaption(kind="common", text=f"A {species}.", status=status, captioner="template")
    return Pair(**{**blank, "clip_id": clip_id, "scientific_name": species, "split": split, "captions": [caption]})


def test_probes_are_test_clips_of_different_species_with_a_caption():
    pairs = [
        pair("c", "Aus bus"),
        pair("b", "Aus bus"),
        pair("a", "Cus dus", "train"),
        pair("d", "Eus fus", status="refused"),
    ]
    assert [one.clip_id for one in probes([*pairs, pair("e", "Gus hus", "test_unseen")])] == ["b", "e"]
    many = probes([pair(f"{n:04d}", f"Aus {n:04d}") for n in range(1000)])
    assert PROBES // 2 < len(many) <= PROBES and many[-1].scientific_name > "Aus 0900"
    assert probes([]) == []


def test_versions_of_two_origins_stand_in_two_tables_newest_first():
    second = {**VERSION, "version": "v0.2.0", "scores": [{**SCORE, "origin": "real", "value": 0.25}]}
    first = {**VERSION, "scores": [{**SCORE, "origin": "simulated"}, {**SCORE, "origin": "real", "value": 0.125}]}
    other = {**first, "model": "another"}
    tables = {origin: rows for origin, _, rows in version_tables([first, other, second], "biolingual-test")}
    assert [(row[0], row[-1]) for row in tables["real"]] == [("v0.2.0", "0.250"), ("v0.1.0", "0.125")]
    assert [(row[0], row[-1]) for row in tables["simulated"]] == [("v0.1.0", "0.500")]


def test_the_card_has_real_scores_alone_in_its_model_index_and_says_which_version_it_is(tmp_path):
    found = [{**SCORE, "origin": "simulated", "value": 0.875}, {**SCORE, "origin": "real"}]
    write_card("biolingual-test", sources(tmp_path, found, [{**VERSION, "scores": found}]), tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    results = YAML(typ="safe").load(text.split("---")[1])["model-index"][0]["results"]
    assert [metric["value"] for result in results for metric in result["metrics"]] == [0.5]
    assert "Version v0.1.0." in text and "CC BY 4.0 (1), CC0 1.0 (3)" in text
    assert "## Versions, with scores on real sounds" in text and "| v0.1.0 |" in text


def test_a_model_that_was_never_released_says_so(tmp_path):
    write_card("biolingual-test", sources(tmp_path, [], []), tmp_path / "README.md")
    text = (tmp_path / "README.md").read_text()
    assert "Not a released version." in text and "model-index: []" in text and "## Versions" not in text
