"""The searches that the page has shown, for the marks and exports that refer to them."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from biolingual.search.hits import Results
from biolingual.search.query import Vector

KEPT = 500  # searches


@dataclass(frozen=True)
class Asked:
    """A search that was shown: what marks and exports refer to."""

    vector: Vector
    results: Results
    threshold: float
    query: str  # the words that marks are kept under, also after re-ranking


class Shelf:
    """The last searches by an unguessable name."""

    def __init__(self) -> None:
        self._held: OrderedDict[str, Asked] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, asked: Asked) -> str:
        name = secrets.token_urlsafe(12)
        with self._lock:
            self._held[name] = asked
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
        return name

    def get(self, name: str) -> Asked | None:
        with self._lock:
            return self._held.get(name)
