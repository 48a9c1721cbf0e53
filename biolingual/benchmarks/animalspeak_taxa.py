"""Where the zero-shot model is strong and weak: test_seen by species, genus, family, order and class, and what is confused."""

from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import classify, species_of
from biolingual.records import Score

TASK = "animalspeak_taxa"


def scores(context: Context) -> list[Score]:
    """One score per origin: animalspeak_zero_shot's, with its taxa and its most frequent mistakes."""
    notes = "Classes: every species of the training split. The value of a taxon is top1 over its recordings."
    found = [
        classify(
            context, TASK, "zero_shot", "test_seen", origin, species_of(context.clips("train", origin)), notes, True
        )
        for origin in context.origins("test_seen")
    ]
    return [one for one in found if one is not None]
