"""The authors' release: rows with captions and without licences, which the archives' own tables bring."""

import pytest

from biolingual.archives.animalspeak_release import archive_id, inspect, read
from tests.archives.made_dumps import dump_row, save

ROW = dump_row("animalspeak_release")
HEAD = ",i,url,source,recordist,species_common,species_scientific,caption,caption2\n"
ONE = "0,7,https://xeno-canto.org/123,Xeno-canto,Ada Marr,Eurasian Wren,Troglodytes troglodytes,A wren sings,NA\n"


def records(folder, rows: str, **files: str) -> dict:
    contents = {"animalspeak.csv": HEAD + rows, "audio/7.wav": "x", **files}
    return {record.source_id: record for record in read(save(folder, contents), ROW)}


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://xeno-canto.org/123", "xeno_canto:XC123"),
        ("//www.xeno-canto.org/123/download", "xeno_canto:XC123"),
        ("https://xeno-canto.org/sounds/uploaded/ABCDEFGHIJ/XC9-x.mp3", "xeno_canto:XC9"),
        ("https://static.inaturalist.org/sounds/17376.m4a?1516933705", "inaturalist:sound-17376"),
        ("https://whoicf2.whoi.edu/science/B/whalesounds/850430B6.wav", "watkins:850430B6"),
        ("https://www.youtube.com/watch?v=-abcdefghij", "youtube:-abcdefghij"),
        ("https://example.org/1.wav", ""),
    ],
)
def test_an_address_gives_the_id_in_its_own_archive(url, expected):
    assert archive_id(url) == expected


def test_the_licence_is_looked_up_by_the_id_in_its_archive(tmp_path):
    licences = {"licences.csv": "id,license\nxeno_canto:XC123,CC BY-NC-SA 4.0\n"}
    (record,) = records(tmp_path, ONE, **licences).values()
    assert record.fields["license_source"] == "CC BY-NC-SA 4.0"
    assert record.fields["source_recording"] == "xeno_canto:XC123"


def test_without_a_licence_the_row_has_none(tmp_path):
    assert records(tmp_path, ONE)["7"].fields["license_source"] == ""


def test_the_captions_are_kept_and_na_is_a_word(tmp_path):
    record = records(tmp_path, ONE)["7"]
    assert (record.captions, record.captioner) == (("A wren sings", "NA"), "animalspeak-2023")
    assert record.audio.endswith("audio/7.wav")


def test_a_short_row_and_a_file_without_a_row_are_told(tmp_path):
    found = records(tmp_path, ONE + "1,8,https://x\n", **{"audio/9.wav": "x"})
    assert {name: record.problem for name, record in found.items()} == {
        "7": "",
        "row-3": "malformed_row",
        "file-9": "no_metadata_row",
    }


def test_a_table_of_another_form_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds 0 tables of the AnimalSpeak release"):
        inspect(save(tmp_path, {"a.csv": "id,caption\n"}), ROW)
    with pytest.raises(ValueError, match="must have the columns id and license"):
        inspect(save(tmp_path, {"b.csv": HEAD, "licences.csv": "url,lic\n"}), ROW)
