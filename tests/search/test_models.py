"""The same model through others' doors: transformers' pipeline, and perch-hoplite's interface."""

import numpy as np
import pytest

from biolingual.search.hoplite import HopliteModel
from biolingual.search.models import load
from tests.search.conftest import noise


def test_transformers_own_pipeline_gives_our_probabilities(model_folder):
    from transformers import pipeline

    embedder, labels, sound = load(model_folder), ["Dusky Velar", "Pale Velar", "Tree Plinker"], noise(2.0, seed=4)
    asked = pipeline("zero-shot-audio-classification", model=model_folder)
    found = asked(sound, candidate_labels=labels, hypothesis_template="The sound of a {}.")
    cosine = (embedder.text([f"The sound of a {one}." for one in labels]) @ embedder.audio([sound]).T)[:, 0]
    ours = np.exp(float(embedder.model.logit_scale_a.exp().detach()) * cosine)
    for one in found:
        assert one["score"] == pytest.approx(ours[labels.index(one["label"])] / ours.sum(), abs=1e-4)


def test_hoplites_interface_is_met(model_folder):
    model = HopliteModel.from_config({"model_path": model_folder, "hop_size_s": 1.0})
    assert (model.sample_rate, model.window_size_s) == (48000, 2.0)
    batch = np.stack([noise(5.0, seed=1), noise(5.0, seed=2)])
    one, both = model.embed(batch[0]), model.batch_embed(batch)
    assert one.embeddings.shape == (4, 1, 64) and both.embeddings.shape == (2, 4, 1, 64) and both.batched
    assert np.array_equal(both.embeddings[0], one.embeddings) and one.logits is None
    assert np.abs(one.embeddings[1, 0] - load(model_folder).audio([batch[0][48000:144000]])[0]).max() < 1e-5


def test_hoplites_model_refuses_another_rate(model_folder):
    with pytest.raises(ValueError, match="hears 48000 Hz"):
        HopliteModel.from_config({"model_path": model_folder, "sample_rate": 32000})
