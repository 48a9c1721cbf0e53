"""Licence text of any form -> a normalised licence, and the policy that decides what may be used."""

import re
from dataclasses import dataclass

VERSION = re.compile(r"(?<![\d.])([1-4])[.-]([05])(?![\d.])")
CREATIVE_COMMONS = re.compile(r"creative ?commons|(?<![a-z])cc[\s-]?(?:by|[a-z]{2}-)")
# Any wording counts: a restriction overlooked is a licence broken.
ATTRIBUTION = re.compile(r"attribution|(?<![a-z])by(?![a-z])")
RESTRICTIONS = {
    "nc": re.compile(r"non[\s-]?commercial|no commercial|(?<![a-z])nc(?![a-z])"),
    "nd": re.compile(r"no[\s-]?deriv|(?<![a-z])nd(?![a-z])"),
    "sa": re.compile(r"share[\s-]?alike|(?<![a-z])sa(?![a-z])"),
}
OPEN_SOURCE = {
    "MIT": re.compile(r"mit(?:$|\s*\(|\s+licen[cs]e)"),
    "Apache-2.0": re.compile(r"apache"),
    "BSD-3-Clause": re.compile(r"bsd[\s-]?3[\s-]?clause"),
    "GPL-3.0": re.compile(r"gpl[\s-]?v?3"),
}


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


# Terms of use that are no licence, by the name that a dump's row gives them on purpose.
TERMS = {"licenseref-whoi-public": Licence("LicenseRef-WHOI-Public", "", nc=True, nd=False, sa=False)}


def parse(text: str | None) -> Licence | None:
    """The licence that `text` names (a URL, a code, a phrase), or None when it names none that we know.

    None means "not usable": silence is all rights reserved.
    """
    lowered = " ".join((text or "").lower().replace("_", "-").split())
    if lowered in ("", "-", "null", "none", "unknown"):
        return None
    if lowered in TERMS:
        return TERMS[lowered]
    if lowered == "own":
        return Licence("own", "", False, False, False)
    found = VERSION.search(lowered)
    version = ".".join(found.groups()) if found else ""
    if re.search(r"(?<![a-z])cc[\s-]?(?:0|zero)|publicdomain/zero", lowered):
        return Licence("CC0", version or "1.0", False, False, False)
    if re.search(r"public ?domain", lowered) and not re.search(r"\bnot\b", lowered):
        return Licence("public domain", "", False, False, False)
    if CREATIVE_COMMONS.search(lowered):
        return _creative_commons(lowered, version)
    for family, form in OPEN_SOURCE.items():
        if form.match(lowered):
            return Licence(family, "", False, False, False)
    return None


def _creative_commons(lowered: str, version: str) -> Licence | None:
    code = re.fullmatch(r"cc[\s-]by((?:-[a-z]+)+)", lowered)
    if code and not set(code.group(1)[1:].split("-")) <= set(RESTRICTIONS):
        return None  # "cc-by-nc-xx": whatever xx forbids, we do not know it
    path = re.search(r"/licenses/([a-z-]+)", lowered)
    words = path.group(1) if path else lowered
    if not ATTRIBUTION.search(words):
        return None
    flags = {code: bool(form.search(words)) for code, form in RESTRICTIONS.items()}
    family = "CC BY" + "".join(f"-{code.upper()}" for code in ("nc", "nd", "sa") if flags[code])
    return Licence(family, version, **flags)


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


def attribution(title: str, creator: str, licence: str, url: str) -> str:
    """The line that CC licences ask for: title, creator, licence and source, as far as they are known.

    Recommended by https://wiki.creativecommons.org/wiki/Recommended_practices_for_attribution (title, author, source, licence).
    """
    by = f"{title} by {creator}" if creator else title
    return ", ".join(part for part in (by, licence, url) if part)
