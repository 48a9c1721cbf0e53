"""BEANS (arXiv 2210.12300) and folders of the same form: labelled sounds in train, valid and test, scored by one of PROTOCOLS.

The sets are rows of sets.yaml. A protocol is a module with `predict(bench, fold) -> Prediction`; a new one is one file here
and one row in the table.
"""

from importlib import import_module
from types import ModuleType

PROTOCOLS = {
    "mfcc_lr": "biolingual.benchmarks.beans.mfcc",
    "mfcc_svm": "biolingual.benchmarks.beans.mfcc",
    "linear": "biolingual.benchmarks.beans.probes",
    "attentive": "biolingual.benchmarks.beans.probes",
    "knn": "biolingual.benchmarks.beans.neighbours",
    "few_shot": "biolingual.benchmarks.beans.neighbours",
    "zero_shot": "biolingual.benchmarks.beans.zero_shot",
    "fine_tune": "biolingual.benchmarks.beans.fine_tune",
}
NEEDS_NO_MODEL = ("mfcc_lr", "mfcc_svm")


def protocol(name: str) -> ModuleType:
    """The module of a protocol. ValueError lists the known ones."""
    if name not in PROTOCOLS:
        raise ValueError(
            f"protocol {name!r} is unknown. Known: {', '.join(PROTOCOLS)}. Give one of them to --protocol."
        )
    return import_module(PROTOCOLS[name])
