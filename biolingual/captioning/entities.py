"""Places and people that a named-entity model finds in captions: a second pair of eyes beside the gazetteer, where one is set."""

from __future__ import annotations

from collections.abc import Callable

from biolingual.captioning.language import MASK, masked, names
from biolingual.captioning.subject import Fault
from biolingual.records import Recording

REASONS = {"PER": "person", "PERSON": "person", "LOC": "place", "GPE": "place", "FAC": "place", "DATE": "date"}
SURE = 0.6


def finder(model: str) -> Callable[[str, Recording], list[Fault]]:
    """The check of a transformers token-classification model, by folder or hub id; with "" one that finds nothing."""
    if not model:
        return lambda text, recording: []
    from transformers import pipeline

    tag = pipeline("token-classification", model=model, aggregation_strategy="simple", device="cpu")

    def check(text: str, recording: Recording) -> list[Fault]:
        return from_entities(tag(masked(text, names(recording)).replace(MASK, "animal")))

    return check


def from_entities(found: list[dict]) -> list[Fault]:
    """Faults of the entities of a caption, its species' names masked: those that the model is sure of."""
    return [
        Fault(REASONS[one["entity_group"].upper()], one["word"])
        for one in found
        if one["entity_group"].upper() in REASONS and one["score"] >= SURE
    ]
