"""BioLingual as an embedding model of perch-hoplite, whose own pins do not go with ours: its interface, without its package.

The interface is `perch_hoplite.zoo.zoo_interface.EmbeddingModel` of perch-hoplite: `sample_rate`, `embed`, `batch_embed`,
`from_config`. In an environment that holds both, pass `outputs=zoo_interface.InferenceOutputs`.

Shapes: B batch, T samples, W frames (windows), C channels (always 1), D embedding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from biolingual.search.models import DEFAULT, load
from biolingual.search.reading import window_starts


@dataclass
class Outputs:
    """The fields of hoplite's InferenceOutputs. embeddings: [W, C, D], or [B, W, C, D] where batched."""

    embeddings: np.ndarray | None = None
    logits: dict[str, np.ndarray] | None = None
    separated_audio: np.ndarray | None = None
    batched: bool = False
    frontend: np.ndarray | None = None


@dataclass
class HopliteModel:
    """Windows of window_size_s every hop_size_s, the last ending with the sound; each window's embedding has unit length."""

    sample_rate: int
    model_path: str
    window_size_s: float
    hop_size_s: float
    outputs: Callable = field(default=Outputs, repr=False)

    @classmethod
    def from_config(cls, model_config) -> HopliteModel:
        """From a mapping (a ConfigDict too): model_path (folder or hub id), hop_size_s; the window is the model's own."""
        path = model_config.get("model_path", DEFAULT)
        log_mel = load(path).log_mel
        hop_size_s = model_config.get("hop_size_s", log_mel.duration_s)
        rate = model_config.get("sample_rate", log_mel.sample_rate_hz)
        if rate != log_mel.sample_rate_hz:
            raise ValueError(f"sample_rate is {rate}; this model hears {log_mel.sample_rate_hz} Hz. Resample to that.")
        return cls(rate, path, float(log_mel.duration_s), float(hop_size_s))

    def embed(self, audio_array: np.ndarray) -> Outputs:
        """[T] in -1..1 -> embeddings float32 [W, 1, D]."""
        embedder = load(self.model_path)
        window, hop = embedder.log_mel.samples, round(self.hop_size_s * self.sample_rate)
        sound = np.asarray(audio_array, np.float32)
        starts = window_starts(len(sound), window, hop)
        return self.outputs(embeddings=embedder.audio(sound[at : at + window] for at in starts)[:, None, :])

    def batch_embed(self, audio_batch: np.ndarray) -> Outputs:
        """[B, T] -> embeddings float32 [B, W, 1, D]."""
        return self.outputs(embeddings=np.stack([self.embed(one).embeddings for one in audio_batch]), batched=True)
