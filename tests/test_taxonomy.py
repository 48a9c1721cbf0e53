"""Names as archives write them: which give a taxon, which a reason."""

import pytest

from biolingual.taxonomy import checklist, resolve, with_article

CHECKLIST = "simulated-1"


@pytest.mark.parametrize("name", ["", None, "-", "?", "nan", "[]", "   "])
def test_no_name_is_missing(name):
    assert resolve(name).problem == "name_missing"


@pytest.mark.parametrize(
    "name", ["Mystery mystery", "Sonus naturalis", "soundscape", "Identity unknown", "sonus_naturalis"]
)
def test_a_placeholder_is_no_name(name):
    assert resolve(name).problem == "name_placeholder"


@pytest.mark.parametrize(
    "name",
    [
        "Velara umbrosa x Velara cineta",
        "Velara umbrosa X cineta",
        "Velara umbrosa × Velara cineta",
        "× Velara ignota",
        "×Velara ignota",
        "Velara umbrosa hybrid",
        "Velara umbrosa intergrade",
    ],
)
def test_a_hybrid_is_no_species(name):
    assert resolve(name).problem == "name_hybrid"


@pytest.mark.parametrize(
    "name",
    [
        "Velara sp.",
        "Velara sp",
        "Velara spec.",
        "Velara cf. umbrosa",
        "Velara aff. umbrosa",
        "Velara umbrosa/cineta",
        "Dryophytes chrysoscelis / D. versicolor",
        "Velara umbrosa?",
    ],
)
def test_an_uncertain_name_is_no_species(name):
    assert resolve(name).problem == "name_uncertain"


@pytest.mark.parametrize("name", ["Mystery mystery", "Velara umbrosa x cineta", "Velara sp.", ""])
def test_a_problem_comes_without_a_scientific_name_and_with_a_checklist_too(name):
    assert resolve(name, CHECKLIST).problem == resolve(name).problem != ""
    assert resolve(name, CHECKLIST).scientific_name == ""


@pytest.mark.parametrize("name", ["Sphecotheres viridis", "Cfara divaria", "Affinisia indetta", "Spizella spizella"])
def test_a_name_that_only_begins_like_a_marker_is_a_species(name):
    assert (resolve(name).scientific_name, resolve(name).problem) == (name, "")


@pytest.mark.parametrize(
    "name", ["Turdus merula", "Turdus merula merula", "turdus_merula", "TURDUS  MERULA", "Turdus merula L."]
)
def test_without_a_checklist_the_species_is_taken_as_given_and_its_subspecies_dropped(name):
    taxon = resolve(name)
    assert (taxon.scientific_name, taxon.genus, taxon.rank, taxon.checklist) == (
        "Turdus merula",
        "Turdus",
        "species",
        "",
    )


@pytest.mark.parametrize(
    ("name", "rank", "family", "order"),
    [("Corvidae", "family", "Corvidae", ""), ("Passeriformes", "order", "", "Passeriformes"), ("Aves", "", "", "")],
)
def test_one_word_has_the_rank_that_its_ending_tells(name, rank, family, order):
    taxon = resolve(name)
    assert (taxon.scientific_name, taxon.rank, taxon.family, taxon.order) == (name, rank, family, order)


def test_a_checklist_fills_the_whole_classification():
    taxon = resolve("Velara umbrosa", CHECKLIST)
    assert (taxon.common_name, taxon.taxon_id, taxon.rank) == ("Dusky Velar", "simulated:1001", "species")
    assert (taxon.class_, taxon.order, taxon.family, taxon.genus) == ("Aves", "Velariformes", "Velaridae", "Velara")
    assert (taxon.checklist, taxon.checklist_version) == ("simulated", "1")


@pytest.mark.parametrize(
    "name", ["velara umbrosa", "Velara_umbrosa", "Velara umbrosa minor", "Velara umbrosa (Smith, 1900)"]
)
def test_case_underscores_subspecies_and_author_do_not_matter_to_a_checklist(name):
    assert resolve(name, CHECKLIST) == resolve("Velara umbrosa", CHECKLIST)


def test_a_synonym_gives_the_accepted_taxon():
    assert resolve("Velara cinerata", CHECKLIST).scientific_name == "Velara cineta"


def test_a_name_outside_the_checklist_is_a_problem():
    assert resolve("Turdus merula", CHECKLIST).problem == "name_not_in_checklist"


def test_an_unknown_checklist_names_the_known_ones():
    with pytest.raises(ValueError, match=r"'clements-2023' is not one of \[.*'simulated-1'.*\].*biolingual/tables"):
        checklist("clements-2023")


@pytest.mark.parametrize(
    ("name", "expected"), [("Dusky Velar", "a Dusky Velar"), ("Evening Querl", "an Evening Querl"), ("owl", "an owl")]
)
def test_a_name_takes_its_article(name, expected):
    assert with_article(name) == expected


@pytest.mark.parametrize("name", ["Xenopus laevis", "Xylocopa violacea", "Xema sabini"])
def test_a_name_that_begins_with_x_is_no_hybrid(name):
    assert (resolve(name).problem, resolve(name).scientific_name) == ("", name)


@pytest.mark.parametrize("name", ["European Robin", "Eurasian Wren", "Ural Owl"])
def test_a_vowel_that_sounds_like_you_takes_a(name):
    assert with_article(name) == f"a {name}"
