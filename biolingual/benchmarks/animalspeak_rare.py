"""Zero-shot species that the dataset holds few recordings of (test_rare), among all the species it names.

A dataset version without a split test_rare has nothing to score here.
"""

from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import classify, species_of
from biolingual.records import Score

TASK = "animalspeak_rare"
SPLIT = "test_rare"


def scores(context: Context) -> list[Score]:
    """One score per origin, with its taxa and its most frequent mistakes."""
    found = []
    for origin in context.origins(SPLIT):
        classes = species_of([*context.clips("train", origin), *context.clips(SPLIT, origin)])
        notes = "Classes: the rare species and every species of the training split."
        found.append(classify(context, TASK, "zero_shot", SPLIT, origin, classes, notes, True))
    return [one for one in found if one is not None]
