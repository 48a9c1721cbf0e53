"""An evaluation in which every embedding is known: sentences mean the vector of the name they hold, clips what a test says."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch

from biolingual.benchmarks.context import Context
from biolingual.params import load
from biolingual.records import Pair, PairCaption
from tests.conftest import ROOT
from tests.made_pairs import pair

SPECIES = [f"Genus{number // 2} species{number}" for number in range(8)]  # two to a genus, four to a family


class ToyEmbedder:
    """`text` gives the vector of the name that a sentence holds; `audio` is a test's own function of a waveform."""

    model_sha, embedding_id = "a" * 64, "toy"

    def __init__(self, vectors: dict[str, np.ndarray], audio=None, logit_scale: float = 10.0) -> None:
        self.vectors, self.of_sound, self.asked = vectors, audio, []
        self.model = SimpleNamespace(logit_scale_a=torch.tensor(logit_scale).log())
        self.log_mel = SimpleNamespace(sample_rate_hz=16000, duration_s=1)

    def text(self, sentences: list[str]) -> np.ndarray:
        self.asked += sentences
        return np.stack([next(self.vectors[name] for name in self.vectors if name in text) for text in sentences])

    def audio(self, waveforms) -> np.ndarray:
        return np.stack([self.of_sound(one) for one in waveforms])


def clip(recording: str, number: int, split: str = "test_seen", **values: object) -> Pair:
    """A clip of species `number`."""
    name = SPECIES[number]
    taxon = {
        "genus": name.split()[0],
        "family": f"Family{number // 4}",
        "rank": "species",
        "common_name": f"Bird {number}",
    }
    captions = [PairCaption(kind="common", text=f"The sound of Bird {number}.", status="ok", captioner="template")]
    return pair(recording, name, split, **{"cell": recording, "captions": captions} | taxon | values)


def context(pairs: list[Pair], embeds: dict[str, np.ndarray], embedder: ToyEmbedder, **params: object) -> Context:
    """Without baselines, of the repository's params but for those given."""
    settings = load(ROOT / "params.yaml").evaluate.model_copy(update={"bootstrap": 200, **params})
    vectors = {one: (vector / np.linalg.norm(vector)).astype(np.float32) for one, vector in embeds.items()}
    return Context(embedder, "real", pairs, "d" * 64, None, vectors, settings, with_baselines=False)


def unit(number: int, width: int = 8) -> np.ndarray:
    """[width] with a 1 at `number`."""
    return np.eye(width, dtype=np.float32)[number]


def known_world(n: int = 10, noise: float = 0.1, seed: int = 0, right: float = 1.0) -> Context:
    """`n` test recordings of each of eight species near their prompts; a share 1 - `right` of them near another's prompt."""
    draw = np.random.Generator(np.random.PCG64(seed))
    pairs = [clip(f"train{number}", number, "train") for number in range(8)]
    embeds = {}
    for number in range(8):
        for one in range(n):
            pairs.append(clip(f"r{number}-{one}", number))
            heard = number if draw.random() < right else int(draw.integers(8))
            embeds[pairs[-1].clip_id] = unit(heard) + noise * draw.standard_normal(8)
    return context(pairs, embeds, ToyEmbedder({f"Bird {number}": unit(number) for number in range(8)}))
