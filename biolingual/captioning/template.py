"""Captions from structured fields alone: the two-name scheme (common, scientific), with and without the behaviour or call type."""

from biolingual.records import Caption, Recording
from biolingual.taxonomy import with_article

NAME = "template"


def captions(recording: Recording) -> list[Caption]:
    """The most telling caption first; without any name one refused row.

    Two of each kind where the behaviour is known: "Alarm call of a Dusky Velar." and "The sound of a Dusky Velar."
    """
    sounds = ["The sound"]
    if recording.behavior:
        sounds.insert(0, recording.behavior[:1].upper() + recording.behavior[1:])
    named = {}
    if recording.common_name:
        named["common"] = with_article(recording.common_name)
    if recording.scientific_name:
        named["scientific"] = recording.scientific_name
    if not named:
        return [_caption(recording, "common", "", "refused", "no_name")]
    return [
        _caption(recording, kind, f"{sound} of {name}.", "ok", "") for sound in sounds for kind, name in named.items()
    ]


def _caption(recording: Recording, kind: str, text: str, status: str, reason: str) -> Caption:
    return Caption(
        recording_id=recording.recording_id, kind=kind, text=text, status=status, reason=reason, captioner=NAME
    )
