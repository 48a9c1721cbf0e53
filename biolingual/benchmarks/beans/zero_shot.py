"""No training at all: each class is a sentence, and a sound is given to the nearest.

The score's own prompt is evaluate.prompt_template with common names; other names and the ensemble of prompts.txt stand
beside it as metrics, so that nothing is chosen on the test units. Shapes: n units, C classes, D embedding.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np

from biolingual.benchmarks.beans.bench import Bench, Prediction
from biolingual.benchmarks.beans.layout import Data, Fold
from biolingual.taxonomy import with_article

NAMES = Path(__file__).with_name("names.csv")
PROMPTS = Path(__file__).with_name("prompts.txt")
KINDS = ("common", "scientific", "both")


def predict(bench: Bench, fold: Fold) -> Prediction:
    """Cosines of the test units and the class sentences."""
    sounds = bench.embedded.clips[fold.test]
    names = class_names(bench.data)
    own = bench.params.prompt_template
    further, primary = {}, None
    for kind in KINDS:
        for ensemble, templates in (("", (own,)), ("_ensemble", prompts())):
            scores = sounds @ class_embeds(bench, names, templates, kind).T
            further[f"{kind}{ensemble}"] = bench.measure(scores, fold.test)
            primary = scores if primary is None else primary
    return Prediction(primary, metrics=further, prompt=own)


@lru_cache(maxsize=1)
def prompts() -> tuple[str, ...]:
    """The templates of the ensemble."""
    return tuple(PROMPTS.read_text(encoding="utf-8").split("\n")[:-1])


def class_names(data: Data) -> list[tuple[str, str]]:
    """(common, scientific) of each class: names.csv of the folder, then ours, then the label itself as words."""
    known = {}
    for path, of_set in ((NAMES, data.row.name), (data.folder / "names.csv", "")):
        if path.is_file():
            with path.open(encoding="utf-8-sig", newline="") as lines:
                for line in csv.DictReader(lines):
                    if not of_set or line["set"] == of_set:
                        known[line["label"]] = (line.get("common_name") or "", line.get("scientific_name") or "")
    found = []
    for label in data.classes:
        words = label.replace("_", " ")
        common, scientific = known.get(label, ("", ""))
        found.append((common or scientific or words, scientific or common or words))
    return found


def sentence(template: str, name: tuple[str, str], kind: str) -> str:
    """The template with a class's common or scientific name, or both: "orca (Orcinus orca)"."""
    common, scientific = name
    chosen = {"common": common, "scientific": scientific, "both": f"{common} ({scientific})"}
    words = common if common == scientific else chosen[kind]
    return template.format(common_name=words, a_common_name=with_article(words), scientific_name=scientific)


def class_embeds(bench: Bench, names: list[tuple[str, str]], templates: tuple[str, ...], kind: str) -> np.ndarray:
    """[C, D]: the normalised mean, over the templates, of each class's sentences."""
    embeds = [bench.embedder.text([sentence(template, name, kind) for name in names]) for template in templates]
    mean = np.mean(embeds, axis=0)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True)
