"""iNaturalist's Darwin Core Archive and sounds: every sound once, under its own licence."""

import zipfile
from pathlib import Path

import pytest

from biolingual.archives.inaturalist import inspect, read
from biolingual.archives.simulated import World
from biolingual.archives.simulated_formats import MEDIA_TERMS, OBSERVATION_TERMS, csv_text, licence_url, meta_xml
from biolingual.archives.source import SourceRecord
from biolingual.parallel import Machine
from biolingual.params import DumpRow

ROW = DumpRow(
    archive="inaturalist", origin="simulated", source="", digest="", checklist="simulated-1", default_license=""
)
WORLD = World(7, 60)
PLANNED = WORLD.dumps()["inaturalist-2026-01"]


@pytest.fixture(scope="module")
def dump(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("inaturalist")
    WORLD.write("inaturalist-2026-01", folder, Machine(workers=1))
    return folder


@pytest.fixture(scope="module")
def records(dump) -> dict[str, SourceRecord]:
    return {record.source_id: record for record in read(str(dump), ROW)}


def observation(number: int, name: str = "Velara umbrosa", **fields: str) -> dict:
    return {"id": str(number), "scientificName": name, "recordedBy": "Ada Marr", "license": "CC0", **fields}


def sound(number: int, observation: int, **fields: str) -> dict:
    address = f"https://static.inaturalist.org/sounds/{number}.wav?1767600000"
    media = {
        "id": str(observation),
        "type": "Sound",
        "identifier": address,
        "catalogNumber": str(number),
        "license": "CC BY 4.0",
    }
    return {**media, **fields}


def save(folder: Path, observations: list[dict], media: list[dict], sounds: tuple[str, ...] = ()) -> str:
    """A dump of the given rows and of files named `sounds`; returns its address."""
    with zipfile.ZipFile(folder / "dwca.zip", "w") as archive:
        archive.writestr("meta.xml", meta_xml())
        archive.writestr("observations.csv", csv_text(list(OBSERVATION_TERMS), observations))
        archive.writestr("media.csv", csv_text(list(MEDIA_TERMS), media))
    (folder / "sounds").mkdir()
    for name in sounds:
        (folder / "sounds" / name).write_bytes(b"RIFF")
    return str(folder)


def test_every_sound_of_the_world_is_read_once(records):
    assert sorted(records) == sorted(f"sound-{500000 + item.index}" for item in PLANNED)


def test_every_file_of_the_dump_is_found_by_its_id(records, dump):
    assert sorted(Path(record.audio).name for record in records.values()) == sorted(
        path.name for path in (dump / "sounds").iterdir()
    )


def test_the_fields_are_those_of_the_world(records):
    for item in PLANNED:
        fields = records[f"sound-{500000 + item.index}"].fields
        assert (fields["source_name"], fields["recorded_by"]) == (item.species.scientific_name, item.recordist)
        assert (fields["event_date"], fields["latitude"], fields["longitude"]) == (
            item.date,
            item.latitude,
            item.longitude,
        )


def test_the_licence_is_the_sounds_never_the_observations(records):
    clean = [item for item in PLANNED if item.dirt != "no_licence"]
    assert len({item.licence for item in clean}) > 1  # the observations are all CC0
    for item in clean:
        given = records[f"sound-{500000 + item.index}"].fields["license_source"]
        assert given == licence_url(item.licence).replace("https", "http")


def test_a_sound_without_a_licence_stays_without(tmp_path):
    (record,) = read(save(tmp_path, [observation(1)], [sound(7, 1, license="")]), ROW)
    assert record.fields["license_source"] == ""


def test_photographs_are_left_out(tmp_path):
    media = [{**sound(1, 1), "type": "StillImage"}, sound(7, 1)]
    assert [record.source_id for record in read(save(tmp_path, [observation(1)], media), ROW)] == ["sound-7"]


def test_both_sounds_of_an_observation_are_read(tmp_path):
    source = save(tmp_path, [observation(1)], [sound(7, 1), sound(8, 1)], ("7.wav", "8.mp3"))
    assert [Path(record.audio).name for record in read(source, ROW)] == ["7.wav", "8.mp3"]


def test_a_sound_on_two_observations_is_read_once_and_keeps_the_other_taxon_as_background(tmp_path):
    observations = [observation(1), observation(2, "Ziza acuta"), observation(3, "Mugo silvaticus")]
    media = [sound(7, 1), sound(7, 2), sound(7, 3)]
    (record,) = read(save(tmp_path, observations, media), ROW)
    assert record.fields["source_name"] == "Velara umbrosa"
    assert record.fields["background_species"] == ["Mugo silvaticus", "Ziza acuta"]


def test_a_sound_without_its_observation_is_a_problem_that_names_it(tmp_path):
    (record,) = read(save(tmp_path, [observation(1)], [sound(7, 99)]), ROW)
    assert (record.source_id, record.problem, record.detail) == (
        "sound-7",
        "orphan_media",
        "no observation 99 in the dump",
    )


def test_without_a_catalogue_number_the_id_comes_from_the_address_without_its_time(tmp_path):
    address = "https://static.inaturalist.org/sounds/7?1767600000"
    media = sound(7, 1, catalogNumber="", identifier=address)
    (record,) = read(save(tmp_path, [observation(1)], [media], ("7.wav",)), ROW)
    assert record.source_id == "sound-7" and record.audio.endswith("sounds/7.wav")


def test_a_sound_whose_file_is_not_in_the_dump_has_no_audio(tmp_path):
    record, stray = read(save(tmp_path, [observation(1)], [sound(7, 1)], ("8.wav",)), ROW)
    assert (record.audio, record.problem) == ("", "")
    assert (stray.source_id, stray.problem) == ("file-8", "no_metadata_row")


def test_a_sound_on_two_observations_of_one_species_is_not_its_own_background(tmp_path):
    (record,) = read(save(tmp_path, [observation(1), observation(2)], [sound(7, 1), sound(7, 2)]), ROW)
    assert record.fields["background_species"] == []


def test_a_file_that_is_no_zip_is_one_clear_line(tmp_path):
    (tmp_path / "dump.zip").write_bytes(b"<html>503</html>")
    with pytest.raises(ValueError, match="is no zip archive"):
        list(read(str(tmp_path), ROW))


@pytest.mark.parametrize(
    ("properties", "behavior"),
    [('{"behavior": "alarm call"}', "alarm call"), ("", ""), ("heard at dawn", ""), ("[1]", ""), ('{"age": 2}', "")],
)
def test_the_behaviour_is_read_from_json_and_from_nothing_else(tmp_path, properties, behavior):
    (record,) = read(save(tmp_path, [observation(1, dynamicProperties=properties)], [sound(7, 1)]), ROW)
    assert record.fields["behavior"] == behavior


def test_the_uncertainty_of_an_obscured_place_is_kept(tmp_path):
    row = observation(1, decimalLatitude="38.6", decimalLongitude="-90.4", coordinateUncertaintyInMeters="28121")
    (record,) = read(save(tmp_path, [row], [sound(7, 1)]), ROW)
    assert record.fields["coordinate_uncertainty_m"] == 28121.0


@pytest.mark.parametrize("count", [0, 2])
def test_a_folder_without_exactly_one_zip_is_no_dump(tmp_path, count):
    for number in range(count):
        (tmp_path / f"{number}.zip").write_bytes(b"")
    with pytest.raises(
        ValueError, match=rf"holds {count} \.zip files; an iNaturalist dump has one Darwin Core Archive"
    ):
        inspect(str(tmp_path), ROW)


def test_a_zip_without_meta_xml_is_no_dump(tmp_path):
    with zipfile.ZipFile(tmp_path / "dwca.zip", "w") as archive:
        archive.writestr("observations.csv", "id\n1\n")
    with pytest.raises(ValueError, match=r"holds no meta\.xml: not a Darwin Core Archive"):
        inspect(str(tmp_path), ROW)


def test_a_dump_of_the_world_is_a_dump(dump):
    assert inspect(str(dump), ROW) is None


def test_a_real_gbif_download_of_occurrences_alone_is_no_inaturalist_dump(shared):
    source = str(shared / "archives" / "dwca_python-dwca-reader" / "gbif-results.zip")
    with pytest.raises(
        ValueError, match=r"meta\.xml names \['Occurrence'\]; an iNaturalist dump has Occurrence and Multimedia"
    ):
        inspect(source, ROW)
