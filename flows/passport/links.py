"""What a passport is made of: links in a tree, each with its hash, and the error of a joint that does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

CHECKED = "checked"  # compared by hash just now
TOLD = "told"  # a fact that has no hash of its own
ABSENT = "absent"  # its bytes are not on this machine: unchecked, and never an OK


class BrokenChainError(ValueError):
    """A joint of the passport that does not hold; the text begins with "broken:" and names it."""


@dataclass(frozen=True)
class Link:
    """One step of a walk: what it is, its hash, how that was checked, and the steps that follow from it."""

    kind: str
    name: str
    sha: str = ""
    state: str = CHECKED
    note: str = ""
    facts: dict = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    def __str__(self) -> str:
        words = (f"{self.kind} {self.name}".strip(), self.sha.removeprefix("sha256:")[:16], self.note)
        return "  ".join(word for word in words if word)

    def all(self) -> Iterator[Link]:
        """This link and every one below it, in reading order."""
        yield self
        for link in self.links:
            yield from link.all()


@dataclass(frozen=True)
class Passport:
    """The answer to one question: the tree of links, and the working tree it was asked in."""

    what: str
    tree: Link
    commit: str
    notes: tuple[str, ...] = ()  # what the reader must know before the links, e.g. that a version is UNSCORED

    @property
    def absent(self) -> list[Link]:
        return [link for link in self.tree.all() if link.state == ABSENT]

    @property
    def verdict(self) -> str:
        """One line: how many links hold, and whether some could not be looked at. Only a whole passport says whole."""
        checked = sum(link.state == CHECKED for link in self.tree.all())
        if self.absent:
            return f"INCOMPLETE: {checked} links match, {len(self.absent)} could not be checked: not all is on this machine."
        return f"whole: {checked} links, each checked by hash."

    def text(self) -> str:
        """The tree for a terminal, its verdict last."""
        return "\n".join([*self.notes, *_lines(self.tree, "", ""), self.verdict])

    def as_json(self) -> dict:
        """The same as plain values."""
        return {
            "what": self.what,
            "commit": self.commit,
            "whole": not self.absent,
            "verdict": self.verdict,
            "notes": list(self.notes),
            "tree": asdict(self.tree),
        }


def joined(joint: str, where: object, found: str, expected: str, whose: str) -> None:
    """BrokenChainError that names the joint, unless both hashes are one."""
    if found != expected:
        raise BrokenChainError(f"broken: {joint}: {where} has {found[:23]}, {whose} says {expected[:23]}.")


def _lines(link: Link, first: str, rest: str) -> Iterator[str]:
    yield f"{first}{link}"
    for at, below in enumerate(link.links, 1):
        last = at == len(link.links)
        yield from _lines(below, rest + ("└─ " if last else "├─ "), rest + ("   " if last else "│  "))
