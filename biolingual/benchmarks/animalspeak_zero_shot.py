"""Zero-shot species among those seen in training, on recordings of other recordists and days (test_seen)."""

from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import classify
from biolingual.records import Score

TASK = "animalspeak_zero_shot"


def scores(context: Context) -> list[Score]:
    """One score per origin; the classes are the species of that origin's training split."""
    found = []
    for origin in context.origins("test_seen"):
        classes = {pair.scientific_name: pair for pair in context.clips("train", origin) if pair.rank == "species"}
        notes = "Classes: every species of the training split. Held out by recordist and day."
        found.append(classify(context, TASK, "zero_shot", "test_seen", origin, classes, notes))
    return [one for one in found if one is not None]
