"""BENCHMARKS: what a model is scored on. A new task is one file here and one row in the table.

A task module has `scores(context) -> list[Score]`, one score for each origin in the data.
"""

from importlib import import_module
from types import ModuleType

BENCHMARKS = {
    "animalspeak_audio_to_text": "biolingual.benchmarks.animalspeak_audio_to_text",
    "animalspeak_hierarchical": "biolingual.benchmarks.animalspeak_hierarchical",
    "animalspeak_open_set": "biolingual.benchmarks.animalspeak_open_set",
    "animalspeak_rare": "biolingual.benchmarks.animalspeak_rare",
    "animalspeak_retrieval": "biolingual.benchmarks.animalspeak_retrieval",
    "animalspeak_robustness": "biolingual.benchmarks.animalspeak_robustness",
    "animalspeak_taxa": "biolingual.benchmarks.animalspeak_taxa",
    "animalspeak_unseen": "biolingual.benchmarks.animalspeak_unseen",
    "animalspeak_zero_shot": "biolingual.benchmarks.animalspeak_zero_shot",
    "behaviour": "biolingual.benchmarks.behaviour",
    "natural_shift": "biolingual.benchmarks.natural_shift",
    "species_1143": "biolingual.benchmarks.species_1143",
}


def benchmark(task: str) -> ModuleType:
    """The module of a task. ValueError lists the known ones."""
    if task not in BENCHMARKS:
        raise ValueError(
            f"task {task!r} is unknown. Known: {', '.join(BENCHMARKS)}. Fix evaluate.tasks in params.yaml."
        )
    return import_module(BENCHMARKS[task])
