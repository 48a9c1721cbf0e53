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
from transformers import (
    ClapConfig,
    ClapFeatureExtractor,
    ClapModel,
    ClapProcessor,
    PreTrainedModel,
    RobertaTokenizer,
)
from transformers.utils.logging import disable_progress_bar

from biolingual.fast_clap import Speed, speed_up
from biolingual.frontend import LogMel, embedding_id
from biolingual.params import ModelParams
from biolingual.storage import file_digests

SPECIAL_TOKENS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]  # ids 0..4, as in roberta-base
EMBED_BATCH = 32  # one fixed shape: a clip's embedding does not depend on its company
TOKEN_STEP = 8  # texts are padded to a multiple of this, their own and not their company's


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
    """The ClapModel that params describe, made fast: sizes with random weights, a hub id or folder, or towers apart.

    ValueError where a checkpoint takes other mels, or fewer tokens, than it will be given.
    """
    donors = {
        name: _tower(source, name)
        for name, source in (("audio", params.init_audio), ("text", params.init_text))
        if source
    }
    if params.init == "scratch":
        sizes = {"audio": _audio_sizes(params, mel_bins), "text": _text_sizes(params, vocab_size)}
        sizes |= {name: _sizes_of(donor, name) for name, donor in donors.items()}
        config = ClapConfig(
            audio_config=sizes["audio"], text_config=sizes["text"], projection_dim=params.projection_dim
        )
        model = ClapModel(config)
    else:
        disable_progress_bar()
        model = ClapModel.from_pretrained(params.init)
    for name, donor in donors.items():
        _adopt(getattr(model, f"{name}_model"), donor, f"model.init_{name}")
    have_bins, have_tokens = model.config.audio_config.num_mel_bins, model.config.text_config.vocab_size
    if have_bins != mel_bins or have_tokens < vocab_size:
        raise ValueError(
            f"the initial weights take {have_bins} mel bins and {have_tokens} tokens; frontend.mel_bins is {mel_bins} and the "
            f"tokenizer has {vocab_size} tokens. Set frontend.mel_bins and model.tokenizer to the checkpoint's."
        )
    return speed_up(model, speed_of(params))


def speed_of(params: ModelParams) -> Speed:
    """The switches of params."""
    return Speed(
        checkpointing=params.checkpoint_activations,
        autocast=torch.bfloat16 if params.precision == "bfloat16" else None,
        compile="inductor" if params.compile else "",
    )


def _audio_sizes(params: ModelParams, mel_bins: int) -> dict:
    return {
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


def _text_sizes(params: ModelParams, vocab_size: int) -> dict:
    return {
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


def _tower(source: str, name: str) -> PreTrainedModel:
    """A ClapModel's tower of that name, or a checkpoint that is such a tower itself, like RoBERTa for the text."""
    from transformers import AutoModel

    disable_progress_bar()
    model = AutoModel.from_pretrained(source)
    return getattr(model, f"{name}_model", model)


def _sizes_of(donor: PreTrainedModel, name: str) -> dict:
    known = getattr(ClapConfig(), f"{name}_config").to_dict().keys() - {"model_type", "architectures", "projection_dim"}
    return {key: value for key, value in donor.config.to_dict().items() if key in known}


def _adopt(tower: PreTrainedModel, donor: PreTrainedModel, key: str) -> None:
    """Copy the donor's weights. ValueError unless they are those of such a tower."""
    try:
        found = tower.load_state_dict(donor.state_dict(), strict=False)
        fault = [*found.unexpected_keys, *(name for name in found.missing_keys if not name.endswith("_ids"))]
    except RuntimeError as error:
        fault = [line.strip() for line in str(error).splitlines()[1:]]
    if fault:
        raise ValueError(f"{key} names a {type(donor).__name__} that does not fit this tower: {'; '.join(fault[:3])}")


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
            model = speed_up(ClapModel.from_pretrained(name).eval().to(device))
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
        """Sentences -> float32 [n, D], in order. Batches are padded to fixed shapes, a text's own length choosing which."""
        device = self.model.logit_scale_a.device
        most = min(self.tokenizer.model_max_length, self.model.config.text_config.max_position_embeddings - 2)
        ids = [self.tokenizer(text, truncation=True, max_length=most)["input_ids"] for text in texts]
        length_of = [min(most, -(-len(one) // TOKEN_STEP) * TOKEN_STEP) for one in ids]
        out = np.zeros((len(texts), self.model.config.projection_dim), np.float32)
        for length in sorted(set(length_of)):
            for rows in _batched((row for row, own in enumerate(length_of) if own == length), EMBED_BATCH):
                full = [ids[row] for row in rows] + [ids[rows[0]]] * (EMBED_BATCH - len(rows))
                tokens = self.tokenizer.pad({"input_ids": full}, "max_length", max_length=length, return_tensors="pt")
                embeds = encode_text(self.model, tokens["input_ids"].to(device), tokens["attention_mask"].to(device))
                out[rows] = embeds[: len(rows)].cpu().numpy()
        return out


def _batched(items: Iterable, size: int) -> Iterator[list]:
    batch = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
