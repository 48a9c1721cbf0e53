"""The fast ClapModel computes what plain transformers computes: every speed-up against its slow twin."""

import copy

import pytest
import torch
from torch.overrides import TorchFunctionMode
from transformers import ClapConfig, ClapModel

from biolingual.fast_clap import FastAudioEncoder, Speed, slow_down, speed_up
from biolingual.fast_towers import bicubic_matrix

SHAPES = {
    "demo": {"depths": [1, 1, 2, 1], "num_attention_heads": [2, 4, 8, 16]},
    "shifted windows in every stage": {"depths": [2, 3, 2], "num_attention_heads": [1, 2, 4]},
    "window of 8": {"depths": [2, 2], "num_attention_heads": [2, 4], "window_size": 8, "mlp_ratio": 2.0},
}
FRAMES = {"demo": 201, "shifted windows in every stage": 256, "window of 8": 90}


def clap(dropout: float = 0.0, **audio) -> ClapModel:
    """A plain small model whose biases, norms and position tables are not at their initial zeros and ones."""
    rates = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
    audio = {"num_mel_bins": 64, "spec_size": 128, "window_size": 4, "patch_embeds_hidden_size": 16, **rates, **audio}
    audio |= {"hidden_size": 16 * 2 ** (len(audio["depths"]) - 1), "num_hidden_layers": len(audio["depths"])}
    text = {
        "vocab_size": 90,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
    }
    torch.manual_seed(0)
    model = ClapModel(ClapConfig(audio_config=audio, text_config={**text, **rates}, projection_dim=24))
    for name, one in model.named_parameters():
        if one.ndim == 1 or "table" in name:
            torch.nn.init.normal_(one, mean=float("norm" in name.lower() and "weight" in name), std=0.2)
    model.audio_model.audio_encoder.batch_norm.running_mean += torch.randn(64)
    return model.eval()


def inputs(frames: int = 201) -> tuple[torch.Tensor, dict]:
    draw = torch.Generator().manual_seed(1)
    mels = torch.randn(3, 1, frames, 64, generator=draw)
    ids = torch.randint(5, 90, (3, 9), generator=draw)
    mask = (torch.arange(9) < torch.tensor([9, 4, 6])[:, None]).long()
    return mels, {"input_ids": torch.where(mask == 1, ids, 1), "attention_mask": mask}


def embeds(model: ClapModel, frames: int = 201) -> tuple[torch.Tensor, torch.Tensor]:
    mels, text = inputs(frames)
    return model.get_audio_features(input_features=mels).pooler_output, model.get_text_features(**text).pooler_output


def gradients(model: ClapModel, frames: int = 201) -> dict[str, torch.Tensor]:
    model.zero_grad()
    directions = torch.randn(2, 3, 24, generator=torch.Generator().manual_seed(3))
    sum((one * way).sum() for one, way in zip(embeds(model, frames), directions, strict=True)).backward()
    return {name: one.grad.clone() for name, one in model.named_parameters() if one.grad is not None}


def assert_same_numbers(fast: ClapModel, plain: ClapModel, frames: int = 201) -> None:
    for ours, theirs in zip(embeds(fast, frames), embeds(plain, frames), strict=True):
        assert (ours - theirs).abs().max() < 1e-5
    ours, theirs = gradients(fast, frames), gradients(plain, frames)
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert (ours[name] - gradient).abs().max() < 1e-4 * max(1e-3, float(gradient.abs().max())), name


@pytest.fixture(scope="module")
def demo() -> ClapModel:
    return clap(**SHAPES["demo"])


@pytest.mark.parametrize("attention", ["matmul", "sdpa"])
@pytest.mark.parametrize("shape", SHAPES)
def test_embeddings_and_gradients_are_plain_transformers(shape, attention):
    plain = clap(**SHAPES[shape])
    fast = speed_up(copy.deepcopy(plain), Speed(attention=attention))
    assert isinstance(fast.audio_model.audio_encoder, FastAudioEncoder)
    assert_same_numbers(fast, plain, FRAMES[shape])


def test_train_mode_with_the_batchs_own_statistics_too(demo):
    plain, fast = copy.deepcopy(demo).train(), speed_up(copy.deepcopy(demo)).train()
    assert_same_numbers(fast, plain)
    norms = [one.audio_model.audio_encoder.batch_norm.running_var for one in (fast, plain)]
    assert torch.allclose(*norms)


def test_the_last_hidden_states_and_whatever_else_is_asked_for_are_plain_transformers(demo):
    fast, (mels, text) = speed_up(copy.deepcopy(demo)), inputs()
    for asked in ({}, {"output_hidden_states": True, "output_attentions": True}):
        for ours, theirs in (
            (
                fast.get_audio_features(input_features=mels, **asked),
                demo.get_audio_features(input_features=mels, **asked),
            ),
            (fast.get_text_features(**text, **asked), demo.get_text_features(**text, **asked)),
        ):
            assert ours.keys() == theirs.keys()
            assert (ours.last_hidden_state - theirs.last_hidden_state).abs().max() < 1e-5
    both = [one(input_features=mels, **text, return_loss=True) for one in (fast, demo)]
    assert torch.allclose(both[0].loss, both[1].loss, atol=1e-5)


def test_a_text_without_a_mask_is_plain_transformers(demo):
    ids = inputs()[1]["input_ids"][:1]
    fast = speed_up(copy.deepcopy(demo))
    ours, theirs = (one.get_text_features(input_ids=ids).pooler_output for one in (fast, demo))
    assert torch.allclose(ours, theirs, atol=1e-5)


def test_too_many_frames_are_refused_as_plain_transformers_refuses_them(demo):
    with pytest.raises(ValueError, match="wav size"):
        embeds(speed_up(copy.deepcopy(demo)), frames=300)


def test_the_names_and_values_saved_are_unchanged_and_plain_transformers_loads_them(demo, tmp_path):
    fast = speed_up(copy.deepcopy(demo))
    embeds(fast)
    state, before = fast.state_dict(), demo.state_dict()
    assert list(state) == list(before) and all(torch.equal(state[name], before[name]) for name in before)
    fast.save_pretrained(tmp_path)
    assert_same_numbers(ClapModel.from_pretrained(tmp_path), demo)


def test_it_can_be_undone_copied_and_moved(demo):
    fast = speed_up(copy.deepcopy(demo))
    expected = embeds(fast)
    assert all(torch.equal(one, two) for one, two in zip(embeds(copy.deepcopy(fast)), expected, strict=True))
    mels = inputs()[0].double()
    wide = copy.deepcopy(fast).double().get_audio_features(input_features=mels).pooler_output
    assert wide.dtype == torch.float64 and torch.allclose(wide.float(), expected[0], atol=1e-5)
    undone = slow_down(fast)
    assert [type(one) for one in undone.modules()] == [type(one) for one in demo.modules()]
    assert dict(undone.named_buffers()).keys() == dict(demo.named_buffers()).keys()


def test_after_inference_mode_it_still_trains(demo):
    fast = speed_up(copy.deepcopy(demo))
    with torch.inference_mode():
        embeds(fast)
    assert gradients(fast)


def test_a_step_is_the_same_bits_every_time(demo):
    fast = speed_up(copy.deepcopy(demo))
    one, two = gradients(fast), gradients(fast)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_checkpointing_computes_stages_again_and_gives_the_same_gradients(demo):
    plain, calls = speed_up(copy.deepcopy(demo)).train(), []
    kept = speed_up(copy.deepcopy(demo), Speed(checkpointing=True)).train()
    for layer in (kept.audio_model.audio_encoder.layers[0].blocks[0], kept.text_model.encoder.layer[0]):
        layer.attention.output.register_forward_hook(lambda *_: calls.append(1))
    expected, found = gradients(plain), gradients(kept)
    assert len(calls) == 4
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in expected)


def test_checkpointing_draws_the_same_dropout_again():
    from biolingual.training.exact import sample_dropout

    found = []
    for checkpointing in (False, True):
        model = speed_up(clap(dropout=0.2, **SHAPES["demo"]), Speed(checkpointing=checkpointing)).train()
        with sample_dropout(model, seed=1, step=2) as dropout:
            dropout.at(0, 3)
            found.append(gradients(model))
    assert all(torch.allclose(found[0][name], found[1][name], atol=1e-6) for name in found[0])


def test_bfloat16_keeps_weights_and_embeddings_float32_and_the_direction(demo):
    half = speed_up(copy.deepcopy(demo), Speed(autocast=torch.bfloat16))
    for ours, theirs in zip(embeds(half), embeds(demo), strict=True):
        assert ours.dtype == torch.float32 and not torch.allclose(ours, theirs, atol=1e-6)
        assert torch.nn.functional.cosine_similarity(ours, theirs).min() > 0.99
    assert all(one.dtype == torch.float32 for one in gradients(half).values())


@pytest.mark.long
def test_compiled_it_is_the_same(demo):
    compiled = speed_up(copy.deepcopy(demo), Speed(compile="aot_eager"))
    assert_same_numbers(compiled, demo)
    assert list(compiled.state_dict()) == list(demo.state_dict())
    assert slow_down(compiled).text_model._compiled_call_impl is None


class Dropouts(TorchFunctionMode):
    """Counts the dropped values by rate."""

    def __init__(self):
        super().__init__()
        self.values = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.nn.functional.dropout and (kwargs or {}).get("training", args[2] if len(args) > 2 else True):
            self.values += args[0].numel()
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("attention", ["matmul", "sdpa"])
def test_dropout_falls_where_it_falls_in_plain_transformers(attention):
    plain = clap(dropout=0.5, **SHAPES["demo"]).train()
    counts = []
    for model in (plain, speed_up(copy.deepcopy(plain), Speed(attention=attention))):
        with Dropouts() as seen:
            embeds(model)
        counts.append(seen.values)
    assert counts[0] == counts[1] > 0


@pytest.mark.parametrize(("frames", "wanted"), [(201, 256), (1001, 1024), (90, 256)])
def test_the_resize_is_torchs_bicubic(frames, wanted):
    mels = torch.randn(2, 5, frames, generator=torch.Generator().manual_seed(2))
    images = mels.transpose(1, 2)[:, None]
    expected = torch.nn.functional.interpolate(images, (wanted, 5), mode="bicubic", align_corners=True)
    assert torch.allclose(mels @ bicubic_matrix(frames, wanted), expected[:, 0].transpose(1, 2), atol=1e-5)


@pytest.mark.parametrize(
    "audio",
    [
        {"enable_fusion": True},
        {"window_size": 3},
        {"spec_size": 120},
        {"patch_stride": 2},
    ],
    ids=lambda audio: next(iter(audio)),
)
def test_an_audio_tower_of_another_kind_is_left_as_it_is(audio):
    model = speed_up(clap(**{**SHAPES["demo"], **audio}))
    assert not isinstance(model.audio_model.audio_encoder, FastAudioEncoder)


@pytest.mark.long
def test_the_full_size_is_plain_transformers():
    """HTS-AT tiny and roberta-base, 153 M weights: depths 2/2/6/2, windows of 8, 10 s."""
    torch.manual_seed(0)
    plain = ClapModel(ClapConfig()).eval()
    fast = speed_up(copy.deepcopy(plain))
    assert sum(one.numel() for one in fast.parameters()) > 150e6
    mels, text = inputs(1001)
    for model in (plain, fast):
        model.zero_grad()
        audio = model.get_audio_features(input_features=mels[:1]).pooler_output
        words = model.get_text_features(**{name: one[1:2] for name, one in text.items()}).pooler_output
        (audio * words).sum().backward()
        model.found = audio.detach(), words.detach()
    for ours, theirs in zip(fast.found, plain.found, strict=True):
        assert (ours - theirs).abs().max() < 1e-5
    other = dict(fast.named_parameters())
    for name, one in plain.named_parameters():
        if one.grad is not None:
            difference = (one.grad - other[name].grad).abs().max()
            assert difference < 1e-4 * max(1e-3, float(one.grad.abs().max())), name
