"""Watkins pages and cuts: codes read, record numbers kept as text, several species in one cut."""

import pytest

from biolingual.archives.watkins import inspect, read, species_names, table
from biolingual.licences import parse
from tests.archives.made_dumps import dump_row, save

ROW = dump_row("watkins", "LicenseRef-WHOI-Public")


def page(**cells: str) -> str:
    rows = "".join(f"<tr><td><b>{code}:</b></td><td> {text}&nbsp;</td></tr>" for code, text in cells.items())
    return f"<html><body><table><tr><td>menu</td></tr></table><table>{rows}</table></body></html>"


def read_one(folder, files: tuple[str, ...] = (), number: str = "850430B6", **cells: str):
    contents = {f"metadata/{number}.html": page(RN=number, **cells), **{f"audio/{name}": b"x" for name in files}}
    return next(iter(read(save(folder, contents), ROW)))


def test_a_page_is_read_by_its_codes():
    assert table(page(RN="62031001", NT="two &amp; more", SR="40,96")) == {
        "RN": "62031001",
        "NT": "two & more",
        "SR": "40,96",
    }


@pytest.mark.parametrize("number", ["850430B6", "05001001", "62031001"])
def test_the_record_number_stays_text(tmp_path, number):
    record = read_one(tmp_path, (f"{number}.wav",), number)
    assert record.source_id == number and record.audio.endswith(f"{number}.wav")


def test_of_several_species_the_first_is_named_and_the_others_are_in_the_background(tmp_path):
    record = read_one(tmp_path, GS="BD12B Stenella attenuata | X | BD15L Tursiops truncatus | Stenella attenuata")
    assert record.fields["source_name"] == "Stenella attenuata"
    assert record.fields["background_species"] == ["Tursiops truncatus"]


def test_a_species_code_gives_its_common_name_from_the_start_page(tmp_path):
    index = '<select id="getSpeciesCommon"><option value="bestOf.cfm?code=AC1A">Bowhead Whale</option></select>'
    save(tmp_path, {"index.html": index})
    assert species_names(index) == {"AC1A": "Bowhead Whale"}
    assert read_one(tmp_path, GS="AC1A").fields["common_name"] == "Bowhead Whale"


@pytest.mark.parametrize(
    ("text", "hz"),
    [("40,96", 40960), ("40.96 ", 40960), ("40,960", 40960), ("81920", 81920), ("166.6", 166600), ("?", None)],
)
def test_rates_in_every_spelling_are_hertz(tmp_path, text, hz):
    assert read_one(tmp_path, SR=text).fields["source_sample_rate_hz"] == hz


@pytest.mark.parametrize(
    ("text", "seconds"), [("12.5", 12.5), ("12,5 s", 12.5), ("1:07", 67), ("", None), ("long", None)]
)
def test_a_cut_size_is_seconds(tmp_path, text, seconds):
    assert read_one(tmp_path, CS=text).fields["declared_duration_s"] == seconds


@pytest.mark.parametrize(
    ("observed", "recorded", "date"),
    [
        ("", "14 Apr 1975", "1975-04-14"),
        ("", "Sept. 1962", "1962-09"),
        ("1985-04-30 | 1985-05-01", "", "1985-04-30"),
        ("", "spring 1958", "1958"),
        ("", "Apr 75", ""),
    ],
)
def test_a_date_keeps_what_is_known_of_it(tmp_path, observed, recorded, date):
    assert read_one(tmp_path, OD=observed, DA=recorded).fields["event_date"] == date


def test_whole_degrees_are_a_place_with_its_uncertainty(tmp_path):
    fields = read_one(tmp_path, GC="42N 070W").fields
    assert (fields["latitude"], fields["longitude"], fields["coordinate_uncertainty_m"]) == (42.0, -70.0, 80_000.0)
    assert read_one(tmp_path, GC="off Cape Cod").fields["latitude"] is None


def test_a_page_of_another_record_and_a_stray_cut_are_told(tmp_path):
    save(tmp_path, {"metadata/1.html": "<html>503</html>", "audio/2.wav": b"x"})
    assert [(one.source_id, one.problem) for one in read(str(tmp_path), ROW)] == [
        ("1", "metadata_unreadable"),
        ("file-2", "no_metadata_row"),
    ]


def test_a_page_in_windows_1252_is_read(tmp_path):
    save(tmp_path, {"metadata/1.html": page(RN="1", NT="José").encode("windows-1252")})
    assert next(iter(read(str(tmp_path), ROW))).fields["remarks"] == "José"


def test_terms_of_use_must_be_named_on_purpose(tmp_path):
    source = save(tmp_path, {"metadata/1.html": page(RN="1")})
    with pytest.raises(ValueError, match="states no licence, only terms of use"):
        inspect(source, dump_row("watkins"))
    licence = parse(ROW.default_license)
    assert (str(licence), licence.nc) == ("LicenseRef-WHOI-Public", True)


def test_a_folder_without_pages_is_no_dump(tmp_path):
    with pytest.raises(ValueError, match="not a Watkins dump"):
        inspect(str(tmp_path), ROW)


def test_a_hybrid_does_not_become_its_parent(tmp_path):
    name = read_one(tmp_path, GS="BD15L Tursiops truncatus x Grampus griseus").fields["source_name"]
    assert name == "Tursiops truncatus x Grampus griseus"
