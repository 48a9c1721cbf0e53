"""The model folder is transformers' own: what a stranger loads gives our embeddings."""

import numpy as np
import pytest
import torch
from transformers import ClapModel, ClapProcessor

from biolingual.model import Embedder, build, load_tokenizer, save, train_tokenizer


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    model, log_mel, tokenizer = tiny
    path = tmp_path_factory.mktemp("clap")
    save(model, log_mel, tokenizer, path)
    return path


def test_plain_transformers_gives_the_same_embeddings(folder, waveforms):
    ours = Embedder.load(str(folder))
    texts = ["Song of a Dusky Velar.", "Alarm call of a Pale Velar."]
    model, processor = ClapModel.from_pretrained(folder).eval(), ClapProcessor.from_pretrained(folder)
    with torch.no_grad():
        audio = processor(audio=waveforms, sampling_rate=48000, return_tensors="pt")
        audio_embeds = model.get_audio_features(**audio).pooler_output.numpy()
        text_embeds = model.get_text_features(**processor(text=texts, padding=True, return_tensors="pt")).pooler_output
    assert np.abs(ours.audio(waveforms) - audio_embeds).max() < 1e-5
    assert np.abs(ours.text(texts) - text_embeds.numpy()).max() < 1e-5


def test_an_embedding_does_not_depend_on_its_company(folder, waveforms):
    embedder = Embedder.load(str(folder))
    together = embedder.audio(waveforms)
    alone = np.concatenate([embedder.audio([one]) for one in waveforms])
    assert np.array_equal(together, alone)
    assert np.array_equal(embedder.audio(waveforms[::-1])[::-1], together)


def test_both_logit_scales_are_saved_equal(folder):
    model = ClapModel.from_pretrained(folder)
    assert torch.equal(model.logit_scale_a, model.logit_scale_t)


def test_a_trained_tokenizer_has_robertas_special_ids_and_is_reproducible():
    texts = ["Song of a Dusky Velar.", "Alarm call of a Pale Velar."] * 3
    one, two = train_tokenizer(texts, 300, 32), train_tokenizer(texts[::-1], 300, 32)
    assert (one.bos_token_id, one.pad_token_id, one.eos_token_id) == (0, 1, 2)
    assert one("Song of a Pale Velar.")["input_ids"] == two("Song of a Pale Velar.")["input_ids"]
    assert one.decode(one("Song of a Pale Velar.")["input_ids"], skip_special_tokens=True) == "Song of a Pale Velar."


def test_a_folder_can_be_the_initial_weights(folder, params):
    start = params.model.model_copy(update={"init": str(folder), "tokenizer": str(folder)})
    loaded = build(start, 64, 0)
    assert torch.equal(
        loaded.text_projection.linear1.weight, ClapModel.from_pretrained(folder).text_projection.linear1.weight
    )
    assert load_tokenizer(start, [])("Song")["input_ids"] == Embedder.load(str(folder)).tokenizer("Song")["input_ids"]


def test_a_model_that_is_nowhere_says_how_to_supply_it():
    with pytest.raises(FileNotFoundError, match="neither a folder here nor a hub id"):
        Embedder.load("models/nothing/here")
