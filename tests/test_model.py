"""The model folder is transformers' own: what a stranger loads gives our embeddings."""

import numpy as np
import pytest
import torch
from transformers import ClapModel, ClapProcessor, RobertaConfig, RobertaModel

from biolingual.fast_clap import FastAudioEncoder, Speed
from biolingual.model import Embedder, build, load_tokenizer, save, speed_of, train_tokenizer


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


def test_a_texts_embedding_does_not_depend_on_its_company(folder):
    embedder = Embedder.load(str(folder))
    texts = [
        "Song.",
        "Alarm call of a Pale Velar. " * 2,
        "Song of a Dusky Velar.",
        "Song of a Pale Velar at dawn",
        "A" * 90,
    ] * 9
    together = embedder.text(texts)
    assert np.array_equal(together[:5], np.concatenate([embedder.text([one]) for one in texts[:5]]))
    assert np.array_equal(embedder.text(texts[::-1])[::-1], together)
    assert embedder.text([]).shape == (0, 64)


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


@pytest.fixture(scope="module")
def other(tiny, tmp_path_factory):
    """Folders that plain transformers saved: a ClapModel of the demo's form, a RoBERTa, and a ClapModel of other widths."""
    path, config = tmp_path_factory.mktemp("towers"), tiny[0].config
    torch.manual_seed(1)
    ClapModel(config).save_pretrained(path / "clap")
    text = {"vocab_size": config.text_config.vocab_size, "hidden_size": 48, "num_hidden_layers": 1}
    text |= {"num_attention_heads": 2, "intermediate_size": 96, "max_position_embeddings": 40, "type_vocab_size": 1}
    RobertaModel(RobertaConfig(**text)).save_pretrained(path / "roberta")
    return path


def parts(model: ClapModel, name: str) -> list[torch.Tensor]:
    return [one for key, one in model.state_dict().items() if key.startswith(name)]


def test_towers_can_come_from_different_places(folder, other, params):
    tokens = len(Embedder.load(str(folder)).tokenizer)
    start = params.model.model_copy(update={"init": str(folder), "init_audio": str(other / "clap")})
    mixed = build(start, 64, tokens)
    for name, source in (("audio_model", other / "clap"), ("text_model", folder), ("audio_projection", folder)):
        wanted = parts(ClapModel.from_pretrained(source), name)
        assert all(torch.equal(one, two) for one, two in zip(parts(mixed, name), wanted, strict=True)), name


def test_a_roberta_can_be_the_text_tower_and_brings_its_sizes(folder, other, params):
    tokens = len(Embedder.load(str(folder)).tokenizer)
    model = build(params.model.model_copy(update={"init_text": str(other / "roberta")}), 64, tokens)
    roberta = RobertaModel.from_pretrained(other / "roberta").eval()
    ids = torch.randint(5, tokens, (2, 9), generator=torch.Generator().manual_seed(0))
    ours = model.eval().text_model(input_ids=ids, attention_mask=torch.ones_like(ids)).pooler_output
    assert torch.allclose(ours, roberta(ids).pooler_output, atol=1e-5)
    assert model.audio_model.config.hidden_size == 256 and model.text_projection.linear1.in_features == 48


def test_a_checkpoint_that_does_not_fit_is_named_with_the_key_to_set(folder, other, params):
    with pytest.raises(ValueError, match=r"frontend\.mel_bins is 32"):
        build(params.model.model_copy(update={"init": str(folder)}), 32, 0)
    with pytest.raises(ValueError, match=r"the tokenizer has 50000 tokens.*model\.tokenizer"):
        build(params.model.model_copy(update={"init": str(folder)}), 64, 50000)
    with pytest.raises(ValueError, match=r"model\.init_text names a RobertaModel that does not fit this tower"):
        build(params.model.model_copy(update={"init": str(folder), "init_text": str(other / "roberta")}), 64, 0)


def test_params_switch_the_speed_ups(params):
    switched = {"precision": "bfloat16", "checkpoint_activations": True, "compile": True}
    speed = speed_of(params.model.model_copy(update=switched))
    assert speed == Speed(checkpointing=True, autocast=torch.bfloat16, compile="inductor")
    assert speed_of(params.model) == Speed()
    assert isinstance(build(params.model, 64, 60).audio_model.audio_encoder, FastAudioEncoder)


def test_a_model_that_is_nowhere_says_how_to_supply_it():
    with pytest.raises(FileNotFoundError, match="neither a folder here nor a hub id"):
        Embedder.load("models/nothing/here")
