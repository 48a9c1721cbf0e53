"""The captioner `simulated`: answers recorded for the simulated world's remarks, so that the whole path means something offline.

recorded.csv was made by the project, not by a language model: for each sentence of those remarks the words of a caption. Its
captions go through the same checks as a model's, say `simulated` as their captioner, and are never counted as a model's.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files

from biolingual.captioning.checks import Flood, faults
from biolingual.captioning.endpoint import Endpoint
from biolingual.captioning.prompting import worth_asking
from biolingual.captioning.rows import described
from biolingual.captioning.sentences import captions as sentences
from biolingual.params import CaptionParams
from biolingual.records import Caption, Recording
from biolingual.taxonomy import with_article

CAPTIONER = "simulated"
OTHER = "{other}"


def captions(recordings: Iterable[Recording], params: CaptionParams, endpoint: Endpoint) -> Iterator[list[Caption]]:
    """For each recording the template's captions and its recorded description; remarks of another world give the fallback."""
    flood = Flood()
    for recording in recordings:
        if not worth_asking(recording):
            yield sentences(recording, params.kinds)
            continue
        text = answer(recording)
        reasons = [fault.reason for fault in faults(text, recording)] if text else ["no_recorded_answer"]
        if not reasons and flood.adds(text):
            reasons = ["duplicate"]
        yield described(recording, params.kinds, CAPTIONER, text, reasons)


def answer(recording: Recording) -> str:
    """The recorded caption for a recording's remarks; "" where a sentence of them was not recorded."""
    first, *further = [_recorded(line) for line in recording.remarks.splitlines() if line.strip()]
    if not first or not all(further):
        return ""
    name = with_article(recording.common_name) if recording.common_name else recording.scientific_name
    behavior = recording.behavior or "sound"
    told = first.format(
        a_name=name, A_name=_capital(name), behavior=behavior, Behavior=_capital(behavior)
    )  # fmt: skip
    return f"{told}, with {' and '.join(further)}." if further else f"{told}."


def _recorded(line: str) -> str:
    table = _table()
    if line.strip() in table:
        return table[line.strip()]
    ending = next(remark for remark in table if remark.startswith(OTHER)).removeprefix(OTHER)
    if not line.strip().endswith(ending):
        return ""
    return table[OTHER + ending].format(a_other=with_article(line.strip().removesuffix(ending)))


@cache
def _table() -> dict[str, str]:
    with (files("biolingual.captioning") / "recorded.csv").open(encoding="utf-8") as lines:
        return {row["remark"]: row["answer"] for row in csv.DictReader(lines)}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
