"""The Animal Sound Archive's pages and sounds: units told apart, slowed bats brought back, nothing read twice."""

import json
import shutil

import pytest

from biolingual.archives.animal_sound_archive import inspect, read
from tests.archives.made_dumps import dump_row, save

ROW = dump_row("animal_sound_archive")
BAT = {
    "unique_identifier": "VN:Myotis_1",
    "species": "Myotis daubentonii",
    "filename": "Myotis_1",
    "description": "Echoortungsrufe. Mp3-Datei 10 fach verlangsamt.",
    "sample_rate": 256,
    "usage_permission": "CC BY-SA",
}


def records(folder, *pages: object, files: tuple[str, ...] = ()) -> dict:
    contents = {f"pages/page-{i:04d}.json": json.dumps(page) for i, page in enumerate(pages)}
    source = save(folder, {**contents, **{f"audio/{name}": b"x" for name in files}})
    return {record.source_id: record for record in read(source, ROW)}


@pytest.fixture
def real(shared, tmp_path):
    (tmp_path / "pages").mkdir()
    shutil.copy(shared / "archives/tierstimmenarchiv/query_page.json", tmp_path / "pages/page-0001.json")
    return {record.source_id: record for record in read(str(tmp_path), ROW)}


def test_of_the_real_page_every_record_is_read(real):
    problems = {source_id: record.problem for source_id, record in real.items() if record.problem}
    assert len(real) == 12
    assert problems == {
        "TSA:Acanthis_cannabina_V_1743_10_2": "no_sound",
        "TSA:Calibration_DIG213_94": "calibration_signal",
    }


@pytest.mark.parametrize(
    ("source_id", "hz"),
    [
        ("TSA:Pipistrellus_pygmaeus_Teerofenbruecke_20250522_212802", 256000),
        ("TSA:Crex_crex_DIG0208_23", 48000),
        ("TSA:Leptopelis_aubryi_DIG_174_1_1", 44100),
        ("TSA:Acrocephalus_palustris_V_1837_2_1", None),
    ],
)
def test_kilohertz_and_hertz_of_the_real_page_are_told_apart(real, source_id, hz):
    assert real[source_id].fields["source_sample_rate_hz"] == hz


def test_a_length_of_zero_seconds_on_the_real_page_is_none_and_the_clock_counts(real):
    assert real["VN:Myotis_spec_Vtb0001_13"].fields["declared_duration_s"] == 5
    assert real["J_Orn:Trachyphonus_margaritatus_154765"].fields["declared_duration_s"] == 8.469


def test_the_language_of_real_remarks_is_that_of_their_words_not_of_their_field(real):
    linnet, bat = real["TSA:Acanthis_cannabina_V_1743_10_2"].fields, real["VN:Myotis_spec_Vtb0001_13"].fields
    assert (linnet["remarks_language"], bat["remarks_language"]) == ("de", "en")
    assert bat["remarks"].startswith("Echolocation calls. Secondary forest")


def test_real_names_of_people_lose_their_blanks_and_permissions_are_kept_as_given(real):
    barbet = real["J_Orn:Trachyphonus_margaritatus_154765"].fields
    assert barbet["recorded_by"] == "Mahamoud-Issa, Mathieu"
    assert barbet["license_source"] == "CC BY-NC-SA, no commercial use"
    assert real["TSA:Acrocephalus_palustris_V_1837_2_1"].fields["license_source"] == ""


def test_the_last_page_given_again_adds_nothing(tmp_path):
    assert list(records(tmp_path, [BAT], [BAT], [BAT])) == ["VN:Myotis_1"]


@pytest.mark.parametrize(
    ("fields", "file", "problem"),
    [
        ({}, "VN_Myotis_1.wav", ""),
        ({"description": "Calls."}, "VN_Myotis_1.mp3", "time_expanded"),  # 256 kHz fit no MP3
        ({"description": "Repeated ten times. Slow song."}, "VN_Myotis_1.mp3", "time_expanded"),
        ({"description": "Song.", "sample_rate": 48000}, "VN_Myotis_1.mp3", ""),
    ],
)
def test_an_mp3_slowed_by_no_stated_factor_is_refused_and_a_wav_taken(tmp_path, fields, file, problem):
    record = records(tmp_path, [{**BAT, **fields}], files=(file,))["VN:Myotis_1"]
    assert (record.problem, record.audio.endswith(file), record.slowed) == (problem, True, 1)


@pytest.mark.parametrize("text", [BAT["description"], "Mp3 ten times slower.", "Bat calls, slowed down 10x; night."])
def test_an_mp3_that_is_said_to_be_ten_times_slower_is_taken_with_that_factor(tmp_path, text):
    record = records(tmp_path, [{**BAT, "description": text}], files=("VN_Myotis_1.mp3",))["VN:Myotis_1"]
    assert (record.problem, record.slowed) == ("", 10)


def test_where_both_are_there_the_wav_is_taken(tmp_path):
    record = records(tmp_path, [BAT], files=("VN_Myotis_1.mp3", "VN_Myotis_1.wav"))["VN:Myotis_1"]
    assert record.audio.endswith(".wav") and not record.problem


def test_a_file_or_a_record_without_its_other_half_is_told(tmp_path):
    found = records(tmp_path, [{"species": "Crex crex"}], files=("stray.wav",))
    assert {name: record.problem for name, record in found.items()} == {
        "page-0000.json:0": "malformed_row",
        "file-stray.wav": "no_metadata_row",
    }


def test_a_warning_under_status_200_is_no_page(tmp_path):
    with pytest.raises(ValueError, match="is an answer without records: no search parameters found"):
        records(tmp_path, {"Warning": "no search parameters found"})


def test_a_folder_without_pages_is_no_dump(tmp_path):
    with pytest.raises(ValueError, match=r"not a dump of the Animal Sound Archive"):
        inspect(str(tmp_path), ROW)
