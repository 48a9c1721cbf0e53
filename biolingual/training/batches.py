"""Batches of pairs: which clip, which of its captions, as tensors; the same for any number of workers.

Shapes: B local batch, N global batch, F frames, M mel bins, L tokens.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
import torch

from biolingual.audio import from_flac
from biolingual.augment import coloured_noise, mixed, quieter_clip, spec_augment
from biolingual.frontend import LogMel
from biolingual.params import PretrainParams
from biolingual.records import Pair
from biolingual.shard_reader import Shards
from biolingual.shards import global_batches
from biolingual.training.selection import Places, nameless

MEL_CACHE_BYTES = 1 << 29
AHEAD = 4  # batches made before they are asked for ...
AHEAD_CLIPS = 1024  # ... or fewer, but one, where batches are large


@dataclass
class Batch:
    """mels [B, 1, F, M]; input_ids and attention_mask [B, L]; labels [B]: the number of the species, or with
    `mask: caption` of the caption. `total` is N, None where every worker holds as many rows."""

    mels: torch.Tensor
    input_ids: torch.Tensor
    attention_mask: torch.Tensor
    labels: torch.Tensor
    total: int | None = None

    def tensors(self) -> dict[str, torch.Tensor]:
        return {name: value for name, value in vars(self).items() if name != "total"}

    def to(self, device: torch.device) -> Batch:
        return replace(self, **{name: value.to(device) for name, value in self.tensors().items()})


class PairBatches:
    """Reads pairs as batches. Clips are at most one window long, so a clip has one log-mel, which is kept in memory."""

    def __init__(
        self,
        pairs: list[Pair],
        shards: Shards,
        log_mel: LogMel,
        tokenizer,
        max_tokens: int,
        params: PretrainParams,
        readers: int = 1,
    ):
        self.pairs = pairs
        self.shards = shards
        self.log_mel = log_mel
        self.params = params
        names = sorted({species_of(pair) for pair in pairs})
        self.label_of = {name: number for number, name in enumerate(names)}
        texts = sorted({text for pair in pairs for text in _texts(pair, params.name_dropout)})
        tokens = tokenizer(texts, padding=True, truncation=True, max_length=max_tokens, return_tensors="np")
        self.row_of_text = {text: row for row, text in enumerate(texts)}
        self.input_ids, self.attention_mask = tokens["input_ids"], tokens["attention_mask"]
        self.places = None if params.balance == "none" else Places(pairs, params.balance, params.seed)
        self.cache: OrderedDict[int, torch.Tensor] = OrderedDict()
        # Threads: waiting for a store, FLAC and the transform all let go of the interpreter.
        self.pool = ThreadPoolExecutor(readers)

    def stream(self, size: int, start_step: int, mine: slice) -> Iterator[tuple[int, Batch]]:
        """(step, this worker's part of its global batch of `size`) for ever, from `start_step` on."""
        per_epoch = len(self.pairs) // size
        for step, order in global_batches(len(self.pairs), size, self.params.seed, start_step):
            indices = order if self.places is None else self.places(step // per_epoch)[order]
            yield step, replace(self.batch(indices[mine], step, mine.start), total=size)

    def batch(self, indices: np.ndarray, step: int, first_position: int = 0) -> Batch:
        """The pairs `indices` [B] of the global batch of `step`; the first stands at `first_position` in it.

        Which caption a pair shows and how its sound is varied are drawn from (seed, step, position) alone.
        """
        draws = [
            np.random.Generator(np.random.PCG64([self.params.seed, step, first_position + offset]))
            for offset in range(len(indices))
        ]
        texts = [_caption(self.pairs[index], self.params, draw) for index, draw in zip(indices, draws, strict=True)]
        rows = [self.row_of_text[text] for text in texts]
        behind = [quieter_clip(self.params.augment_mixup, len(self.pairs), draw) for draw in draws]
        found = self._mels(np.array([*indices, *(one for one in behind if one is not None)]))
        others = iter(found[len(indices) :])
        mels = torch.empty(len(indices), *found[0].shape)
        for row, draw in enumerate(draws):
            mels[row] = self._varied(found[row], None if behind[row] is None else next(others), draw)
        species = [self.label_of[species_of(self.pairs[index])] for index in indices]
        return Batch(
            mels=mels,
            input_ids=torch.from_numpy(self.input_ids[rows]),
            attention_mask=torch.from_numpy(self.attention_mask[rows]),
            labels=torch.tensor(rows if self.params.mask == "caption" else species),
        )

    def mels(self, indices: np.ndarray) -> torch.Tensor:
        """[B, 1, F, M], not varied."""
        return torch.stack(self._mels(indices))

    def _mels(self, indices: np.ndarray) -> list[torch.Tensor]:
        """[1, F, M] of each clip, from memory or read side by side."""
        missing = sorted({int(index) for index in indices} - self.cache.keys())
        found = {int(index): self.cache[int(index)] for index in indices if int(index) in self.cache}
        read = dict(zip(missing, self.pool.map(self._mel, missing), strict=True))
        self._keep(read)
        found |= read
        return [found[int(index)] for index in indices]

    def _mel(self, index: int) -> torch.Tensor:
        """[1, F, M] of one clip, made alone: the same whichever clips are read beside it, and no more than that in memory."""
        pair = self.pairs[index]
        data = self.shards.read(pair)
        try:
            waveform = from_flac(data)
        except RuntimeError as error:  # soundfile's
            where = f"{pair.dump}/{pair.shard} (md5 {pair.shard_md5}) at byte {pair.byte_offset}"
            raise ValueError(
                f"clip {pair.clip_id} in shard {where} is no FLAC: {error}. Restore that shard."
            ) from error
        return self.log_mel(self.log_mel.pad([waveform]))[0]

    def _keep(self, read: dict[int, torch.Tensor]) -> None:
        self.cache.update(read)
        while self.cache and len(self.cache) * next(iter(self.cache.values())).nbytes > MEL_CACHE_BYTES:
            self.cache.popitem(last=False)

    def _varied(self, mel: torch.Tensor, behind: torch.Tensor | None, draw: np.random.Generator) -> torch.Tensor:
        """[1, F, M] as params say: rotated in time, shifted in level, laid over the clip `behind` and noise, masked."""
        params = self.params
        if params.augment_roll:
            mel = torch.roll(mel, int(draw.integers(mel.shape[1])), dims=1)
        if params.augment_gain_db:
            mel = mel + float(draw.uniform(-params.augment_gain_db, params.augment_gain_db))
        if behind is not None:
            mel = mixed(mel, behind, draw.uniform(*params.augment_mixup_snr_db))
        if params.augment_noise and draw.random() < params.augment_noise:
            mel = mixed(mel, coloured_noise(self.log_mel, draw), draw.uniform(*params.augment_noise_snr_db))
        return spec_augment(
            mel,
            params.augment_time_masks,
            params.augment_time_mask_frames,
            params.augment_mel_masks,
            params.augment_mel_mask_bins,
            draw,
        )


def _caption(pair: Pair, params: PretrainParams, draw: np.random.Generator) -> str:
    weights = np.array([params.caption_weights.get(caption.kind, 1.0) for caption in pair.captions])
    if params.caption_weights and weights.any():
        text = pair.captions[int(draw.choice(len(weights), p=weights / weights.sum()))].text
    else:
        text = pair.captions[int(draw.integers(len(pair.captions)))].text
    return nameless(text, pair) if params.name_dropout and draw.random() < params.name_dropout else text


def _texts(pair: Pair, name_dropout: float) -> list[str]:
    """Every text the pair may show."""
    texts = [caption.text for caption in pair.captions]
    return texts + [nameless(text, pair) for text in texts] if name_dropout else texts


def species_of(pair: Pair) -> str:
    """What makes two pairs "the same species": the accepted name, or the common name where there is none."""
    return pair.scientific_name or pair.common_name


class Prefetched:
    """Iterates over `items`, batches of `rows` clips, which a thread makes ahead; `waited_s`: how long the reader stood still."""

    def __init__(self, items: Iterator, rows: int = 1):
        self.waited_s = 0.0
        self._ready: queue.Queue = queue.Queue()
        self._room = threading.Semaphore(max(1, min(AHEAD, AHEAD_CLIPS // rows)))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._fill, args=(items,), daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator:
        try:
            while True:
                asked = time.monotonic()
                item, error = self._ready.get()
                self.waited_s += time.monotonic() - asked
                if error is not None:
                    raise error
                if item is None:
                    return
                self._room.release()
                yield item
        finally:
            self._over.set()
            self._thread.join()  # a thread inside torch when the interpreter ends would abort it

    def _fill(self, items: Iterator) -> None:
        try:
            while self._has_room():
                self._ready.put((next(items), None))
        except StopIteration:
            self._ready.put((None, None))
        except Exception as error:  # raised where the reader asks for the next item
            self._ready.put((None, error))

    def _has_room(self) -> bool:
        """Waits for room; False once the reader has left."""
        while not self._over.is_set():
            if self._room.acquire(timeout=0.2):
                return True
        return False
