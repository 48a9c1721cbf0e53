"""The captions of a dump in numbers, for `dvc metrics`: who wrote them, what was turned down and why, how varied and how long."""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from collections.abc import Iterable, Iterator

from biolingual.captioning.checks import faults
from biolingual.captioning.grounding import grounded_share
from biolingual.captioning.language import LETTERS
from biolingual.captioning.subject import subject
from biolingual.records import Caption, Recording

SAMPLE = 300  # recordings whose captions are looked at word by word


class Summary:
    """Counts every caption; looks closely at those of SAMPLE recordings, drawn by the hash of their id."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.captioners: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.recordings = self.fallbacks = self.characters = 0
        self.waiting: deque[Recording] = deque()
        self.sampled: dict[str, tuple[int, Recording, list[Caption]]] = {}
        self.highest = 0

    def watched(self, recordings: Iterable[Recording]) -> Iterator[Recording]:
        """The recordings as they pass to the captioner, remembered until their captions come."""
        for recording in recordings:
            self.waiting.append(recording)
            yield recording

    def add(self, captions: list[Caption]) -> None:
        """The captions of the next recording."""
        recording = self.waiting.popleft()
        self.recordings += 1
        for one in captions:
            self.statuses[one.status] += 1
            self.kinds[one.kind] += 1
            self.captioners[one.captioner] += 1
            self.characters += len(one.text)
            self.reasons.update(one.reason.split("+") if one.reason else [])
        self.fallbacks += any(one.status == "fallback" for one in captions)
        self._sample(recording, captions)

    def _sample(self, recording: Recording, captions: list[Caption]) -> None:
        draw = int.from_bytes(hashlib.sha256(recording.recording_id.encode()).digest()[:7], "big")
        if len(self.sampled) >= 2 * SAMPLE and draw > self.highest:
            return
        self.sampled[recording.recording_id] = (draw, recording, captions)
        if len(self.sampled) > 4 * SAMPLE:
            kept = sorted(self.sampled.items(), key=lambda item: item[1][0])[: 2 * SAMPLE]
            self.sampled, self.highest = dict(kept), kept[-1][1][0]

    def as_json(self) -> dict:
        """The summary as it is written: shares are of recordings or captions, rounded, the same for the same captions."""
        chosen = sorted(self.sampled.values(), key=lambda one: (one[0], one[1].recording_id))[:SAMPLE]
        used = [(recording, one) for _, recording, captions in chosen for one in captions if one.status != "refused"]
        lint: Counter[str] = Counter()
        grounded = []
        for recording, one in used:
            lint.update({fault.reason for fault in faults(one.text, recording, one.kind)})
            grounded.append(grounded_share(subject(one.text, recording, one.kind)))
        texts = [one.text for _, one in used]
        count = max(1, self.statuses.total())
        return {
            "recordings": self.recordings,
            "captions": self.statuses.total(),
            "fallback_share": round(self.fallbacks / max(1, self.recordings), 4),
            "mean_chars": round(self.characters / count, 1),
            "statuses": dict(sorted(self.statuses.items())),
            "kinds": dict(sorted(self.kinds.items())),
            "captioners": dict(sorted(self.captioners.items())),
            "reasons": dict(sorted(self.reasons.items())),
            "sample": {
                "recordings": len(chosen),
                "captions": len(used),
                "grounded_share": round(sum(grounded) / max(1, len(grounded)), 4),
                "distinct_1": distinct(texts, 1),
                "distinct_2": distinct(texts, 2),
                "lint": {reason: round(number / max(1, len(used)), 4) for reason, number in sorted(lint.items())},
            },
        }


def distinct(texts: list[str], n: int) -> float:
    """distinct-n (Li et al. 2016, arXiv 1510.03055): different n-grams of words over all of them; 0 without any."""
    grams = []
    for text in texts:
        words = LETTERS.findall(text.lower())
        grams += zip(*(words[place:] for place in range(n)), strict=False)
    return round(len(set(grams)) / len(grams), 4) if grams else 0.0
