"""Captions from structured fields alone: the names by kind, with and without the behaviour or call type."""

from __future__ import annotations

from collections.abc import Sequence

from biolingual.records import Caption, Recording
from biolingual.taxonomy import with_article

CAPTIONER = "template"
RANKS = ("class_", "order", "family", "genus")


def captions(recording: Recording, kinds: Sequence[str] = ("common", "scientific")) -> list[Caption]:
    """The most telling caption first; without any name one refused row.

    Two of each kind where the behaviour is known: "Alarm call of a Dusky Velar." and "The sound of a Dusky Velar." Taxonomic
    names the ranks from class to species in their order; background what else is heard, where the metadata name it.
    A recording with none of the kinds' names gets the name it has.
    """
    sounds = ["The sound"]
    if recording.behavior:
        sounds.insert(0, recording.behavior[:1].upper() + recording.behavior[1:])
    named = _named(recording, kinds)
    if not named:
        return [caption(recording, "common", "", "refused", "no_name")]
    return [
        caption(recording, kind, f"{sound} of {name}.", "ok", "") for sound in sounds for kind, name in named.items()
    ]


def _named(recording: Recording, kinds: Sequence[str]) -> dict[str, str]:
    """Kind -> how the animal is called in a caption of it, in the kinds' order."""
    common = with_article(recording.common_name) if recording.common_name else ""
    own = common or recording.scientific_name
    ranks = [getattr(recording, rank) for rank in RANKS]
    chain = " ".join(dict.fromkeys(filter(None, [*ranks[:3], recording.scientific_name or ranks[3]])))
    behind = _listed(recording.background_species)
    ways = {
        "common": common,
        "scientific": recording.scientific_name,
        "taxonomic": chain if recording.scientific_name and chain != recording.scientific_name else "",
        "background": f"{own}, with {behind} in the background" if own and behind else "",
    }
    found = {kind: ways[kind] for kind in kinds if ways[kind]}
    names = {kind: ways[kind] for kind in ("common", "scientific") if ways[kind]}
    return found if set(found) - {"background"} else {**dict(list(names.items())[:1]), **found}


def _listed(names: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def caption(recording: Recording, kind: str, text: str, status: str, reason: str) -> Caption:
    """A caption that the template wrote."""
    return Caption(
        recording_id=recording.recording_id, kind=kind, text=text, status=status, reason=reason, captioner=CAPTIONER
    )
