"""A step is the same however its global batch is cut up: over processes, into micro batches, with BatchNorm and dropout on."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from biolingual.training import exact, loop
from tests.training.one_step import global_batch, one_step

ROOT = Path(__file__).resolve().parents[2]
EVERYTHING = {"pretrain": {"batch_norm": "global"}, "model": {"dropout": 0.1}}


def processes(folder: Path, world: int, changes: dict) -> dict:
    """What one_step gives in `world` processes joined by gloo."""
    words = [sys.executable, "-m", "tests.training.one_step"]
    ranks = [
        subprocess.Popen([*words, str(rank), str(world), str(folder), json.dumps(changes)], cwd=ROOT)
        for rank in range(world)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0] * world
    return torch.load(folder / f"of-{world}.pt")


def assert_same(one: dict, other: dict, tolerance: float = 1e-5) -> None:
    assert abs(one["loss"] - other["loss"]) <= 1e-6 * abs(one["loss"])
    assert torch.allclose(one["running"], other["running"], rtol=1e-6, atol=1e-6)
    assert one["gradients"].keys() == other["gradients"].keys()
    for name, gradient in one["gradients"].items():
        difference = (gradient - other["gradients"][name]).abs().max()
        assert difference <= tolerance * max(1e-2, float(gradient.abs().max())), name  # a key bias has none: rounding


def apart(one: dict, other: dict) -> float:
    """The norm of the difference of two gradients over the norm of the first."""
    assert one.keys() == other.keys()
    flat, second = (torch.cat([gradients[name].flatten() for name in one]) for gradients in (one, other))
    return float((flat - second).norm() / flat.norm())


@pytest.fixture(scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("loss", ["infonce", pytest.param("siglip", marks=pytest.mark.long)])
def test_three_processes_with_unequal_parts_batch_norm_dropout_and_micro_batches_give_what_one_gives(
    tmp_path, one_thread, loss
):
    changes = {"pretrain": {**EVERYTHING["pretrain"], "loss": loss}, "model": EVERYTHING["model"]}
    parts = {**changes, "pretrain": {**changes["pretrain"], "micro_batch_size": 2}}
    assert_same(one_step(0, 1, changes), processes(tmp_path, 3, parts))


@pytest.mark.parametrize("micro", [0, 1], ids=["whole parts", "micro batches"])
def test_a_batch_in_four_parts_has_the_same_bits_in_one_three_and_four_processes(tmp_path, one_thread, micro):
    changes = {"model": EVERYTHING["model"], "pretrain": {**EVERYTHING["pretrain"], "parts": 4, "loss": "siglip"}}
    changes["pretrain"]["micro_batch_size"] = micro
    alone = one_step(0, 1, changes)
    for world in (3, 4):
        among = processes(tmp_path, world, changes)
        assert among["loss"] == alone["loss"] and torch.equal(among["running"], alone["running"])
        assert among["gradients"].keys() == alone["gradients"].keys()
        for name, gradient in alone["gradients"].items():
            assert torch.equal(among["gradients"][name], gradient), name
    changes["pretrain"]["parts"] = 0
    assert_same(one_step(0, 1, changes), alone)


def test_steps_in_parts_leave_the_same_weights_whatever_the_number_of_processes(tmp_path, one_thread):
    changes = {"pretrain": {"parts": 4}, "steps": 6, "keep": [5]}
    alone, two = one_step(0, 1, changes), processes(tmp_path, 2, changes)
    assert two["losses"] == alone["losses"]
    assert all(torch.equal(two["weights"][5][name], value) for name, value in alone["weights"][5].items())


@pytest.mark.parametrize("changes", [{}, EVERYTHING], ids=["plain", "batch norm and dropout"])
def test_cached_gradients_with_micro_batch_8_equal_the_one_shot_batch_of_64(one_thread, changes):
    small = {**changes, "pretrain": {**changes.get("pretrain", {}), "micro_batch_size": 8}}
    assert_same(one_step(0, 1, {**changes, "rows": 64}), one_step(0, 1, {**small, "rows": 64}))


def test_each_switch_changes_the_loss(one_thread):
    """What the tests above compare is switched on."""
    switches = [
        {},
        {"pretrain": EVERYTHING["pretrain"]},
        {"model": EVERYTHING["model"]},
        {"pretrain": {"loss": "siglip"}},
    ]
    assert len({round(one_step(0, 1, changes)["loss"], 4) for changes in switches}) == len(switches)


def test_global_statistics_are_those_of_stock_batch_norm_on_the_whole_batch(tiny, params):
    import copy

    from biolingual.model import encode_audio, mel_batch_norm

    mels = global_batch(params.frontend.mel_bins, 6).mels
    ours, stock = copy.deepcopy(tiny[0]), copy.deepcopy(tiny[0])
    stock.train()
    loop.train_mode(ours)
    expected = encode_audio(stock, mels)
    with exact.global_statistics(ours, [mels[:2], mels[2:]]):
        assert torch.allclose(encode_audio(ours, mels), expected, atol=1e-5)
    for name in ("running_mean", "running_var"):
        assert torch.allclose(getattr(mel_batch_norm(ours), name), getattr(mel_batch_norm(stock), name), rtol=1e-5)


def test_dropout_drops_the_asked_share_and_keeps_the_mean():
    mode = exact.SampleDropout(seed=1, step=2)
    mode.at(0, 8)
    mode.enter(0)
    with mode:
        values = torch.nn.functional.dropout(torch.ones(8, 50_000), 0.1, training=True)
    assert abs(float((values == 0).float().mean()) - 0.1) < 0.002 and abs(float(values.mean()) - 1) < 0.002
    rows = [tuple((row == 0).nonzero().flatten()[:5].tolist()) for row in values]
    assert len(set(rows)) == 8


def test_dropout_differs_from_step_to_step_and_from_layer_to_layer():
    def mask(step: int, layer: int) -> torch.Tensor:
        mode = exact.SampleDropout(seed=1, step=step)
        mode.at(0, 2)
        mode.enter(layer)
        with mode:
            return torch.nn.functional.dropout(torch.ones(2, 1000), 0.5, training=True) == 0

    assert torch.equal(mask(1, 1), mask(1, 1))
    assert not torch.equal(mask(1, 1), mask(2, 1)) and not torch.equal(mask(1, 1), mask(1, 2))


def test_dropout_inside_scaled_dot_product_attention_is_ours_too():
    query = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    bias = torch.randn(2, 1, 5, 5, generator=torch.Generator().manual_seed(1))
    mode = exact.SampleDropout(seed=1, step=2)
    mode.at(0, 2)
    mode.enter(0)
    attention = torch.nn.functional.scaled_dot_product_attention
    with mode:
        first = attention(query, query, query, attn_mask=bias, dropout_p=1e-9)
    assert torch.allclose(first, attention(query, query, query, attn_mask=bias), atol=1e-6)


@pytest.mark.long
def test_one_two_and_four_processes_stay_together_for_forty_steps(tmp_path, one_thread):
    changes = {**EVERYTHING, "steps": 40, "rows": 16}
    curves = [processes(tmp_path, world, changes)["losses"] for world in (1, 2, 4)]
    assert len(curves[0]) == 40 and len(set(curves[0])) == 40
    for curve in curves[1:]:
        assert np.allclose(curve, curves[0], rtol=1e-4, atol=0)


@pytest.mark.long
def test_from_the_same_weights_one_two_and_four_processes_take_the_same_step(tmp_path, one_thread):
    """Losses of runs part in the end, by rounding; a step never does, wherever the run has come."""
    changes = {**EVERYTHING, "rows": 16}
    kept = one_step(0, 1, {**changes, "steps": 151, "keep": [0, 50, 100, 150]})["weights"]
    losses = []
    for number, weights in kept.items():
        torch.save(weights, tmp_path / f"{number}.pt")
        own = {**changes, "weights": str(tmp_path / f"{number}.pt")}
        alone = one_step(0, 1, own)
        losses.append(alone["loss"])
        for world in (2, 4):
            (tmp_path / f"{number}-{world}").mkdir()
            other = processes(tmp_path / f"{number}-{world}", world, own)
            assert abs(alone["loss"] - other["loss"]) <= 1e-6 * abs(alone["loss"])
            assert apart(alone["gradients"], other["gradients"]) <= 1e-5
    assert len(set(losses)) == 4


@pytest.mark.long
def test_memory_is_that_of_a_micro_batch_and_not_of_the_global_batch():
    """512 pairs at demo size; 4096 stay below 3 GB in the same way (python -m tests.training.peak_memory 4096 64 1)."""
    words = [sys.executable, "-m", "tests.training.peak_memory", "512"]
    told = [
        json.loads(subprocess.run([*words, micro, "1"], cwd=ROOT, capture_output=True, check=True).stdout)
        for micro in ("64", "0")
    ]
    assert told[0]["peak_gb"] < 2.4 < told[1]["peak_gb"]
    assert np.allclose(told[0]["losses"], told[1]["losses"], rtol=1e-5)
