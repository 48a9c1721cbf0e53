"""Waveform -> log-mel on any device, equal to transformers' ClapFeatureExtractor; windows, pooling, and the id of an embedding.

Shapes: B batch, T samples, F frames, M mel bins, W windows, D embedding.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch

from biolingual.audio import repeat_pad
from biolingual.params import FrontendParams

POOLING = "mean of the normalised embeddings of windows, hop one window, the last ending with the sound; normalised"
AMIN = 1e-10  # power below this is -100 dB, as in the extractor
CHUNK_FRAMES = 256  # at most as many at a time on a CPU: their spectra (2 MB) stay in its L2 cache


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
        """Of what follows the Fourier transform. The transform itself is always float64: in float32 a loud frame's rounding
        drowns the bands 110 dB below it, which codecs and filters leave in real recordings (up to 3 dB off)."""
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
        """[B, T] -> float32 [B, 1, F, M] in dB re 1: periodic Hann window, centred frames, reflected edges, power 2.

        On a CPU the clips are spread over as many threads as torch has, each clip being one thread's work: a clip's values
        are the same bits whatever stands beside it and however many threads there are. On another device they follow each
        other.
        """
        frames = 1 + waveforms.shape[1] // self.hop_length
        out = torch.empty(len(waveforms), 1, frames, self.mel_bins, device=waveforms.device)
        on_cpu = waveforms.device.type == "cpu"
        threads = min(torch.get_num_threads(), len(waveforms)) if on_cpu else 1
        chunks = -(-frames // CHUNK_FRAMES) if on_cpu else 1
        transform = _transform() if on_cpu else _log_mel_into
        operators = _operators(self, waveforms.device)

        def fill(mels: torch.Tensor, part: torch.Tensor) -> None:
            with torch.inference_mode(), torch.autocast(part.device.type, enabled=False):
                transform(mels, part, *operators, self.hop_length, chunks, AMIN)

        spread = _single_threads(os.getpid(), threads).map if on_cpu and torch.get_num_threads() > 1 else map
        list(spread(fill, out[:, 0].tensor_split(threads), waveforms.tensor_split(threads)))
        return out


def _log_mel_into(
    mels: torch.Tensor,
    waveforms: torch.Tensor,
    window: torch.Tensor,
    weights: torch.Tensor,
    first: int,
    stop: int,
    hop_length: int,
    chunks: int,
    amin: float,
) -> None:
    """mels [B, F, M] from waveforms [B, T], clip by clip, each by way of `chunks` parts of its frames; else see _operators."""
    edge = len(window) // 2
    for mel, waveform in zip(mels, waveforms):  # noqa: B905 - no strict= in TorchScript
        # Thrice as fast as F.pad's reflection.
        padded = torch.cat([waveform[1 : edge + 1].flip(0), waveform, waveform[-edge - 1 : -1].flip(0)]).double()
        windows = padded.unfold(0, len(window), hop_length)  # a view [F, fft_window]
        for frames, target in zip(windows.tensor_split(chunks), mel.tensor_split(chunks)):  # noqa: B905
            spectrum = torch.fft.rfft(frames * window)
            parts = torch.view_as_real(spectrum).flatten(1)[:, 2 * first : 2 * stop]  # re, im, re, im ...
            power = torch.mm(parts.to(weights.dtype).square_(), weights)
            target.copy_(power.clamp_min_(amin).log10_().mul_(10.0))


@lru_cache(maxsize=1)
def _transform() -> Callable[..., None]:
    """`_log_mel_into` as TorchScript, which runs without the interpreter: as Python, two threads are no faster than one.

    TorchScript is deprecated, but nothing else here does this; without it the numbers are the same.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(_log_mel_into)


@lru_cache(maxsize=8)
def _single_threads(process: int, threads: int) -> ThreadPoolExecutor:
    """A pool of this process whose threads compute on one core each: the transforms are too short to be shared between cores.

    torch.set_num_threads holds for the thread that calls it, and for those whose number nobody has asked yet: so each thread
    asks first, and the last call gives the caller's number back to those to come.
    """
    own = torch.get_num_threads()
    all_started = threading.Barrier(threads)

    def on_one_core() -> None:
        torch.get_num_threads()
        torch.set_num_threads(1)

    def begun(_: int) -> None:
        all_started.wait()

    pool = ThreadPoolExecutor(threads, "log-mel", initializer=on_one_core)
    list(pool.map(begun, range(threads)))
    torch.set_num_threads(own)
    return pool


@lru_cache(maxsize=8)
def _operators(log_mel: LogMel, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, int, int]:
    """(Hann window, filter weights [2 * used bins, M], first and stop of the FFT bins that any filter uses).

    A filter weighs the squares of a bin's real and imaginary part alike, so each weight stands twice and the power itself
    need not be written down.
    """
    used = log_mel.mel_filters.any(dim=1).nonzero().flatten()
    first, stop = int(used[0]), int(used[-1]) + 1
    weights = log_mel.mel_filters[first:stop].repeat_interleave(2, dim=0)
    window = torch.hann_window(log_mel.fft_window, periodic=True, dtype=torch.float64)
    return window.to(device), weights.to(device), first, stop


def windows_of(waveform: np.ndarray, samples: int) -> list[np.ndarray]:
    """[T] -> W windows of `samples`, hop one window, the last ending with the sound; no longer a sound is one window, as it is."""
    if len(waveform) <= samples:
        return [waveform]
    starts = [*range(0, len(waveform) - samples, samples), len(waveform) - samples]
    return [waveform[start : start + samples] for start in starts]


def pooled(embeds: np.ndarray) -> np.ndarray:
    """[W, D] of one sound's windows, each normalised -> normalised [D], as POOLING says."""
    mean = embeds.mean(axis=0, dtype=np.float64)
    return (mean / np.linalg.norm(mean)).astype(np.float32)


def embedding_id(model_sha: str, log_mel: LogMel) -> str:
    """16 hex digits: embeddings may be compared only where weights, front end and pooling are the same."""
    text = json.dumps([model_sha, asdict(log_mel), POOLING], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
