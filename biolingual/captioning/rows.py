"""The rows of a recording that was described beyond its structured fields, or for which that failed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from biolingual.captioning.sentences import captions as sentences
from biolingual.records import Caption, Recording


def described(
    recording: Recording,
    kinds: Sequence[str],
    captioner: str,
    text: str,
    reasons: list[str],
    model: str = "",
    prompt_sha: str = "",
) -> list[Caption]:
    """The description before the template's captions of these kinds. Where `reasons` speak against it, there is none: the first
    of the template's stands in, with status `fallback`, the reasons, and the model and prompt that failed."""
    first, *others = sentences(recording, kinds)
    if reasons:
        why = "+".join(dict.fromkeys(reasons))
        return [dataclasses.replace(first, status="fallback", reason=why, model=model, prompt_sha=prompt_sha), *others]
    description = dataclasses.replace(
        first, kind="descriptive", text=text, captioner=captioner, model=model, prompt_sha=prompt_sha
    )
    return [description, first, *others]
