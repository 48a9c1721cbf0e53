"""The whole graph, once, on a smaller world in a repository of its own; what must hold of what it leaves."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from tests.small_world import change_params, clone, dvc, run


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = clone(tmp_path_factory.mktemp("world"))
    dvc(folder, "repro", BIOLINGUAL_TRAIN_WORKERS="1")
    return folder


def lock(folder: Path) -> dict:
    return YAML(typ="safe").load((folder / "dvc.lock").read_text())["stages"]


def test_a_second_repro_changes_nothing(world):
    before = (world / "dvc.lock").read_text()
    assert "Data and pipelines are up to date" in dvc(world, "repro")
    assert (world / "dvc.lock").read_text() == before


def test_every_input_record_is_a_recording_or_a_reason(world):
    for dump in ("xeno_canto-2026-01", "inaturalist-2026-01"):
        counts = json.loads((world / f"data/manifests/{dump}/ingest.json").read_text())
        audio = world / f"data/dumps/{dump}"
        assert counts["rejected"] > 0
        if dump.startswith("xeno"):
            pages = [json.loads(page.read_text()) for page in (audio / "pages").glob("*.json")]
            assert sum(len(page["recordings"]) for page in pages) == counts["recordings"] + counts["rejected"]
        else:
            assert len(list((audio / "sounds").iterdir())) == counts["recordings"] + counts["rejected"]


def test_every_score_carries_what_reproduces_it(world):
    for task in ("animalspeak_zero_shot", "animalspeak_unseen", "animalspeak_retrieval"):
        scores = json.loads((world / f"reports/scores/{task}.json").read_text())
        assert list(scores) == ["simulated"]
        score = scores["simulated"]
        assert score["origin"] == score["model_origin"] == "simulated" and score["n"] > 0
        assert score["value"] == score["metrics"][score["primary"]]
        assert score["ci95"][0] <= score["value"] <= score["ci95"][1]
        assert set(score["baselines"]) == {"chance", "majority", "mfcc_logreg"}
        below = [name for name, one in score["baselines"].items() if one[score["primary"]] >= score["value"]]
        assert ("BELOW" in score["verdict"]) == bool(below) and all(name in score["verdict"] for name in below)


def test_plain_transformers_loads_the_released_model_and_gives_our_embeddings(world):
    import torch
    from transformers import ClapModel, ClapProcessor

    from biolingual.model import Embedder

    sound = [(0.1 * np.random.Generator(np.random.PCG64(0)).standard_normal(96000)).astype(np.float32)]
    for folder in (world / "models/clap", world / "models/biolingual"):
        model, processor = ClapModel.from_pretrained(folder).eval(), ClapProcessor.from_pretrained(folder)
        ours = Embedder.load(str(folder))
        with torch.no_grad():
            audio = model.get_audio_features(
                **processor(audio=sound, sampling_rate=48000, return_tensors="pt")
            ).pooler_output
            text = model.get_text_features(**processor(text=["A song."], return_tensors="pt")).pooler_output
        assert np.abs(ours.audio(sound) - audio.numpy()).max() < 1e-5
        assert np.abs(ours.text(["A song."]) - text.numpy()).max() < 1e-5


def test_the_card_of_a_simulated_model_has_an_empty_model_index(world):
    head = (world / "models/biolingual/README.md").read_text().split("---")[1]
    assert YAML(typ="safe").load(head)["model-index"] == []


def test_editing_one_archive_re_runs_its_arms_alone(world):
    file = world / "biolingual/archives/inaturalist.py"
    text = file.read_text()
    file.write_text(text + "\n# an edit\n")
    try:
        changed = json.loads(run(world, sys.executable, "-m", "dvc", "status", "--json").stdout)
    finally:
        file.write_text(text)
    assert list(changed) == ["ingest@inaturalist-2026-01"]


def test_lineage_walks_from_a_score_to_the_dumps_and_refuses_a_flipped_byte(world):
    score = "reports/scores/animalspeak_zero_shot.json"
    whole = run(world, sys.executable, "-m", "flows", "lineage", score)
    assert whole.returncode == 0, whole.stderr
    assert "dump xeno_canto-2026-01" in whole.stdout and "dump inaturalist-2026-01" in whole.stdout
    shard = next((world / "data/audio/inaturalist-2026-01").glob("*.tar"))
    places = {
        score: "score file",
        "models/clap/model.safetensors": "score -> model",
        "data/animalspeak/pairs.parquet": "model -> dataset",
        "data/manifests/xeno_canto-2026-01/recordings.parquet": "manifest of xeno_canto-2026-01",
        "data/captions/inaturalist-2026-01.parquet": "captions of inaturalist-2026-01",
        shard.relative_to(world).as_posix(): "shard of inaturalist-2026-01",
    }
    for name, joint in places.items():
        path = world / name
        data = path.read_bytes()
        path.write_bytes(data[:-2] + bytes([data[-2] ^ 1]) + data[-1:])
        try:
            broken = run(world, sys.executable, "-m", "flows", "lineage", score)
        finally:
            path.write_bytes(data)
        assert broken.returncode == 1 and "broken: " in broken.stderr and joint in broken.stderr, (name, broken.stderr)


def test_a_misspelt_key_is_one_clear_line_before_anything_runs(world):
    text = (world / "params.yaml").read_text()
    (world / "params.yaml").write_text(text.replace("learning_rate:", "learning_rat:"))
    before = (world / "dvc.lock").read_text()
    try:
        done = run(world, sys.executable, "-m", "dvc", "repro")
    finally:
        (world / "params.yaml").write_text(text)
    assert done.returncode != 0
    assert "pretrain.learning_rat is not a known key. Did you mean 'learning_rate'?" in done.stdout + done.stderr
    assert (world / "dvc.lock").read_text() == before and (world / "models/clap/model.safetensors").is_file()
    dvc(world, "checkout")


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"archive": "xeno_cantoo"}, "archive 'xeno_cantoo' is unknown. Known: animal_sound_archive"),
        ({"source": "data/nowhere"}, "data/nowhere does not exist"),
        ({"checklist": "birds-9"}, "checklist 'birds-9' is not one of"),
    ],
)
def test_a_bad_dump_row_is_one_clear_line_before_anything_runs(world, row, expected):
    text = (world / "params.yaml").read_text()
    base = {
        "archive": "folder",
        "origin": "real",
        "source": "stages",
        "digest": "sha256:0",
        "checklist": "",
        "default_license": "own",
    }
    change_params(world, {"dumps": {"bad-2026-01": {**base, **row}}})
    try:
        done = run(world, sys.executable, "-m", "dvc", "repro")
    finally:
        (world / "params.yaml").write_text(text)
        dvc(world, "checkout")
    assert done.returncode != 0
    assert expected in done.stdout + done.stderr
    assert not (world / "data/manifests/bad-2026-01").exists()


def test_a_red_gate_stops_the_run_and_names_the_rows(world):
    text = (world / "params.yaml").read_text()
    change_params(world, {"validate": {"max_caption_chars": 20}, "pretrain": {"seed": 8}})
    try:
        done = run(world, sys.executable, "-m", "dvc", "repro")
        gate = json.loads((world / "reports/gate.json").read_text())
    finally:
        (world / "params.yaml").write_text(text)
        dvc(world, "checkout", "--force")  # broken.parquet lies where a green gate's did
        run(world, sys.executable, "-m", "dvc", "repro", "--single-item", "validate")
    assert done.returncode != 0 and gate["passed"] is False
    assert "RED captions: a caption has a sensible length" in done.stdout + done.stderr
    assert "Running stage 'pretrain'" not in done.stdout
