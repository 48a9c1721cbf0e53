"""Licences in the forms that archives write them, and the policy."""

import csv

import pytest

from biolingual.licences import Licence, attribution, parse, refusal

FORMS = {
    "https://creativecommons.org/licenses/by-nc-sa/4.0/": "CC BY-NC-SA 4.0",
    "http://creativecommons.org/licenses/by/4.0/": "CC BY 4.0",
    "//creativecommons.org/licenses/by-nc-nd/3.0/": "CC BY-NC-ND 3.0",
    "http://creativecommons.org/licenses/by-nc/4.0/legalcode": "CC BY-NC 4.0",
    "https://creativecommons.org/licenses/by-sa/3.0/de/": "CC BY-SA 3.0",
    "http://creativecommons.org/publicdomain/zero/1.0/": "CC0 1.0",
    "http://creativecommons.org/publicdomain/zero/1.0/legalcode": "CC0 1.0",
    "https://creativecommons.org/publicdomain/mark/1.0/": "public domain",
    "CC BY-NC-SA 4.0": "CC BY-NC-SA 4.0",
    "CC-BY-NC-4.0": "CC BY-NC 4.0",
    "CC BY-NC-SA, no commercial use": "CC BY-NC-SA",
    "Creative Commons Attribution-NonCommercial-ShareAlike 4.0": "CC BY-NC-SA 4.0",
    "Creative Commons Attribution-NonCommercial-NoDerivs 3.0": "CC BY-NC-ND 3.0",
    "cc-by-nc": "CC BY-NC",
    "cc-by-nc-nd": "CC BY-NC-ND",
    "cc0": "CC0 1.0",
    "CC0_1_0": "CC0 1.0",
    "own": "own",
    "MIT (repo)": "MIT",
    "Apache-2.0 (repo)": "Apache-2.0",
    "BSD-3-Clause (repo)": "BSD-3-Clause",
    "public domain (NPS)": "public domain",
}


@pytest.mark.parametrize(("text", "expected"), FORMS.items())
def test_a_licence_is_known_in_the_form(text, expected):
    assert str(parse(text)) == expected


@pytest.mark.parametrize(
    "text", [None, "", "  ", "-", "null", "None", "unknown", "All rights reserved", "Creative Commons", "own work"]
)
def test_what_names_no_licence_is_none(text):
    assert parse(text) is None


@pytest.mark.parametrize("text", ["CC BY-NC-ND 4.0", "cc by-nd-nc 4.0", "CC-BY NC ND 4.0"])
def test_the_parts_are_read_in_any_order_and_written_in_one(text):
    assert parse(text) == Licence("CC BY-NC-ND", "4.0", nc=True, nd=True, sa=False)


def test_a_number_that_is_part_of_a_longer_one_is_no_version():
    assert parse("cc-by, recorded at 24.0 m").version == ""


@pytest.mark.parametrize(
    ("text", "noncommercial", "noderivatives", "reason"),
    [
        (None, True, True, "licence_missing_or_unknown"),
        ("CC BY-ND 4.0", True, False, "licence_no_derivatives"),
        ("CC BY-ND 4.0", True, True, ""),
        ("CC BY-NC 4.0", False, False, "licence_non_commercial"),
        ("CC BY-NC 4.0", True, False, ""),
        ("CC BY-NC-ND 4.0", False, True, "licence_non_commercial"),
        ("CC BY-NC-ND 4.0", False, False, "licence_no_derivatives"),
        ("CC BY-SA 4.0", False, False, ""),
        ("CC0", False, False, ""),
        ("own", False, False, ""),
    ],
)
def test_the_policy_refuses_what_it_does_not_allow(text, noncommercial, noderivatives, reason):
    found = refusal(parse(text), allow_noncommercial=noncommercial, allow_noderivatives=noderivatives)
    assert found == reason


def test_every_licence_of_the_real_recordings_is_known(shared):
    with (shared / "recordings" / "metadata.csv").open(encoding="utf-8-sig") as lines:
        texts = {row["license"] for row in csv.DictReader(lines)}
    unknown = {text for text in texts if text and parse(text) is None}
    assert len(texts) > 10 and unknown == set()


@pytest.mark.parametrize(
    "text",
    [
        "Creative Commons Attribution Non-Commercial 4.0",
        "CC BY 4.0 non-commercial",
        "CC BY 4.0, no commercial use",
        "Recorded by Ana, Creative Commons Attribution-NonCommercial 4.0",
        "CC_BY_NC_4_0",
    ],
)
def test_however_it_is_worded_non_commercial_is_seen(text):
    assert str(parse(text)) == "CC BY-NC 4.0"


@pytest.mark.parametrize("text", ["Mit freundlicher Genehmigung", "not in the public domain", "all rights reserved"])
def test_words_that_only_look_like_a_licence_are_none(text):
    assert parse(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://creativecommons.org/licenses/by/3.0/de/", "CC BY 3.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/deed.de", "CC BY-NC 4.0"),
        ("//creativecommons.org/licenses/by-nc-sa/2.5/legalcode", "CC BY-NC-SA 2.5"),
        ("creativecommons.org/licenses/by-nc-nd/2.5/", "CC BY-NC-ND 2.5"),
        ("CC BY-NC-SA. no commercial use", "CC BY-NC-SA"),
        ("CC BY-SA", "CC BY-SA"),
        ("cc-by-sa", "CC BY-SA"),
        ("CC_BY_4_0", "CC BY 4.0"),
        ("CC0_1_0", "CC0 1.0"),
        ("CC-BY-NC-4.0", "CC BY-NC 4.0"),
        ("LicenseRef-WHOI-Public", "LicenseRef-WHOI-Public"),
    ],
)
def test_the_forms_of_the_archives_are_known(text, expected):
    assert str(parse(text)) == expected


@pytest.mark.parametrize(
    "text", ["http://creativecommons.org/licenses/sampling+/1.0/", "all-rights-reserved", "unspecified", "C", "keine"]
)
def test_a_licence_outside_the_policy_is_unknown_and_refused(text):
    assert parse(text) is None
    assert refusal(parse(text), allow_noncommercial=True, allow_noderivatives=True) == "licence_missing_or_unknown"


def test_terms_without_a_licence_are_non_commercial():
    assert refusal(parse("LicenseRef-WHOI-Public"), allow_noncommercial=False, allow_noderivatives=False) != ""


def test_an_attribution_names_title_creator_licence_and_source_as_far_as_known():
    full = attribution("Troglodytes troglodytes", "Ada Marr", "CC BY-NC-SA 4.0", "https://xeno-canto.org/9")
    assert full == "Troglodytes troglodytes by Ada Marr, CC BY-NC-SA 4.0, https://xeno-canto.org/9"
    assert attribution("a.wav", "", "own", "") == "a.wav, own"


@pytest.mark.parametrize("text", ["cc-by-nc-xx", "CC BY-XX", "cc-by-sampling"])
def test_a_code_with_a_part_that_we_do_not_know_is_unknown(text):
    assert parse(text) is None
