"""iNaturalist's API pages as a dump: the real page with its dirt, sound by sound."""

import json

import pytest

from biolingual.archives.inaturalist import inspect, read
from biolingual.licences import parse
from biolingual.taxonomy import resolve
from tests.archives.made_dumps import dump_row, save

ROW = dump_row("inaturalist")


@pytest.fixture
def dirty(shared, tmp_path):
    page = (shared / "archives/inaturalist_api/v2/sounds_page_with_dirt.json").read_bytes()
    source = save(tmp_path, {"pages/page-00001.json": page, "sounds/1654351.wav": b"x", "sounds/77.wav": b"x"})
    inspect(source, ROW)
    return {record.source_id: record for record in read(source, ROW)}


def test_every_sound_of_the_page_is_there_once_and_every_file(dirty):
    ids = "1654351 1654352 1129762 1129763 1270513 1270514 900001 900002 274020 151738 2165535 500001 500002"
    assert list(dirty) == [f"sound-{one}" for one in ids.split()] + ["file-77"]
    assert dirty["sound-1654351"].audio.endswith("sounds/1654351.wav") and not dirty["sound-1654352"].audio
    assert dirty["file-77"].problem == "no_metadata_row"


def test_a_hidden_sound_and_one_without_an_address_are_withheld(dirty):
    assert {name for name, one in dirty.items() if one.problem == "withheld"} == {"sound-900001", "sound-500002"}


@pytest.mark.parametrize(
    ("sound", "licence"),
    [("1654351", "CC BY-NC"), ("1129762", None), ("274020", "CC0 1.0"), ("2165535", "CC BY-ND"), ("500001", None)],
)
def test_the_licence_is_the_sounds_own_and_null_or_an_unknown_code_is_none(dirty, sound, licence):
    found = parse(dirty[f"sound-{sound}"].fields["license_source"])
    assert (found and str(found)) == licence


def test_an_obscured_place_has_its_accuracy_and_no_name(dirty):
    hidden, open_ = dirty["sound-1129762"].fields, dirty["sound-1654351"].fields
    assert (hidden["coordinate_uncertainty_m"], hidden["locality_coarse"]) == (28121, "")
    assert (open_["latitude"], open_["locality_coarse"]) == (50.7365434086, "53 Bonn-Beuel, Germany")
    assert dirty["sound-500001"].fields["latitude"] is None, "0,0 is no place"
    assert dirty["sound-274020"].fields["latitude"] is None and dirty["sound-274020"].fields["event_date"] == ""


def test_names_come_at_the_rank_that_they_have_with_their_key_as_text(dirty):
    cricket, order = dirty["sound-1654351"].fields, dirty["sound-151738"].fields
    assert (cricket["source_name"], cricket["taxon_id"], cricket["checklist"]) == (
        "Pholidoptera griseoaptera",
        "123456",
        "inaturalist",
    )
    assert (cricket["common_name"], cricket["kingdom"]) == ("Dark Bush-cricket", "Animalia")
    assert (order["source_name"], order["rank"]) == ("Orthoptera", "order")
    assert resolve(order["source_name"], kingdom=order["kingdom"]).scientific_name == "Orthoptera"


def test_a_user_without_a_name_goes_by_the_login(dirty):
    assert dirty["sound-1270513"].fields["recorded_by"] == "rostyslav_yurechko"


def test_v1_pages_read_too_with_coordinates_as_a_pair(shared, tmp_path):
    page = (shared / "archives/inaturalist_api/v1/get_observation_with_sounds.json").read_bytes()
    (record,) = read(save(tmp_path, {"pages/page-00001.json": page}), ROW)
    place = json.loads(page)["results"][0]["location"]
    assert record.source_id == "sound-263113" and record.fields["latitude"] == place[0]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"errors": []}', b'{"results": [{"id": 1, "name": "a taxon"}]}'])
def test_another_answer_is_refused_in_a_line(tmp_path, body):
    source = save(tmp_path, {"pages/page-00001.json": body})
    with pytest.raises(ValueError, match=r"page-00001\.json .*Harvest the page again") as caught:
        inspect(source, ROW)
    assert "\n" not in str(caught.value)


def test_one_sound_on_two_observations_keeps_both_taxa_and_an_observation_twice_counts_once(tmp_path):
    sound = {"id": 9, "license_code": "cc0", "file_url": "https://a.org/9.wav"}
    page = {
        "total_results": 3,
        "results": [
            {"id": 1, "taxon": {"name": "Gryllus campestris", "rank": "species"}, "sounds": [sound]},
            {"id": 2, "taxon": {"name": "Hyla arborea", "rank": "species"}, "sounds": [sound]},
            {"id": 1, "taxon": {"name": "Gryllus campestris", "rank": "species"}, "sounds": [sound]},
        ],
    }
    (record,) = read(save(tmp_path, {"pages/page-00001.json": json.dumps(page).encode()}), ROW)
    assert (record.fields["source_name"], record.fields["background_species"]) == (
        "Gryllus campestris",
        ["Hyla arborea"],
    )
