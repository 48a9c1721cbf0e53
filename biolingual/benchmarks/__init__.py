"""BENCHMARKS: what a model is scored on. A new task is one file here and one row in the table.

A task module has `scores(context) -> list[Score]`, one score for each origin in the data.
"""

from importlib import import_module
from types import ModuleType

BENCHMARKS = {
    "animalspeak_retrieval": "biolingual.benchmarks.animalspeak_retrieval",
    "animalspeak_unseen": "biolingual.benchmarks.animalspeak_unseen",
    "animalspeak_zero_shot": "biolingual.benchmarks.animalspeak_zero_shot",
}


def benchmark(task: str) -> ModuleType:
    """The module of a task. ValueError lists the known ones."""
    if task not in BENCHMARKS:
        raise ValueError(
            f"task {task!r} is unknown. Known: {', '.join(BENCHMARKS)}. Fix evaluate.tasks in params.yaml."
        )
    return import_module(BENCHMARKS[task])
