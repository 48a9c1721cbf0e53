"""What a protocol is given and what it gives back.

Shapes: n units, C classes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biolingual.benchmarks.beans.layout import Data
from biolingual.benchmarks.beans.metrics import MEASURES
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams

if TYPE_CHECKING:
    from biolingual.benchmarks.beans.embeddings import Embedded
    from biolingual.model import Embedder


@dataclass(frozen=True)
class Prediction:
    """Scores of a fold's test units, and what was chosen on its valid units."""

    scores: np.ndarray  # [n, C], or [R, n, C] of R runs; the higher the likelier
    metrics: dict[str, float] = field(default_factory=dict)  # beside the primary one
    chosen: str = ""  # "C = 10"
    prompt: str = ""


@dataclass
class Bench:
    """A set, a model by its folder or hub id ("" = none is needed), and the machine."""

    data: Data
    params: EvaluateParams
    machine: Machine
    protocol: str
    model: str = ""
    store: Path = Path("build/embeddings")  # embeddings of every sound that a model heard
    epochs: int = 50  # of fine_tune
    learning_rates: tuple[float, ...] = (1e-5, 5e-5, 1e-4)

    @cached_property
    def embedder(self) -> Embedder:
        """The model, loaded when first asked for."""
        from biolingual.model import Embedder

        if not self.model:
            raise ValueError(f"protocol {self.protocol} scores a model. Give its folder or hub id with --model.")
        return Embedder.load(self.model, "cuda" if self.machine.use_gpu else "cpu")

    @cached_property
    def embedded(self) -> Embedded:
        """The embeddings of all units, made once and kept in `store`."""
        from biolingual.benchmarks.beans import embeddings

        return embeddings.embed(self.embedder, self.data.row, self.data.units, self.store)

    @cached_property
    def mfcc(self) -> np.ndarray:
        """[n, 80]: the MFCC statistics of all units."""
        from biolingual.benchmarks.beans import mfcc

        return mfcc.features(self.data, self.machine)

    def measure(self, scores: np.ndarray, rows: np.ndarray) -> float:
        """The set's number for scores of the units `rows`."""
        return MEASURES[self.data.row.primary](scores, self.data.truth[rows])

    @property
    def single(self) -> bool:
        """Whether a unit has exactly one class."""
        return self.data.row.kind == "classification"


def first_best(values: list[float]) -> int:
    """Which value is the highest; the first of equals, as BEANS chooses with a strict >."""
    return int(np.argmax(values))
