"""Whom to credit for a clip, and where its licence stands."""

from __future__ import annotations

from biolingual import licences
from biolingual.records import Pair

CREATIVE_COMMONS = "https://creativecommons.org/{}/{}/{}/"
LATEST = "4.0"


def attribution(pair: Pair) -> str:
    """The credit line of a clip: title, creator, licence, source, and that it was cut."""
    title = f"{pair.common_name or pair.scientific_name or 'recording'} ({pair.recording_id})"
    creator = pair.recorded_by or pair.rights_holder
    return f"{licences.attribution(title, creator, pair.license, pair.url)}; excerpt, converted"


def licence_url(text: str) -> str:
    """The address of a Creative Commons licence; "" for others. Without a version, the latest."""
    found = licences.parse(text)
    if found is None:
        return ""
    if found.family == "CC0":
        return CREATIVE_COMMONS.format("publicdomain", "zero", "1.0")
    if not found.family.startswith("CC BY"):
        return ""
    return CREATIVE_COMMONS.format("licenses", found.family.removeprefix("CC ").lower(), found.version or LATEST)
