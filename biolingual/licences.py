"""Licence text of any form -> a normalised licence, and the policy that decides what may be used."""

import re
from dataclasses import dataclass

CC_FAMILY = re.compile(r"\b(by(?:[\s_-]*(?:nc|sa|nd))*)\b", re.IGNORECASE)
VERSION = re.compile(r"(?<![\d.])([1-4]\.\d)(?![\d.])")
OPEN_SOURCE = {"mit": "MIT", "apache": "Apache-2.0", "bsd-3-clause": "BSD-3-Clause", "gpl-3": "GPL-3.0"}
WORDS = {"attribution": "by", "noncommercial": "nc", "sharealike": "sa", "noderivatives": "nd", "noderivs": "nd"}


@dataclass(frozen=True)
class Licence:
    """family: "CC BY-NC-SA", "CC0", "public domain", "MIT", "own" ...; version "" where the source gives none."""

    family: str
    version: str
    nc: bool
    nd: bool
    sa: bool

    def __str__(self) -> str:
        return f"{self.family} {self.version}".strip()


def parse(text: str | None) -> Licence | None:
    """The licence that `text` names (a URL, a code, a phrase), or None when it names none that we know.

    None means "not usable": silence is all rights reserved.
    """
    text = (text or "").strip()
    lowered = text.lower()
    if lowered in ("", "-", "null", "none", "unknown"):
        return None
    if lowered == "own":
        return Licence("own", "", False, False, False)
    version = VERSION.search(lowered)
    version = version.group(1) if version else ""
    if re.search(r"\bcc[\s_-]?(?:0|zero)|publicdomain/zero", lowered):
        return Licence("CC0", version or "1.0", False, False, False)
    if "public domain" in lowered or "publicdomain/mark" in lowered:
        return Licence("public domain", "", False, False, False)
    if "creativecommons" in lowered or "creative commons" in lowered or re.match(r"cc[\s_-]", lowered):
        return _creative_commons(lowered, version)
    for code, family in OPEN_SOURCE.items():
        if lowered.startswith(code):
            return Licence(family, "", False, False, False)
    return None


def _creative_commons(lowered: str, version: str) -> Licence | None:
    for word, code in WORDS.items():
        lowered = lowered.replace(word, code)
    found = CC_FAMILY.search(lowered)
    if found is None:
        return None
    parts = set(re.findall(r"nc|sa|nd", found.group(1)))
    family = "CC BY" + "".join(f"-{code.upper()}" for code in ("nc", "nd", "sa") if code in parts)
    return Licence(family, version, "nc" in parts, "nd" in parts, "sa" in parts)


def refusal(licence: Licence | None, *, allow_noncommercial: bool, allow_noderivatives: bool) -> str:
    """The reason code for which a recording under this licence may not be used, or "" when it may.

    A clip cut from a recording is a derivative, so NoDerivatives is refused unless the policy says otherwise.
    """
    if licence is None:
        return "licence_missing_or_unknown"
    if licence.nd and not allow_noderivatives:
        return "licence_no_derivatives"
    if licence.nc and not allow_noncommercial:
        return "licence_non_commercial"
    return ""
