"""Published taxonomies, each in its true form, become tables in which names resolve; what does not is listed with its reason."""

import csv
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from biolingual.checklist_sources import rows
from biolingual.checklists import COLUMNS, build, write
from biolingual.taxonomy import checklist, resolve

ROOT = Path(__file__).resolve().parents[1]
TAXONOMIES = Path(__file__).parent / "taxonomies"  # written by hand in the true forms, with a few real names
SETS = ("ebird", "gbif", "inaturalist", "col", "coldp")


@pytest.fixture
def sources(tmp_path):
    """The address of each taxonomy as it is published: eBird's CSV, the others zipped."""
    found = {"ebird": str(TAXONOMIES / "ebird/eBird_taxonomy_v2025.csv")}
    for name in SETS[1:]:
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as file:
            for path in sorted((TAXONOMIES / name).iterdir()):
                file.write(path, path.name)
        found[name] = str(tmp_path / f"{name}.zip")
    return found


def made(source, within="Animalia"):
    table, unresolved = build([source], within)
    return {row["scientific_name"]: row for row in table}, {one.name: one.reason for one in unresolved}


def test_ebird_gives_its_species_and_what_it_reports_as_one(sources):
    table, unresolved = made(sources["ebird"])
    assert list(table) == ["Columba livia", "Rhea pennata"] and not unresolved
    rhea = table["Rhea pennata"]
    assert (rhea["taxon_id"], rhea["common_name"], rhea["family"]) == ("lesrhe2", "Lesser Rhea", "Rheidae")
    assert (rhea["kingdom"], rhea["class"], rhea["order"], rhea["genus"]) == ("Animalia", "Aves", "Rheiformes", "Rhea")
    assert rhea["synonyms"] == "Pterocnemia pennata garleppi"


def test_gbifs_backbone_keeps_doubtful_species_that_no_accepted_one_replaces(sources):
    table, unresolved = made(sources["gbif"])
    assert list(table) == ["Aegithalos caudatus", "Morus bassanus"], "Morus alba is a tree"
    gannet, tit = table["Morus bassanus"], table["Aegithalos caudatus"]
    assert gannet["taxon_id"] == "5231198" and gannet["synonyms"] == "Pelecanus bassanus;Sula bassana"
    assert tit["synonyms"] == "Acredula caudata rosea"
    assert (tit["common_name"], json.loads(tit["names"])) == ("Long-tailed Tit", {"de": "Schwanzmeise"})
    assert (gannet["common_name"], json.loads(gannet["names"])) == ("", {"fr": "Fou de Bassan"})
    assert unresolved == {
        "Morus bassanus": "doubtful_beside_accepted",
        "Round one": "names_in_a_circle",
        "Round two": "names_in_a_circle",
        "Lost one": "accepted_missing",
    }


def test_inaturalists_keys_are_the_ends_of_its_addresses_and_its_codes_are_no_names(sources):
    table, unresolved = made(sources["inaturalist"])
    crow = table["Corvus brachyrhynchos"]
    assert list(table) == ["Corvus brachyrhynchos"] and not unresolved
    assert (crow["taxon_id"], crow["common_name"]) == ("7998", 'American "Crow"')
    assert json.loads(crow["names"]) == {"es": "Cuervo norteamericano"}


@pytest.mark.parametrize("source", ["col", "coldp"])
def test_catalogue_of_life_is_climbed_by_its_parents_with_keys_of_letters(sources, source):
    table, unresolved = made(sources[source])
    bird = table["Parkesia motacilla"]
    assert (bird["taxon_id"], bird["synonyms"]) == ("763KT", "Seiurus motacilla")
    assert [bird[rank] for rank in ("kingdom", "phylum", "class", "order", "family", "genus")] == [
        "Animalia",
        "Chordata",
        "Aves",
        "Passeriformes",
        "Parulidae",
        "Parkesia",
    ]
    assert "Parkesia nova" in table and unresolved["Lostus unus"] == "parent_missing"
    if source == "coldp":
        assert bird["common_name"] == "Louisiana Waterthrush", "the preferred one, not the first"
        assert json.loads(bird["names"]) == {"deu": "Stelzenwaldsänger"}
        assert unresolved[""] == "malformed_row"


@pytest.mark.parametrize("source", SETS[1:])
def test_an_unpacked_taxonomy_reads_like_the_zip(sources, source):
    assert build([str(TAXONOMIES / source)], "") == build([sources[source]], "")


def test_only_what_is_below_the_taxon_asked_for_is_taken(sources):
    assert list(made(sources["gbif"], "Sulidae")[0]) == ["Morus bassanus"]
    assert "Morus alba" in made(sources["gbif"], "")[0]


def test_names_resolve_in_the_table_that_was_written(sources, tmp_path, monkeypatch):
    (tmp_path / "tables").mkdir()
    for name, source in (("coldp-26.9", "coldp"), ("gbif-2023", "gbif"), ("clements-2025", "ebird")):
        write(build([sources[source]], "")[0], tmp_path / "tables" / f"{name}.csv")
    monkeypatch.setattr("biolingual.taxonomy.files", lambda package: tmp_path)
    checklist.cache_clear()
    old = resolve("Seiurus motacilla", "coldp-26.9")
    assert (old.scientific_name, old.taxon_id, old.checklist_version) == ("Parkesia motacilla", "763KT", "26.9")
    assert resolve("Sula bassana (Linnaeus, 1758)", "gbif-2023").taxon_id == "5231198"
    assert resolve("Morus alba", "gbif-2023").problem == "not_an_animal"
    assert resolve("Pterocnemia pennata garleppi", "clements-2025").common_name == "Lesser Rhea"
    assert resolve("Columba livia (Feral Pigeon)", "clements-2025").taxon_id == "rocpig"
    assert resolve("Rhea pennata x americana", "clements-2025").problem == "name_hybrid"
    checklist.cache_clear()


def test_the_same_source_gives_the_same_bytes(sources, tmp_path):
    for name in ("gbif-1", "gbif-2"):
        write(build([sources["gbif"]], "")[0], tmp_path / f"{name}.csv")
    assert (tmp_path / "gbif-1.csv").read_bytes() == (tmp_path / "gbif-2.csv").read_bytes()


@pytest.mark.parametrize("name", ["Clements 2025.csv", "clements.csv", "clements-2025.tsv"])
def test_a_table_has_the_name_that_tells_checklist_and_version(sources, tmp_path, name):
    with pytest.raises(ValueError, match="<checklist>-<version>"):
        write(build([sources["ebird"]], "")[0], tmp_path / name)


def test_another_file_is_told_from_a_taxonomy(tmp_path):
    (tmp_path / "a.csv").write_text("id,name\n1,x\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/readme.txt").write_text("x")
    (tmp_path / "b/more.txt").write_text("x")
    with pytest.raises(ValueError, match="no column CATEGORY"):
        list(rows(str(tmp_path / "a.csv")))
    with pytest.raises(ValueError, match="is no taxonomy we read"):
        list(rows(str(tmp_path / "b")))


@pytest.mark.parametrize(
    ("file", "species"), [("eBird_Taxonomy_v2021.csv", 10824), ("eBird_taxonomy_v2025.csv", 11167)]
)
def test_the_real_ebird_taxonomies_resolve_whole(shared, file, species):
    table, unresolved = build([str(shared / "archives/ebird" / file)], "Animalia")
    assert (len(table), unresolved) == (species, []) and all(row["family"] and row["common_name"] for row in table)


def command(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "biolingual.cli", "taxonomy", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_writes_the_table_and_strict_lists_what_does_not_resolve(sources, tmp_path):
    done = command("build", "gbif-2023", sources["gbif"], "--out", ".", cwd=tmp_path)
    assert done.returncode == 0 and "2 species" in done.stdout and "2 names_in_a_circle" in done.stdout
    with (tmp_path / "gbif-2023.csv").open(encoding="utf-8") as lines:
        assert tuple(csv.DictReader(lines).fieldnames) == COLUMNS
    strict = command("build", "gbif-2024", sources["gbif"], "--out", ".", "--strict", cwd=tmp_path)
    assert strict.returncode == 1 and "81\tLost one\taccepted_missing" in strict.stdout
    assert "4 names of" in strict.stderr and not (tmp_path / "gbif-2024.csv").exists()


def test_names_of_a_dump_are_looked_up_beforehand(tmp_path):
    (tmp_path / "names.txt").write_text("Velara umbrosa\nTurdus merula\nVelara sp.\n")
    done = command("resolve", "simulated-1", "names.txt", "--strict", cwd=tmp_path)
    assert done.stdout.splitlines() == [
        "Turdus merula\t\t\t\tname_not_in_checklist",
        "Velara sp.\t\t\t\tname_uncertain",
    ]
    assert done.returncode == 1 and done.stderr == "ERROR: 2 of 3 names do not resolve.\n"
