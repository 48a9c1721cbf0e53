"""transformers' ClapModel: built from params, encoded with, saved and loaded in its own format.

Shapes: B batch, F frames, M mel bins, L tokens, D embedding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import ClapConfig, ClapFeatureExtractor, ClapModel, ClapProcessor, RobertaTokenizer
from transformers.utils.logging import disable_progress_bar

from biolingual.frontend import LogMel, embedding_id
from biolingual.params import ModelParams
from biolingual.storage import file_digests

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]  # ids 0..4, as in roberta-base
EMBED_BATCH = 32  # one fixed shape: a clip's embedding does not depend on its company


def train_tokenizer(texts: Iterable[str], vocab_size: int, max_tokens: int) -> RobertaTokenizer:
    """A byte-level BPE in RoBERTa's form, trained on the captions; the same texts give the same tokenizer."""
    from tokenizers import ByteLevelBPETokenizer

    bpe = ByteLevelBPETokenizer()
    bpe.train_from_iterator(
        sorted(set(texts)), vocab_size=vocab_size, min_frequency=2, special_tokens=SPECIAL_TOKENS, show_progress=False
    )
    state = json.loads(bpe.to_str())["model"]
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in state["merges"]]
    return RobertaTokenizer(vocab=state["vocab"], merges=merges, model_max_length=max_tokens)


def load_tokenizer(params: ModelParams, texts: Iterable[str]):
    """The tokenizer that params name: trained here, or from a hub id or folder."""
    if params.tokenizer == "trained":
        return train_tokenizer(texts, params.vocab_size, params.max_tokens)
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(params.tokenizer, model_max_length=params.max_tokens)


def build(params: ModelParams, mel_bins: int, vocab_size: int) -> ClapModel:
    """A ClapModel of the size in params; `init` other than `scratch` loads a hub id or folder instead of sizes."""
    if params.init != "scratch":
        return ClapModel.from_pretrained(params.init)
    audio = {
        "num_mel_bins": mel_bins,
        "spec_size": params.spec_size,
        "window_size": params.window_size,
        "patch_embeds_hidden_size": params.audio_width,
        "hidden_size": params.audio_width * 2 ** (len(params.audio_depths) - 1),
        "depths": params.audio_depths,
        "num_attention_heads": params.audio_heads,
        "num_hidden_layers": len(params.audio_depths),
        "initializer_factor": params.audio_initializer_factor,
        "hidden_dropout_prob": params.dropout,
        "attention_probs_dropout_prob": params.dropout,
    }
    text = {
        "vocab_size": vocab_size,
        "hidden_size": params.text_width,
        "num_hidden_layers": params.text_layers,
        "initializer_factor": params.text_initializer_factor,
        "num_attention_heads": params.text_heads,
        "intermediate_size": 4 * params.text_width,
        "max_position_embeddings": params.max_tokens + 2,
        "hidden_dropout_prob": params.dropout,
        "attention_probs_dropout_prob": params.dropout,
    }
    return ClapModel(ClapConfig(audio_config=audio, text_config=text, projection_dim=params.projection_dim))


def encode_audio(model: ClapModel, mels: torch.Tensor) -> torch.Tensor:
    """[B, 1, F, M] -> L2-normalised [B, D]"""
    return model.get_audio_features(input_features=mels).pooler_output


def encode_text(model: ClapModel, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
    """[B, L], [B, L] -> L2-normalised [B, D]"""
    return model.get_text_features(input_ids=input_ids, attention_mask=attention_mask).pooler_output


def mel_batch_norm(model: ClapModel) -> torch.nn.BatchNorm2d:
    """The BatchNorm over mel bins at the entrance of the audio tower."""
    return model.audio_model.audio_encoder.batch_norm


def processor(log_mel: LogMel, tokenizer) -> ClapProcessor:
    """The ClapProcessor a stranger needs to feed the model what it was trained on."""
    extractor = ClapFeatureExtractor(
        feature_size=log_mel.mel_bins,
        sampling_rate=log_mel.sample_rate_hz,
        hop_length=log_mel.hop_length,
        max_length_s=log_mel.duration_s,
        fft_window_size=log_mel.fft_window,
        frequency_min=log_mel.fmin_hz,
        frequency_max=log_mel.fmax_hz,
        truncation="rand_trunc",
        padding="repeatpad",
    )
    return ClapProcessor(feature_extractor=extractor, tokenizer=tokenizer)


def save(model: ClapModel, log_mel: LogMel, tokenizer, folder: Path) -> str:
    """Write weights (safetensors), config, extractor and tokenizer; returns the model_sha."""
    disable_progress_bar()
    with torch.no_grad():
        model.logit_scale_t.copy_(model.logit_scale_a)  # transformers holds two scales, the paper one
    model.save_pretrained(folder)
    processor(log_mel, tokenizer).save_pretrained(folder)
    return model_sha(str(folder))


def model_sha(name: str) -> str:
    """sha256 of model.safetensors in a folder or of a hub id."""
    from transformers.utils import cached_file

    local = Path(name) / "model.safetensors"
    return file_digests(str(local if local.is_file() else cached_file(name, "model.safetensors")))[0]


@dataclass
class Embedder:
    """A loaded model with its own front end and tokenizer: sounds and sentences -> the joint space."""

    model: ClapModel
    tokenizer: object
    log_mel: LogMel
    model_sha: str

    @classmethod
    def load(cls, name: str, device: str = "cpu") -> Embedder:
        """From a folder or a hub id. FileNotFoundError says how to supply it where a folder is missing or no hub answers."""
        if not Path(name).is_dir() and name.count("/") != 1:
            raise FileNotFoundError(f"model {name} is neither a folder here nor a hub id (owner/name).")
        disable_progress_bar()
        try:
            model = ClapModel.from_pretrained(name).eval().to(device)
            clap = ClapProcessor.from_pretrained(name)
        except OSError as error:
            raise FileNotFoundError(
                f"model {name} cannot be loaded ({str(error).splitlines()[0]}). Train one with `dvc repro pretrain`, "
                "or put a ClapModel folder (config.json, model.safetensors, tokenizer) there."
            ) from error
        return cls(model, clap.tokenizer, LogMel.from_extractor(clap.feature_extractor), model_sha(name))

    @property
    def embedding_id(self) -> str:
        return embedding_id(self.model_sha, self.log_mel)

    @torch.inference_mode()
    def audio(self, waveforms: Iterable[np.ndarray]) -> np.ndarray:
        """Waveforms of at most one window each -> float32 [n, D], in order. Batches are padded to one fixed shape."""
        device = self.model.logit_scale_a.device
        parts = []
        for batch in _batched(waveforms, EMBED_BATCH):
            full = batch + [np.zeros(self.log_mel.samples, dtype=np.float32)] * (EMBED_BATCH - len(batch))
            mels = self.log_mel(self.log_mel.pad(full).to(device))
            parts.append(encode_audio(self.model, mels)[: len(batch)].cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.model.config.projection_dim), np.float32)

    @torch.inference_mode()
    def text(self, texts: list[str]) -> np.ndarray:
        """Sentences -> float32 [n, D], in order."""
        device = self.model.logit_scale_a.device
        most = min(self.tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings - 2)
        parts = []
        for batch in _batched(texts, EMBED_BATCH):
            full = batch + [""] * (EMBED_BATCH - len(batch))
            tokens = self.tokenizer(full, padding="max_length", truncation=True, max_length=most, return_tensors="pt")
            embeds = encode_text(self.model, tokens["input_ids"].to(device), tokens["attention_mask"].to(device))
            parts.append(embeds[: len(batch)].cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.model.config.projection_dim), np.float32)


def _batched(items: Iterable, size: int) -> Iterator[list]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
