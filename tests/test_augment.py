"""Augmentations of log-mels: what they reach, what they leave, and that a seed decides them."""

import numpy as np
import pytest
import torch

from biolingual.augment import coloured_noise, level_db, mixed, quieter_clip, spec_augment
from biolingual.frontend import LogMel
from tests.training.test_loop import made_batches

OFF = {"augment_roll": False, "augment_gain_db": 0.0}
SWITCHES = [
    {"augment_time_masks": 2, "augment_time_mask_frames": 40, "augment_mel_masks": 2},
    {"augment_noise": 1.0},
    {"augment_mixup": 1.0},
]


def draw(seed: int = 0) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def a_mel(seed: int = 0) -> torch.Tensor:
    return 15.0 * torch.randn(1, 201, 64, generator=torch.Generator().manual_seed(seed)) - 40.0


def power(mel: torch.Tensor) -> torch.Tensor:
    return 10.0 ** (mel.double() / 10.0)


@pytest.fixture(scope="module")
def batches_of(tmp_path_factory, params):
    """Batches of six made-up species under changed augmentation keys."""

    def make(**changes):
        settings = params.pretrain.model_copy(update={**OFF, **changes})
        folder = tmp_path_factory.mktemp("pairs")
        return made_batches(folder, params.model_copy(update={"pretrain": settings}))[0]

    return make


@pytest.mark.parametrize("snr_db", [-5.0, 0.0, 20.0])
def test_the_snr_asked_for_is_the_one_reached(snr_db):
    sound, other = a_mel(0), a_mel(1) - 30.0
    mixture = power(mixed(sound, other, snr_db))
    added = mixture - power(sound)
    assert abs(10.0 * torch.log10(power(sound).mean() / added.mean()) - snr_db) < 0.1
    expected = power(sound) + power(other) * (added.mean() / power(other).mean())  # a louder copy, no other sound
    assert torch.allclose(mixture, expected, rtol=1e-3)


def test_a_level_is_the_decibel_of_the_mean_power():
    assert abs(level_db(a_mel()) - 10.0 * torch.log10(power(a_mel()).mean())) < 1e-3


def test_nothing_mixed_with_silence_is_lost_or_infinite():
    silence = torch.full((1, 201, 64), -100.0)
    assert torch.isfinite(mixed(silence, a_mel(), 10.0)).all() and torch.isfinite(mixed(a_mel(), silence, 10.0)).all()
    assert (mixed(a_mel(), a_mel(1), 10.0) >= a_mel() - 1e-3).all()


def test_noise_is_stationary_and_between_white_and_brown(params):
    log_mel = LogMel.from_params(params.frontend, 48000, 2)
    tilts = []
    for seed in range(6):
        noise = coloured_noise(log_mel, draw(seed))
        assert noise.shape == (1, 201, 64) and noise.dtype == torch.float32
        per_frame = 10.0 * torch.log10(power(noise[0, :, 32:]).mean(1))
        assert abs(per_frame[:100].mean() - per_frame[100:].mean()) < 1.0
        by_bin = 10.0 * torch.log10(power(noise[0]).mean(0))
        tilts.append(float(by_bin[10] - by_bin[60]))  # 13 octave-thirds apart: 0 dB if white, some 27 dB if brown
    assert -3.0 < min(tilts) < 9.0 and 15.0 < max(tilts) < 33.0


def test_masks_hold_the_clips_mean_and_nothing_else_changes():
    mel = a_mel()
    masked = spec_augment(mel, 2, 60, 2, 8, draw(3))
    changed = masked != mel
    assert masked.shape == mel.shape and changed.any() and torch.equal(mel, a_mel())
    assert torch.equal(masked[changed], mel.mean().expand(int(changed.sum())))
    whole_frames, whole_bins = changed[0].all(1), changed[0].all(0)
    assert torch.equal(changed[0], whole_frames[:, None] | whole_bins[None, :])


@pytest.mark.parametrize(("masks", "dim", "limit", "size"), [((1, 60, 0, 0), 1, 60, 201), ((0, 0, 1, 8), 2, 8, 64)])
def test_a_masks_width_is_even_between_nothing_and_its_limit(masks, dim, limit, size):
    mel, generator = a_mel(), draw(4)
    widths = [int((spec_augment(mel, *masks, generator) != mel).any(3 - dim).sum()) for _ in range(600)]
    assert min(widths) == 0 and max(widths) == limit <= size
    assert abs(np.mean(widths) / (limit / 2) - 1) < 0.1


def test_a_mask_wider_than_the_clip_is_cut_to_it():
    assert spec_augment(a_mel(), 3, 5000, 3, 5000, draw()).shape == (1, 201, 64)


def test_the_share_of_mixed_clips_is_the_one_asked_for():
    generator = draw(5)
    chosen = [quieter_clip(0.3, 24, generator) for _ in range(2000)]
    assert abs(np.mean([one is not None for one in chosen]) - 0.3) < 0.04
    assert set(chosen) - {None} == set(range(24))


def test_what_is_off_changes_no_byte_and_draws_nothing(batches_of):
    batches, indices = batches_of(), np.array([3, 1, 7, 20])
    assert torch.equal(batches.batch(indices, step=5).mels, batches.mels(indices))
    generator, untouched = draw(6), draw(6)
    mel = a_mel()
    assert spec_augment(mel, 0, 60, 0, 8, generator) is mel and quieter_clip(0.0, 24, generator) is None
    assert generator.random() == untouched.random()


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda switch: next(iter(switch)))
def test_a_switch_changes_the_mels_alike_for_every_reader_and_every_run(batches_of, switch):
    indices = np.array([3, 1, 7, 20])
    batches = batches_of(**switch)
    whole = batches.batch(indices, step=5)
    assert not torch.equal(whole.mels, batches.mels(indices))
    assert not torch.equal(whole.mels, batches.batch(indices, step=6).mels)
    second = batches_of(**switch).batch(indices[2:], step=5, first_position=2)
    assert torch.equal(whole.mels[2:], second.mels) and torch.equal(whole.input_ids[2:], second.input_ids)
