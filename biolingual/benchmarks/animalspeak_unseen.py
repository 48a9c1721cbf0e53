"""Zero-shot species that no training recording ever named (test_unseen), among each other."""

from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import classify
from biolingual.records import Score

TASK = "animalspeak_unseen"


def scores(context: Context) -> list[Score]:
    """One score per origin; the classes are the held-out species of that origin."""
    found = []
    for origin in context.origins("test_unseen"):
        classes = {
            pair.scientific_name: pair for pair in context.clips("test_unseen", origin) if pair.rank == "species"
        }
        notes = "Classes: the held-out species alone. Neither their sounds nor their names were trained on."
        found.append(classify(context, TASK, "zero_shot", "test_unseen", origin, classes, notes))
    return [one for one in found if one is not None]
