"""Any sound dataset of GBIF: the media that are sounds, each with its own licence."""

import pytest

from biolingual.archives.darwin_core import inspect, read
from tests.archives.made_dumps import darwin_core, dump_row, save

ROW = dump_row("darwin_core")
OWL = {
    "gbifID": "11",
    "scientificName": "Strix aluco Linnaeus, 1758",
    "species": "Strix aluco",
    "kingdom": "Animalia",
    "class": "Aves",
    "taxonRank": "SPECIES",
    "acceptedTaxonKey": "6TH9B",
    "countryCode": "NA",
    "decimalLatitude": "52.5",
    "decimalLongitude": "13.4",
    "license": "CC_BY_NC_4_0",
    "eventDate": "2021-03-04T21:15:00Z",
}
HOOT = {
    "gbifID": "11",
    "type": "Sound",
    "format": "audio/mpeg",
    "identifier": "http://www.tierstimmenarchiv.de/recordings/Strix_aluco_V1.mp3",
    "description": "17 s",
    "license": "http://creativecommons.org/licenses/by-nc-sa/4.0/",
    "rightsHolder": "Museum",
}


def records(folder, occurrences: list[dict], media: list[dict], files: tuple[str, ...] = ()) -> dict:
    darwin_core(folder / "gbif.zip", occurrences, media)
    return {record.source_id: record for record in read(save(folder, {f"audio/{name}": b"x" for name in files}), ROW)}


def test_a_sound_is_read_with_the_fields_of_its_occurrence(tmp_path):
    record = records(tmp_path, [OWL], [HOOT], ("Strix_aluco_V1.mp3",))["11/Strix_aluco_V1.mp3"]
    expected = {
        "source_name": "Strix aluco",
        "kingdom": "Animalia",
        "class_": "Aves",
        "rank": "species",
        "taxon_id": "6TH9B",
        "checklist": "gbif",
        "country": "NA",
        "event_date": "2021-03-04",
        "declared_duration_s": 17.0,
        "rights_holder": "Museum",
    }
    assert record.audio.endswith("Strix_aluco_V1.mp3") and expected.items() <= record.fields.items()


def test_the_licence_is_the_mediums_never_the_occurrences(tmp_path):
    (record,) = records(tmp_path, [OWL], [HOOT]).values()
    assert record.fields["license_source"] == HOOT["license"]
    (bare,) = records(tmp_path, [OWL], [{**HOOT, "license": ""}]).values()
    assert bare.fields["license_source"] == ""


@pytest.mark.parametrize(
    "picture",
    [
        {"type": "StillImage", "format": "image/png"},
        {"type": "Sound", "format": "image/png"},
        {"type": "", "format": ""},
    ],
)
def test_what_is_no_sound_by_type_or_format_is_left_out(tmp_path, picture):
    other = {**HOOT, **picture, "identifier": "http://x/sonogram.png"}
    assert list(records(tmp_path, [OWL], [other, HOOT])) == ["11/Strix_aluco_V1.mp3"]


def test_a_sound_without_a_type_is_known_by_its_format(tmp_path):
    assert len(records(tmp_path, [OWL], [{**HOOT, "type": "", "format": "audio/vnd.wave"}])) == 1


def test_a_file_named_after_the_occurrence_is_its_one_sound(tmp_path):
    found = records(tmp_path, [OWL], [HOOT, {**HOOT, "identifier": "http://x/second.mp3"}], ("11.flac",))
    assert [bool(record.audio) for record in found.values()] == [True, False]


def test_a_sound_of_no_occurrence_and_a_file_of_no_sound_are_told(tmp_path):
    found = records(tmp_path, [OWL], [{**HOOT, "gbifID": "99"}], ("stray.wav",))
    assert {record.problem for record in found.values()} == {"orphan_media", "no_metadata_row"}


def test_a_quote_in_gbifs_text_is_text(tmp_path):
    (record,) = records(tmp_path, [{**OWL, "occurrenceRemarks": 'heard "kewick'}], [HOOT]).values()
    assert record.fields["remarks"] == 'heard "kewick'


def test_an_archive_without_media_is_no_sound_dataset(shared):
    source = str(shared / "archives" / "dwca_python-dwca-reader" / "gbif-results.zip")
    with pytest.raises(ValueError, match=r"a sound dataset has Occurrence and Multimedia"):
        inspect(source, ROW)
