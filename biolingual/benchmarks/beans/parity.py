"""The released BioLingual checkpoint on public BEANS data: ours beside what was published, set by set.

A set whose folder is not there, or does not meet BEANS' counts, is a row with its reason and no number of ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from biolingual.benchmarks.beans import layout, published, scoring
from biolingual.benchmarks.beans.bench import Bench
from biolingual.parallel import Machine
from biolingual.params import EvaluateParams

MODEL = "davidrrobinson/BioLingual"
PROBES = (
    "linear",
    "attentive",
)  # published for the released model as a mean of five sets, .619 and .784: not set by set


@dataclass(frozen=True)
class Row:
    """One set by one protocol; `ours` is None where it was not run, and `why` says so."""

    task: str
    protocol: str
    ours: float | None
    published: float | None
    why: str = ""

    @property
    def difference(self) -> float | None:
        return None if self.ours is None or self.published is None else self.ours - self.published

    def text(self) -> str:
        ours = f"NOT RUN: {self.why}" if self.ours is None else f"{self.ours:.3f}"
        theirs = "-" if self.published is None else f"{self.published:.3f}"
        apart = "" if self.difference is None else f"{self.difference:+.3f}"
        return f"{self.task:<16} {self.protocol:<10} {theirs:>9} {apart:>10}  {ours}"


def rows(data: Path, model: str, params: EvaluateParams, machine: Machine) -> list[Row]:
    """Every set with a published zero-shot number of BioLingual, by zero-shot and frozen probes; `data` holds their folders."""
    params = params.model_copy(update={"prompt_template": "{common_name}"})  # the paper: bare names
    found = []
    for known in (one for one in published.every() if one.model == "BioLingual" and one.protocol == "zero_shot"):
        for protocol in ("zero_shot", *PROBES):
            row = Row(known.task, protocol, None, known.value if protocol == "zero_shot" else None)
            found.append(_scored(row, data / known.task, model, params, machine))
    return found


def _scored(row: Row, folder: Path, model: str, params: EvaluateParams, machine: Machine) -> Row:
    if not folder.is_dir():
        return replace(row, why=f"no folder {folder}")
    try:
        read = layout.read(row.task, folder)
    except (ValueError, FileNotFoundError) as error:
        return replace(row, why=str(error))
    if read.name != row.task:
        return replace(row, why=f"{folder} does not meet BEANS' counts of {row.task}")
    return replace(row, ours=scoring.score(Bench(read, params, machine, row.protocol, model)).value)
