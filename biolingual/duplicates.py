"""The same sound in two archives: by the archives' own sound ids, then by decoded audio, then by acoustic fingerprint.

    found = duplicates(recordings, fingerprints)  # in the order in which recordings win
    links = taxon_links(recordings, found)        # what each kept recording was called anywhere

What `same` says is one sound: keep the first. What only shares a part ("overlap": a cut, or two cuts of one tape) stays a
recording of its own that must not lie in another split.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from biolingual.fingerprints import HOP_S, Index
from biolingual.records import Recording

SAME = ("sound_id", "audio", "fingerprint")  # in the order in which they are tried
WHOLE_SHARE = 0.6  # of the longer sound that two copies have in common; trimmed by half a second at both ends, 2.5 s
LENGTH_S, LENGTH_SHARE = (
    1.0,
    0.05,
)  # by which two copies under one id may differ: archives give cuts the id of the whole
XENO_CANTO = re.compile(r"(?:^|[/_:])XC(\d{1,8})(?!\d)|xeno-canto\.org/(?:sounds?/|recordings?/)?(\d{1,8})(?:$|[/?#])")
INATURALIST = re.compile(
    r"inaturalist\.org/sounds/(\d{1,10})(?!\d)|^inaturalist:(?:sound-)?(\d{1,10})$|(?:^|/)IN\d+_(\d{1,10})(?!\d)"
)


@dataclass(frozen=True)
class Duplicate:
    """`recording_id` is, or shares a part with, the earlier recording `of`.

    reason: sound_id | audio | fingerprint (the same sound) | overlap (a part). score: share of equal bits; 1 by id or audio.
    offset_s: where in `of` this one begins.
    """

    recording_id: str
    of: str
    reason: str
    score: float = 1.0
    offset_s: float = 0.0

    @property
    def same(self) -> bool:
        return self.reason in SAME


@dataclass(frozen=True, order=True)
class TaxonLink:
    """One name that somebody gave to a sound, and who."""

    scientific_name: str
    source_name: str
    checklist: str
    taxon_id: str
    recording_id: str


def sound_id(recording: Recording) -> str:
    """ "xeno_canto:123" or "inaturalist:123" as the recording's source, id, file name or address gives it; "" where none does."""
    for text in (recording.source_recording, recording.recording_id.removeprefix("simulated:"), recording.url):
        for archive, pattern in (("xeno_canto", XENO_CANTO), ("inaturalist", INATURALIST)):
            if found := pattern.search(text):
                return f"{archive}:{int(next(group for group in found.groups() if group))}"
    return ""


def duplicates(recordings: Iterable[Recording], fingerprints: Mapping[str, np.ndarray]) -> list[Duplicate]:
    """Every recording that is or overlaps an earlier one, at most once, in the given order; `of` is never itself the same
    as a yet earlier one. A recording without a fingerprint is compared by id and audio alone."""
    recordings = list(recordings)
    rank = {one.recording_id: number for number, one in enumerate(recordings)}
    index = Index()
    for one in recordings:
        if len(words := fingerprints.get(one.recording_id, ())):
            index.add(one.recording_id, words)
    by_id, by_audio, root, found = defaultdict(list), {}, {}, []
    for one in recordings:
        key = sound_id(one)
        hit = (
            _of_one_id(one, by_id[key] if key else [])
            or (by_audio.get(one.audio_sha256) and Duplicate(one.recording_id, by_audio[one.audio_sha256], "audio"))
            or _alike(one.recording_id, fingerprints, index, rank)
        )
        if hit:
            hit = Duplicate(hit.recording_id, root.get(hit.of, hit.of), hit.reason, hit.score, hit.offset_s)
            found.append(hit)
        first = hit.of if hit and hit.same else one.recording_id
        root[one.recording_id] = first
        if one.audio_sha256:
            by_audio.setdefault(one.audio_sha256, first)
        if key and first == one.recording_id:
            by_id[key].append(one)
    return found


def _of_one_id(one: Recording, others: list[Recording]) -> Duplicate | None:
    """The same sound by id: of like length, and not two cuts of it."""
    for other in others:
        lengths = (one.duration_s or 0.0, other.duration_s or 0.0)
        alike = abs(lengths[0] - lengths[1]) <= max(LENGTH_S, LENGTH_SHARE * max(lengths))
        if alike and not (one.source_recording and other.source_recording):
            return Duplicate(one.recording_id, other.recording_id, "sound_id")
    return None


def _alike(recording_id: str, fingerprints: Mapping[str, np.ndarray], index: Index, rank: dict) -> Duplicate | None:
    """The best earlier match: the whole sound before a part of one."""
    words = fingerprints.get(recording_id, ())
    if not len(words):
        return None
    earlier = [match for match in index.matches(words) if rank[match.id] < rank[recording_id]]
    found = []
    for match in earlier:
        length, offset = len(fingerprints[match.id]), round(match.offset_s / HOP_S)
        shared = min(len(words), length - offset) - max(0, -offset)
        reason = "fingerprint" if shared >= WHOLE_SHARE * max(len(words), length) else "overlap"
        found.append(Duplicate(recording_id, match.id, reason, match.score, match.offset_s))
    return next((one for one in found if one.same), found[0] if found else None)


def taxon_links(recordings: Iterable[Recording], found: Iterable[Duplicate]) -> dict[str, list[TaxonLink]]:
    """{kept recording: every name it has under any of its ids}: one per name and checklist, its own first."""
    kept = {one.recording_id: one.of for one in found if one.same}
    links: dict[str, dict[tuple, TaxonLink]] = defaultdict(dict)
    for one in recordings:
        link = TaxonLink(one.scientific_name, one.source_name, one.checklist, one.taxon_id, one.recording_id)
        links[kept.get(one.recording_id, one.recording_id)].setdefault((one.scientific_name, one.checklist), link)
    return {recording_id: list(names.values()) for recording_id, names in links.items()}
