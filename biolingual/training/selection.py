"""Which pairs of the dataset a run learns from, and how often: the whole training split as it is, unless params say otherwise.

Nothing here touches another split, so that runs of different selections are scored on the same recordings.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from biolingual.params import PretrainParams
from biolingual.records import Pair, PairCaption

TAXA: dict[str, Callable[[Pair], str]] = {
    "species": lambda pair: pair.scientific_name or pair.common_name,
    "genus": lambda pair: pair.genus,
    "family": lambda pair: pair.family,
    "order": lambda pair: pair.order,
    "class": lambda pair: pair.class_,
}
TEMPLATE, SIMULATED = "template", "simulated"  # captioners that are no language models
NAMELESS = "an animal"


def training_pairs(pairs: Iterable[Pair], params: PretrainParams) -> list[Pair]:
    """The pairs to learn from, in their order: the training split, less what `params` leave out.

    First dumps and captions, then a share of the species, then a share of the recordings. Pairs left without a caption go.
    ValueError where nothing is left.
    """
    train = [pair for pair in pairs if pair.split == "train"]
    if not train:
        return train
    left = [pair for pair in train if pair.dump not in params.without_dumps]
    if params.caption_kinds or not params.model_captions:
        kept = (replace(pair, captions=[one for one in pair.captions if _wanted(one, params)]) for pair in left)
        left = [pair for pair in kept if pair.captions]
    species = TAXA["species"]
    some = share({species(pair) for pair in left}, params.species_share, params.subset_seed)
    left = [pair for pair in left if species(pair) in some]
    some = share({pair.recording_id for pair in left}, params.recordings_share, params.subset_seed)
    left = [pair for pair in left if pair.recording_id in some]
    if not left:
        raise ValueError(
            "no training pair is left. Look at pretrain.without_dumps, caption_kinds, model_captions, "
            "species_share and recordings_share in params.yaml."
        )
    return left


def share(names: set[str], part: float, seed: int) -> set[str]:
    """A `part` of the names, rounded, at least one; a smaller part lies within a larger one of the same seed."""
    if part >= 1:
        return names
    ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    return set(ranked[: max(1, round(part * len(ranked)))])


def by_a_model(caption: PairCaption) -> bool:
    """Whether a language model wrote it."""
    return caption.captioner not in (TEMPLATE, SIMULATED)


def _wanted(caption: PairCaption, params: PretrainParams) -> bool:
    kind = not params.caption_kinds or caption.kind in params.caption_kinds
    return kind and (params.model_captions or caption.captioner == TEMPLATE)


def nameless(text: str, pair: Pair) -> str:
    """A caption without the species' names: "Song of a Dusky Velar." is "Song of an animal."."""
    names = sorted(filter(None, (pair.common_name, pair.scientific_name)), key=len, reverse=True)
    if not names:
        return text
    pattern = rf"(?<!\w)(?:(?:an?|the) )?(?:{'|'.join(map(re.escape, names))})(?!\w)"
    return re.sub(pattern, NAMELESS, text, flags=re.IGNORECASE)


class Places:
    """places(epoch) [n]: which pair stands at each place of an epoch, before it is shuffled.

    With a taxon each of its names is equally frequent and the pairs of a name share its places evenly, by systematic
    sampling: a pair stands there as often as its weight says, to within one (Madow 1949). Drawn from (seed, epoch) alone.
    """

    def __init__(self, pairs: list[Pair], balance: str, seed: int):
        self.seed = seed
        self.epoch, self.found = -1, np.empty(0, dtype=np.int64)
        names = [TAXA[balance](pair) for pair in pairs]
        sizes = Counter(names)
        weights = np.array([1 / (sizes[name] * len(sizes)) for name in names])
        # In the order of names, so that a name's places are even too.
        self.order = np.array(sorted(range(len(names)), key=lambda index: (names[index], index)))
        self.edges = np.cumsum(weights[self.order]) / weights.sum()

    def __call__(self, epoch: int) -> np.ndarray:
        if epoch != self.epoch:
            n = len(self.order)
            draw = np.random.Generator(np.random.PCG64([self.seed, epoch, n]))
            points = (np.arange(n) + draw.uniform()) / n
            self.found = self.order[np.minimum(np.searchsorted(self.edges, points, side="right"), n - 1)]
            self.epoch = epoch
        return self.found
