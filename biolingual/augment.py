"""What training does to a clip's log-mel: SpecAugment, noise, mixup. Each draws from the sample's own generator.

Training keeps mels, not waveforms, so sounds are mixed as powers: those of unrelated sounds add, on average, and what a
phase would add to or take from a single cell is left out. Levels and SNRs are of the mean power over all cells.

Shapes: F frames, M mel bins.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from biolingual.frontend import LogMel

NEPER_OF_DB = math.log(10.0) / 10.0  # exp(NEPER_OF_DB * level in dB) is a power
STEEPEST_COLOUR = 2.0  # power falls as 1 / f ** colour: 0 is white, 1 pink, 2 brown
COLOUR_HZ = 1000.0


def level_db(mel: torch.Tensor) -> torch.Tensor:
    """The mean power of a log-mel, in dB."""
    return (mel.flatten() * NEPER_OF_DB).logsumexp(0) / NEPER_OF_DB - 10.0 * math.log10(mel.numel())


def mixed(mel: torch.Tensor, other: torch.Tensor, snr_db: float) -> torch.Tensor:
    """Log-mel of both sounds together, `other` first brought to a level `snr_db` below that of `mel`."""
    other = other + (level_db(mel) - level_db(other) - snr_db)
    return torch.logaddexp(mel * NEPER_OF_DB, other * NEPER_OF_DB) / NEPER_OF_DB


def quieter_clip(share: float, clips: int, draw: np.random.Generator) -> int | None:
    """Which of the training clips a clip is laid over; None for those, on average 1 - share, that stay alone.

    Mixup (Zhang et al. 2018, arXiv 1710.09412) also mixes what is to be learnt. A caption cannot be averaged; MixGen (Hao et
    al. 2022, arXiv 2206.08358) and PairMix (Kim et al. 2022, arXiv 2210.17143) join both captions. Here the louder sound's
    caption stands alone, as archives write them: a recording is named after its foreground, whatever sings behind it, and
    with a tokenizer's limit of a sentence or two the second caption would be the one cut off.
    """
    if not share or draw.random() >= share:
        return None
    return int(draw.integers(clips))


def coloured_noise(log_mel: LogMel, draw: np.random.Generator) -> torch.Tensor:
    """[1, F, M] of stationary noise, its colour drawn between white and brown, its level of no meaning.

    White noise through the front end itself, so that its cells scatter as true noise does, then tilted bin by bin.
    """
    white = torch.from_numpy(draw.standard_normal(log_mel.samples, dtype=np.float32))
    filters = log_mel.mel_filters.double()
    hz = torch.linspace(0.0, log_mel.sample_rate_hz / 2, len(filters), dtype=torch.float64)
    # A filter narrower than an FFT bin may hold none: its centre does not matter, but is to be a number.
    centres_hz = (hz @ filters / filters.sum(0)).nan_to_num(COLOUR_HZ)
    tilt_db = -10.0 * draw.uniform(0.0, STEEPEST_COLOUR) * torch.log10(centres_hz / COLOUR_HZ)
    return log_mel(white[None])[0] + tilt_db.float()


def spec_augment(
    mel: torch.Tensor, time_masks: int, longest: int, mel_masks: int, widest: int, draw: np.random.Generator
) -> torch.Tensor:
    """[1, F, M] with stretches of frames and ranges of bins set to the clip's mean dB; masks may overlap.

    Each is 0 to `longest` frames (or `widest` bins) wide, as Park et al. 2019, arXiv 1904.08779, sections 2 and 3.1.
    """
    if not time_masks and not mel_masks:
        return mel
    fill, mel = mel.mean(), mel.clone()
    for dim, masks, limit in ((1, time_masks, longest), (2, mel_masks, widest)):
        for _ in range(masks):
            size = int(draw.integers(min(limit, mel.shape[dim]) + 1))
            start = int(draw.integers(mel.shape[dim] - size + 1))
            mel.narrow(dim, start, size).copy_(fill)
    return mel
