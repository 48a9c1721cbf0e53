"""How BEANS cuts a file of a detection set into windows and which classes a window holds (its beans/datasets.py)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LEAST_OVERLAP = 0.2  # of the shorter of window and annotation; more than this counts


@dataclass(frozen=True)
class Annotation:
    """A sound of one class in a file, in seconds from the file's start."""

    start_s: float
    end_s: float
    label: str


def window_count(length_s: float, width_s: float, shift_s: float) -> int:
    """Windows of a file: 1 + (length - width) / shift, truncated toward zero, never negative.

    So a rest longer than width - shift but shorter than a window gives one more, which ends in zeros.
    """
    return max(0, int((length_s - width_s) / shift_s) + 1)


def window_starts(length_s: float, width_s: float, shift_s: float) -> list[float]:
    """Seconds at which the windows of a file begin."""
    return [number * shift_s for number in range(window_count(length_s, width_s, shift_s))]


def labels_in(start_s: float, end_s: float, annotations: Iterable[Annotation]) -> set[str]:
    """The classes of a window: an annotation that begins or ends in it (bounds included) and overlaps by more than a fifth of
    the shorter of the two, or one that covers it. An annotation without length counts for nothing."""
    found = set()
    for one in annotations:
        shorter = min(end_s - start_s, one.end_s - one.start_s)
        if shorter == 0:
            continue
        touches = start_s <= one.start_s <= end_s or start_s <= one.end_s <= end_s
        overlap = (min(end_s, one.end_s) - max(start_s, one.start_s)) / shorter
        if (touches and overlap > LEAST_OVERLAP) or (one.start_s <= start_s and end_s <= one.end_s):
            found.add(one.label)
    return found
