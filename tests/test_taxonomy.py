"""Names as archives write them: which give a taxon, which a reason."""

import csv

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


@pytest.mark.parametrize(
    ("name", "species"),
    [
        ("Capra hircus f. hircus", "Capra hircus"),
        ("Anas platyrhynchos (Domestic type)", "Anas platyrhynchos"),
        ("Passerella iliaca megarhyncha", "Passerella iliaca"),
        ("Larus fuscus ssp. graellsii", "Larus fuscus"),
        ("Pelophylax kl. esculentus", "Pelophylax esculentus"),
        ("Pelophylax 'esculentus'", "Pelophylax esculentus"),
        ("Culex (Culex) pipiens", "Culex pipiens"),
        ("Turdus merula Linnaeus, 1758", "Turdus merula"),
        ("turdus Merula", "Turdus merula"),
    ],
)
def test_what_stands_between_or_behind_the_two_words_of_a_species_is_no_part_of_it(name, species):
    assert (resolve(name).scientific_name, resolve(name).rank) == (species, "species")


def test_a_genus_with_its_author_is_a_genus_not_a_species():
    assert (resolve("Gryllus Linnaeus, 1758").scientific_name, resolve("Gryllus Linnaeus, 1758").rank) == (
        "Gryllus",
        "",
    )


@pytest.mark.parametrize(
    "name", ["Aegolius acadicus complex", "gull sp.", "Larus spp.", "Myotis nr. nattereri", "div."]
)
def test_groups_of_species_are_uncertain(name):
    assert resolve(name).problem == "name_uncertain"


@pytest.mark.parametrize(
    ("name", "kingdom"), [("Homo sapiens", ""), ("Homo", ""), ("Morus alba", "Plantae"), ("Amanita", "Fungi")]
)
def test_people_plants_and_fungi_are_no_animals(name, kingdom):
    assert resolve(name, kingdom=kingdom).problem == "not_an_animal"


@pytest.mark.parametrize("kingdom", ["", "Animalia", "animalia", "Metazoa"])
def test_an_animal_by_any_name_of_its_kingdom_is_one(kingdom):
    assert resolve("Morus bassanus", kingdom=kingdom).problem == ""


HOMONYMS = """taxon_id,scientific_name,common_name,kingdom,phylum,class,order,family,genus,synonyms
4CGXP,Morus,gannets,Animalia,Chordata,Aves,Suliformes,Sulidae,Morus,
77XYZ,Morus,mulberries,Plantae,,,,Moraceae,Morus,
A1,Aotus rufus,night monkey,Animalia,Chordata,Mammalia,Primates,Aotidae,Aotus,
A2,Aotus rufus,a moth,Animalia,Arthropoda,Insecta,Lepidoptera,Noctuidae,Aotus,
B1,Pica nova,new magpie,Animalia,Chordata,Aves,Passeriformes,Corvidae,Pica,Aotus rufus
"""


@pytest.fixture
def homonyms(monkeypatch, tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "made-1.csv").write_text(HOMONYMS)
    monkeypatch.setattr("biolingual.taxonomy.files", lambda package: tmp_path)
    checklist.cache_clear()
    yield
    checklist.cache_clear()


@pytest.mark.parametrize(
    ("name", "told", "taxon_id", "problem"),
    [
        ("Morus", {"kingdom": "Animalia"}, "4CGXP", ""),
        ("Morus", {"family": "Sulidae"}, "4CGXP", ""),
        ("Morus", {"family": "Moraceae"}, "", "not_an_animal"),
        ("Morus", {}, "", "name_ambiguous"),
        ("Aotus rufus", {"family": "Noctuidae"}, "A2", ""),
        ("Aotus rufus", {"kingdom": "Animalia"}, "", "name_ambiguous"),
        ("Pica nova", {"family": "Corvidae s.l."}, "B1", ""),  # no homonym: families move between checklists
    ],
)
def test_homonyms_are_told_apart_by_kingdom_and_family_or_not_at_all(homonyms, name, told, taxon_id, problem):
    taxon = resolve(name, "made-1", **told)
    assert (taxon.taxon_id, taxon.problem) == (taxon_id, problem)


def test_a_key_of_letters_and_digits_stays_text(homonyms):
    assert resolve("Morus", "made-1", kingdom="Animalia").taxon_id == "4CGXP"


@pytest.mark.parametrize("table", ["eBird_Taxonomy_v2021.csv", "eBird_taxonomy_v2025.csv"])
def test_every_row_of_ebirds_taxonomy_is_judged_by_what_it_is(shared, table):
    """Species, subspecies groups, forms and domestic forms give their species; slashes, spuhs and hybrids none."""
    wrong = []
    with (shared / "archives" / "ebird" / table).open(encoding="utf-8-sig") as lines:
        for row in csv.DictReader(lines):
            taxon, words = resolve(row["SCI_NAME"]), row["SCI_NAME"].split()
            if row["CATEGORY"] in ("species", "issf"):
                right = taxon.scientific_name == " ".join(words[:2])
            elif row["CATEGORY"] in ("slash", "spuh", "hybrid", "intergrade"):
                right = taxon.problem in ("name_uncertain", "name_hybrid")
            else:  # form, domestic: the species, or a form that no one has described
                right = taxon.scientific_name == " ".join(words[:2]) or taxon.problem
            wrong += [] if right else [row["SCI_NAME"]]
    assert wrong == []
