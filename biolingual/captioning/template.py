"""The captioner `template`: sentences from structured fields, no model asked."""

from collections.abc import Iterable, Iterator

from biolingual.captioning.endpoint import Endpoint
from biolingual.captioning.sentences import captions as sentences
from biolingual.params import CaptionParams
from biolingual.records import Caption, Recording


def captions(recordings: Iterable[Recording], params: CaptionParams, endpoint: Endpoint) -> Iterator[list[Caption]]:
    """The sentences of each recording, in order."""
    for recording in recordings:
        yield sentences(recording, params.kinds)
