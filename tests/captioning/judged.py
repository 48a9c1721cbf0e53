"""Metadata and captions written by hand, and what the checks make of them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from biolingual.captioning.checks import faults
from biolingual.records import Recording

HERE = Path(__file__).parent
OWN = {"recording_id": "folder:pairs/1", "origin": "fixture", "dump": "pairs", "archive": "folder"}


@dataclass(frozen=True)
class Judged:
    """A caption with a planted fault ("" = faithful) and the reasons the checks gave ([] = let through)."""

    caption: str
    fault: str
    reasons: list[str]


def recording(pair: dict) -> Recording:
    """A pair's metadata as a recording."""
    known = {key: value for key, value in pair["metadata"].items() if key in Recording.__dataclass_fields__}
    return Recording(**{**OWN, **known})


def judged(name: str) -> list[Judged]:
    """The pairs of a file beside this one, each judged."""
    out = []
    for pair in json.loads((HERE / name).read_text(encoding="utf-8")):
        found = faults(pair["caption"], recording(pair), pair["kind"])
        fault = pair["fault"] or "planted" if pair["faulty"] else ""
        out.append(Judged(pair["caption"], fault, [f"{one.reason} ({one.detail})" for one in found]))
    return out


def rates(pairs: list[Judged]) -> tuple[float, float]:
    """(share of the faults that were caught, share of the faithful captions that were turned down)"""
    faulty, faithful = [one for one in pairs if one.fault], [one for one in pairs if not one.fault]
    return sum(bool(one.reasons) for one in faulty) / len(faulty), sum(bool(one.reasons) for one in faithful) / len(
        faithful
    )


def table(pairs: list[Judged]) -> str:
    """One line for each pair: right or WRONG, what was planted, what was said."""
    lines = []
    for one in pairs:
        right = bool(one.fault) == bool(one.reasons)
        lines.append(
            f"{'' if right else 'WRONG':<6}{one.fault or '-':<46.45}{'; '.join(one.reasons) or '-':<70.69}{one.caption}"
        )
    return "\n".join(lines)


def by_reason(pairs: list[Judged]) -> str:
    """How often each reason was given, for planted faults and for faithful captions."""
    faulty, faithful = Counter(), Counter()
    for one in pairs:
        (faulty if one.fault else faithful).update({reason.split(" ")[0] for reason in one.reasons})
    lines = [f"  {'reason':<18} {'faulty':>6} {'faithful':>8}"]
    return "\n".join(
        lines + [f"  {name:<18} {faulty[name]:>6} {faithful[name]:>8}" for name in sorted(faulty | faithful)]
    )


if __name__ == "__main__":
    import sys

    for file in sys.argv[1:]:
        found = judged(file)
        print(
            f"{file}: {len(found)} pairs, caught {rates(found)[0]:.1%}, false alarms {rates(found)[1]:.1%}\n{table(found)}\n"
        )
