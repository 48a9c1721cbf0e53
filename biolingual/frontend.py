"""Waveform -> log-mel on any device, equal to transformers' ClapFeatureExtractor; and the id of an embedding.

Shapes: B batch, T samples, F frames, M mel bins.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
import torch

from biolingual.audio import repeat_pad
from biolingual.params import FrontendParams

POOLING = "mean of the windows' normalised embeddings, normalised"
AMIN = 1e-10  # power below this is -100 dB, as in the extractor


@dataclass(frozen=True)
class LogMel:
    """Log-mel spectrogram in dB. variant: "slaney" (the extractor's `rand_trunc`) or "htk" (its `fusion`)."""

    sample_rate_hz: int
    duration_s: int
    mel_bins: int
    fft_window: int
    hop_length: int
    fmin_hz: float
    fmax_hz: float
    variant: str
    precision: str

    @classmethod
    def from_params(cls, params: FrontendParams, sample_rate_hz: int, duration_s: int) -> LogMel:
        """The front end that params.yaml describes, in the variant that unfused CLAP models use."""
        return cls(sample_rate_hz=sample_rate_hz, duration_s=duration_s, variant="slaney", **params.model_dump())

    @classmethod
    def from_extractor(cls, extractor, precision: str = "float64") -> LogMel:
        """The front end that a ClapFeatureExtractor describes."""
        return cls(
            sample_rate_hz=extractor.sampling_rate,
            duration_s=extractor.max_length_s,
            mel_bins=extractor.feature_size,
            fft_window=extractor.fft_window_size,
            hop_length=extractor.hop_length,
            fmin_hz=float(extractor.frequency_min),
            fmax_hz=float(extractor.frequency_max),
            variant="htk" if extractor.truncation == "fusion" else "slaney",
            precision=precision,
        )

    @property
    def samples(self) -> int:
        """T of one input window."""
        return self.sample_rate_hz * self.duration_s

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self.precision == "float64" else torch.float32

    @cached_property
    def mel_filters(self) -> torch.Tensor:
        """[fft_window // 2 + 1, M]"""
        from transformers.audio_utils import mel_filter_bank

        filters = mel_filter_bank(
            num_frequency_bins=self.fft_window // 2 + 1,
            num_mel_filters=self.mel_bins,
            min_frequency=self.fmin_hz,
            max_frequency=self.fmax_hz,
            sampling_rate=self.sample_rate_hz,
            norm="slaney" if self.variant == "slaney" else None,
            mel_scale="slaney" if self.variant == "slaney" else "htk",
        )
        return torch.from_numpy(filters).to(self.dtype)

    def pad(self, waveforms: list[np.ndarray]) -> torch.Tensor:
        """Waveforms of any length -> [B, T], repeat-padded or cut to one window."""
        return torch.from_numpy(np.stack([repeat_pad(waveform, self.samples) for waveform in waveforms]))

    def __call__(self, waveforms: torch.Tensor) -> torch.Tensor:
        """[B, T] -> float32 [B, 1, F, M] in dB re 1: periodic Hann window, centred frames, reflected edges, power 2."""
        waveforms = waveforms.to(self.dtype)
        window = torch.hann_window(self.fft_window, periodic=True, dtype=self.dtype, device=waveforms.device)
        spectrum = torch.stft(
            waveforms,
            self.fft_window,
            self.hop_length,
            window=window,
            center=True,
            pad_mode="reflect",
            return_complex=True,
        )  # [B, bins, F]
        power = spectrum.real.square() + spectrum.imag.square()
        mel = power.transpose(1, 2) @ self.mel_filters.to(waveforms.device)  # [B, F, M]
        return (10.0 * torch.log10(mel.clamp_min(AMIN))).unsqueeze(1).to(torch.float32)


def embedding_id(model_sha: str, log_mel: LogMel) -> str:
    """16 hex digits: embeddings may be compared only where weights, front end and pooling are the same."""
    text = json.dumps([model_sha, asdict(log_mel), POOLING], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
