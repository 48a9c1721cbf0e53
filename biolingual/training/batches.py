"""Batches of pairs: which clip, which of its captions, as tensors; the same for any number of workers.

Shapes: B local batch, N global batch, F frames, M mel bins, L tokens.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import torch

from biolingual.audio import from_flac
from biolingual.frontend import LogMel
from biolingual.params import PretrainParams
from biolingual.records import Pair
from biolingual.shard_reader import Shards

MEL_CACHE_BYTES = 2 << 30


@dataclass
class Batch:
    """mels [B, 1, F, M]; input_ids and attention_mask [B, L]; labels [B]: the species' number."""

    mels: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(**{name: value.to(device) for name, value in vars(self).items()})


class PairBatches:
    """Reads pairs as batches. Clips are at most one window long, so a clip has one log-mel, which is kept in memory."""

    def __init__(
        self, pairs: list[Pair], shards: Shards, log_mel: LogMel, tokenizer, max_tokens: int, params: PretrainParams
    ):
        self.pairs = pairs
        self.shards = shards
        self.log_mel = log_mel
        self.params = params
        names = sorted({species_of(pair) for pair in pairs})
        self.label_of = {name: number for number, name in enumerate(names)}
        texts = sorted({caption.text for pair in pairs for caption in pair.captions})
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=max_tokens, return_tensors="np")
        self.row_of_text = {text: row for row, text in enumerate(texts)}
        self.input_ids, self.attention_mask = tokens["input_ids"], tokens["attention_mask"]
        self.cache: OrderedDict[int, torch.Tensor] = OrderedDict()

    def batch(self, indices: np.ndarray, step: int, first_position: int = 0) -> Batch:
        """The pairs `indices` [B] of the global batch of `step`; the first stands at `first_position` in it.

        Which caption a pair shows and how its sound is varied are drawn from (seed, step, position) alone.
        """
        draws = [
            np.random.Generator(np.random.PCG64([self.params.seed, step, first_position + offset]))
            for offset in range(len(indices))
        ]
        rows = [self.row_of_text[_caption(self.pairs[index], draw)] for index, draw in zip(indices, draws, strict=True)]
        mels = [self._varied(mel, draw) for mel, draw in zip(self.mels(indices), draws, strict=True)]
        return Batch(
            mels=torch.stack(mels),
            input_ids=torch.from_numpy(self.input_ids[rows]),
            attention_mask=torch.from_numpy(self.attention_mask[rows]),
            labels=torch.tensor([self.label_of[species_of(self.pairs[index])] for index in indices]),
        )

    def mels(self, indices: np.ndarray) -> torch.Tensor:
        """[B, 1, F, M]"""
        missing = [int(index) for index in indices if int(index) not in self.cache]
        found = {int(index): self.cache[int(index)] for index in indices if int(index) in self.cache}
        if missing:
            waveforms = [from_flac(self.shards.read(self.pairs[index])) for index in missing]
            found.update(zip(missing, self.log_mel(self.log_mel.pad(waveforms)), strict=True))
            self._keep(found, missing)
        return torch.stack([found[int(index)] for index in indices])

    def _keep(self, found: dict[int, torch.Tensor], missing: list[int]) -> None:
        for index in missing:
            self.cache[index] = found[index].clone()  # not a view of the whole batch
        size = next(iter(self.cache.values())).nbytes
        while len(self.cache) * size > MEL_CACHE_BYTES:
            self.cache.popitem(last=False)

    def _varied(self, mel: torch.Tensor, draw: np.random.Generator) -> torch.Tensor:
        """[1, F, M] rotated in time and shifted in level, as params say."""
        if self.params.augment_roll:
            mel = torch.roll(mel, int(draw.integers(mel.shape[1])), dims=1)
        if self.params.augment_gain_db:
            mel = mel + float(draw.uniform(-self.params.augment_gain_db, self.params.augment_gain_db))
        return mel


def _caption(pair: Pair, draw: np.random.Generator) -> str:
    return pair.captions[int(draw.integers(len(pair.captions)))].text


def species_of(pair: Pair) -> str:
    """What makes two pairs "the same species": the accepted name, or the common name where there is none."""
    return pair.scientific_name or pair.common_name
