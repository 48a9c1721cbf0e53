"""The golden loss curve, the schedule, and what a batch holds. `python -m tests.training.test_loop` re-records the curve."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from biolingual.audio import to_flac
from biolingual.frontend import LogMel
from biolingual.model import build, train_tokenizer
from biolingual.params import load
from biolingual.records import Pair, PairCaption
from biolingual.shard_reader import Shards
from biolingual.shards import ShardWriter, global_batches
from biolingual.training import loop
from biolingual.training.batches import PairBatches

ROOT = Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/loss_curve.json"
STEPS, N = 30, 8


def made_pairs(folder: Path) -> list[Pair]:
    """24 one-second tones of 6 species in one shard."""
    writer = ShardWriter(folder / "dump", 10_000_000)
    draw = np.random.Generator(np.random.PCG64(5))
    blank = {name: "" for name, kind in Pair.__annotations__.items() if kind == "str"}
    pairs = []
    for number in range(24):
        species = number % 6
        t = np.arange(48000) / 48000
        tone = 0.2 * np.sin(2 * np.pi * (600 + 900 * species) * t) + 0.02 * draw.standard_normal(48000)
        member = writer.add(f"clip{number}", to_flac(tone, 48000))
        name = f"Tone {'ABCDEF'[species]}"
        pairs.append(
            Pair(
                **{
                    **blank,
                    "clip_id": f"clip{number}",
                    "recording_id": f"r{number}",
                    "scientific_name": name,
                    "captions": [
                        PairCaption(kind="common", text=f"{verb} {name}.", status="ok", captioner="test")
                        for verb in ("Song of", "The sound of")
                    ],
                    "background_species": [],
                    "latitude": None,
                    "longitude": None,
                    "source_sample_rate_hz": None,
                    "offset_s": 0.0,
                    "duration_s": 1.0,
                    "activity": 1.0,
                    "dump": "dump",
                    **vars(member),
                }
            )
        )
    writer.close()
    return pairs


def made_batches(folder: Path, params) -> tuple[PairBatches, object]:
    pairs = made_pairs(folder)
    tokenizer = train_tokenizer((one.text for pair in pairs for one in pair.captions), 300, params.model.max_tokens)
    log_mel = LogMel.from_params(params.frontend, 48000, 2)
    return PairBatches(
        pairs, Shards(str(folder)), log_mel, tokenizer, params.model.max_tokens, params.pretrain
    ), tokenizer


def curve(folder: Path, params) -> list[float]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pinned = {"steps": STEPS, "warmup_steps": 5, "global_batch_size": N, "caption_weights": {}}  # the demo's may change
    settings = params.pretrain.model_copy(update=pinned)
    params = params.model_copy(update={"pretrain": settings})
    batches, tokenizer = made_batches(folder, params)
    model = build(params.model, params.frontend.mel_bins, len(tokenizer))
    optimiser = loop.optimizer(model, settings)
    loop.freeze_batch_norm(model, batches.mels(np.arange(24)))
    loop.train_mode(model)
    losses = []
    for number, indices in global_batches(24, N, settings.seed):
        losses.append(loop.step(model, optimiser, batches.batch(indices, number), number, settings)["loss"])
        if number + 1 == STEPS:
            return losses


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_thirty_steps_follow_the_golden_loss_curve(tmp_path, params, one_thread):
    """One thread, relative 1e-4. A wilful change of the training re-records it: python -m tests.training.test_loop."""
    assert np.allclose(curve(tmp_path, params), json.loads(GOLDEN.read_text()), rtol=1e-4, atol=0)


def test_a_batch_is_the_same_whoever_reads_which_part_of_it(tmp_path, params):
    batches, _ = made_batches(tmp_path, params)
    indices = np.array([3, 1, 7, 20])
    whole = batches.batch(indices, step=5)
    second = batches.batch(indices[2:], step=5, first_position=2)
    assert torch.equal(whole.mels[2:], second.mels) and torch.equal(whole.input_ids[2:], second.input_ids)
    assert whole.labels.tolist() == [3, 1, 1, 2]


def test_another_step_shows_another_variation_of_the_same_clip(tmp_path, params):
    batches, _ = made_batches(tmp_path, params)
    indices = np.array([3, 1, 7, 20])
    assert not torch.equal(batches.batch(indices, step=5).mels, batches.batch(indices, step=6).mels)


def test_the_mel_batch_norm_stays_frozen_in_train_mode(tiny):
    from biolingual.model import mel_batch_norm

    model = tiny[0]
    loop.train_mode(model)
    assert model.training and not mel_batch_norm(model).training
    model.eval()


def test_the_learning_rate_warms_up_and_ends_at_zero(params):
    settings = params.pretrain
    rates = [loop.learning_rate(step, settings) for step in range(settings.steps + 1)]
    assert max(rates) == settings.learning_rate == rates[settings.warmup_steps]
    assert rates[0] == settings.learning_rate / settings.warmup_steps and rates[-1] < 1e-9


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path, params):
    batches, tokenizer = made_batches(tmp_path, params)
    model = build(params.model, params.frontend.mel_bins, len(tokenizer))
    batch = batches.batch(np.arange(4), 0)
    batch.mels = batch.mels * float("nan")
    loop.train_mode(model)
    with pytest.raises(FloatingPointError, match="step 0"):
        loop.step(model, loop.optimizer(model, params.pretrain), batch, 0, params.pretrain)


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as work:
        losses = curve(Path(work), load(ROOT / "params.yaml"))
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps([round(one, 8) for one in losses], indent=0) + "\n")
    print(f"{GOLDEN.relative_to(ROOT)}: {losses[0]:.4f} ... {losses[-1]:.4f}")
