"""What an evaluation knows, and the recordings of a split as embeddings and features.

Shapes: n recordings or clips, D embedding.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from threadpoolctl import threadpool_limits

from biolingual.audio import from_flac
from biolingual.benchmarks import baselines
from biolingual.model import Embedder
from biolingual.params import EvaluateParams
from biolingual.records import Pair
from biolingual.shard_reader import Shards


@dataclass
class Context:
    """What an evaluation knows: the model, the dataset version, its clips' embeddings and where its audio lies.

    `only` narrows what is asked (test recordings) to some recordings, never the classes they are told apart from.
    """

    embedder: Embedder
    model_origin: str
    pairs: list[Pair]
    dataset_sha: str
    shards: Shards
    embeds: dict[str, np.ndarray]  # clip_id -> [D], of the test splits
    params: EvaluateParams
    only: frozenset[str] | None = None  # recording ids
    with_baselines: bool = True
    features: dict[str, np.ndarray] = field(default_factory=dict)  # clip_id -> MFCC statistics
    items: list[dict] | None = None  # a list is filled with what each item reached, as rows {task, origin, item, ...}

    def origins(self, split: str) -> list[str]:
        return sorted({pair.origin for pair in self.pairs if pair.split == split})

    def clips(self, split: str, origin: str) -> list[Pair]:
        return [pair for pair in self.pairs if pair.split == split and pair.origin == origin]

    def asked(self, split: str, origin: str) -> list[Pair]:
        """The clips of a test split that are queries here: all of them, or those of `only`."""
        return [clip for clip in self.clips(split, origin) if self.only is None or clip.recording_id in self.only]

    def audio_embeds(self, clips: list[Pair]) -> np.ndarray:
        """[n, D], as the stage `embed` wrote them."""
        missing = [clip.clip_id for clip in clips if clip.clip_id not in self.embeds]
        if missing:
            raise ValueError(f"{len(missing)} clips have no embedding, e.g. {missing[0]}. Run: dvc repro embed")
        return np.stack([self.embeds[clip.clip_id] for clip in clips])

    def tuning(self, origin: str, classes: dict[str, Pair]) -> tuple[Context, list[Pair]]:
        """What a threshold is set on: clips of the validation split, of species among `classes`, and a context with their
        embeddings, made now since the table has them not. At most params.threshold_clips, the same for the same dataset."""
        clips = [clip for clip in self.clips("valid", origin) if clip.scientific_name in classes]
        order = np.random.Generator(np.random.PCG64(self.params.seed)).permutation(len(clips))
        clips = [clips[one] for one in sorted(order[: self.params.threshold_clips])]
        made = self.embedder.audio(from_flac(self.shards.read(clip)) for clip in clips)
        embeds = dict(zip((clip.clip_id for clip in clips), made, strict=True))
        return replace(self, embeds=embeds, with_baselines=False), clips

    def logit_scale(self) -> float:
        """The factor the model's cosines were trained with."""
        return float(self.embedder.model.logit_scale_a.detach().exp())

    def mfcc(self, clips: list[Pair]) -> np.ndarray:
        """[n, 80]"""

        def measured(clip: Pair) -> np.ndarray:
            waveform = from_flac(self.shards.read(clip))
            rate = round(len(waveform) / clip.duration_s)
            return baselines.mfcc_statistics(waveform, rate, self.embedder.log_mel.duration_s)

        missing = [clip for clip in clips if clip.clip_id not in self.features]
        # FLAC, FFT and products let go of the interpreter; BLAS threads below these would fight for the cores.
        with threadpool_limits(1, "blas"), ThreadPoolExecutor() as pool:
            self.features |= zip((clip.clip_id for clip in missing), pool.map(measured, missing), strict=True)
        return np.stack([self.features[clip.clip_id] for clip in clips])


@dataclass
class Recordings:
    """The recordings of a split: `first` is the first clip of each (its metadata), the arrays are means over its clips."""

    first: list[Pair]
    embeds: np.ndarray  # [n, D], normalised
    mfcc: np.ndarray  # [n, 80]; [n, 1] of zeros without baselines


def recordings(context: Context, clips: list[Pair]) -> Recordings:
    """Group clips by recording; a recording's embedding is the normalised mean of its clips' embeddings."""
    members = defaultdict(list)
    for position, clip in enumerate(clips):
        members[clip.recording_id].append(position)
    embeds = context.audio_embeds(clips)
    features = context.mfcc(clips) if context.with_baselines else np.zeros((len(clips), 1))
    mean = np.stack([embeds[rows].mean(axis=0) for rows in members.values()])
    return Recordings(
        first=[clips[rows[0]] for rows in members.values()],
        embeds=mean / np.linalg.norm(mean, axis=1, keepdims=True),
        mfcc=np.stack([features[rows].mean(axis=0) for rows in members.values()]),
    )
