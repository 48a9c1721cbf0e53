"""Xeno-canto's pages and sounds: every recording once, its fields cleaned, its refusals named."""

import json
import shutil
from pathlib import Path

import pytest

from biolingual.archives.simulated import World
from biolingual.archives.source import SourceRecord
from biolingual.archives.xeno_canto import inspect, read
from biolingual.parallel import Machine
from biolingual.params import DumpRow
from tests.archives import made_dumps

ROW = DumpRow(
    archive="xeno_canto", origin="simulated", source="", digest="", checklist="simulated-1", default_license=""
)
WORLD = World(7, 30)
PLANNED = WORLD.dumps()["xeno_canto-2026-01"]


@pytest.fixture(scope="module")
def dump(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("xeno_canto")
    WORLD.write("xeno_canto-2026-01", folder, Machine(workers=1))
    return folder


@pytest.fixture(scope="module")
def records(dump) -> list[SourceRecord]:
    return list(read(str(dump), ROW))


def of(records: list[SourceRecord], item) -> SourceRecord:
    return next(record for record in records if record.source_id == f"XC{100000 + item.index}")


def save(folder: Path, *pages: object) -> str:
    """A dump of the given pages; returns its address."""
    (folder / "pages").mkdir()
    for number, page in enumerate(pages):
        (folder / f"pages/page-{number:04d}.json").write_text(json.dumps(page), encoding="utf-8")
    return str(folder)


def entry(number: int, **fields: object) -> dict:
    return {"id": str(number), "gen": "Turdus", "sp": "merula", "file": "https://x", "lic": "//x", **fields}


def read_one(folder: Path, **fields: object) -> SourceRecord:
    (record,) = read(save(folder, {"recordings": [entry(1, **fields)]}), ROW)
    return record


def test_every_recording_of_the_pages_is_read_once_and_in_their_order(records):
    assert [record.source_id for record in records] == [f"XC{100000 + item.index}" for item in PLANNED]


def test_every_sound_of_the_dump_is_found_by_its_id(records, dump):
    assert sorted(Path(record.audio).name for record in records if record.audio) == sorted(
        path.name for path in (dump / "audio").iterdir()
    )


def test_the_fields_are_those_of_the_world_whatever_the_encoding_of_the_page(records):
    assert any(item.index % 7 == 0 for item in PLANNED)  # the entries with the oddities
    for item in PLANNED:
        fields = of(records, item).fields
        assert (fields["recorded_by"], fields["locality_coarse"]) == (item.recordist, item.locality)
        assert (fields["behavior"], fields["sex"], fields["life_stage"]) == (item.behavior, item.sex, item.life_stage)
        assert (fields["event_date"], fields["event_time"]) == (item.date, item.time)
        assert fields["background_species"] == ([item.background.scientific_name] if item.background else [])


def test_a_clean_recording_has_the_species_of_the_world_and_no_problem(records):
    for item in PLANNED:
        if item.dirt in ("", "duplicate"):
            record = of(records, item)
            assert (record.problem, record.fields["source_name"]) == ("", item.species.scientific_name)


def test_a_withheld_recording_has_neither_file_nor_place_and_says_so(records):
    (item,) = [item for item in PLANNED if item.dirt == "withheld"]
    record = of(records, item)
    assert (record.audio, record.problem) == ("", "withheld")
    assert (record.fields["latitude"], record.fields["longitude"]) == (None, None)


def test_a_missing_licence_stays_missing(records):
    (item,) = [item for item in PLANNED if item.dirt == "no_licence"]
    assert of(records, item).fields["license_source"] == ""


def test_the_remarks_are_kept_in_the_sources_own_words(records):
    item = next(item for item in PLANNED if item.background and not item.dirt)
    assert of(records, item).fields["remarks"] == item.remarks and "\r\n" in item.remarks


def test_a_recording_on_two_pages_is_read_once(tmp_path):
    source = save(tmp_path, {"recordings": [entry(1), entry(2)]}, {"recordings": [entry(2), entry(3)]})
    assert [record.source_id for record in read(source, ROW)] == ["XC1", "XC2", "XC3"]


def test_an_id_is_the_same_as_number_and_as_text(tmp_path):
    source = save(tmp_path, {"recordings": [entry(1), {**entry(1), "id": 1}]})
    assert [record.source_id for record in read(source, ROW)] == ["XC1"]


def test_a_recording_whose_file_is_not_in_the_dump_has_no_audio(tmp_path):
    assert read_one(tmp_path).audio == ""


@pytest.mark.parametrize("status", ["unidentified", "questioned"])
def test_a_doubtful_identification_is_a_problem(tmp_path, status):
    record = read_one(tmp_path, status=status)
    assert (record.problem, record.detail) == ("not_identified", f"status {status}")


@pytest.mark.parametrize("key", ["lon", "lng"])
def test_the_longitude_is_read_under_both_names(tmp_path, key):
    assert read_one(tmp_path, lat="45.5", **{key: "-8.5"}).fields["longitude"] == -8.5


def test_a_folder_without_pages_is_no_dump(tmp_path):
    with pytest.raises(ValueError, match=r"has no pages/\*\.json: not a Xeno-canto dump\. Save the API's pages"):
        inspect(str(tmp_path), ROW)


def test_a_folder_with_pages_is_a_dump(dump):
    assert inspect(str(dump), ROW) is None


def test_an_error_answer_is_named_with_what_it_says(tmp_path):
    source = save(tmp_path, {"error": "client_error", "message": "Missing or invalid 'key' parameter."})
    with pytest.raises(ValueError, match=r"page-0000\.json is an error answer, not a page: Missing or invalid 'key'"):
        list(read(source, ROW))


@pytest.fixture
def real(shared, tmp_path):
    """Reads one of the real answers as a dump of a single page."""

    def of_page(name: str) -> dict[str, SourceRecord]:
        (tmp_path / "pages").mkdir()
        shutil.copy(shared / "archives" / "xeno-canto" / name, tmp_path / "pages" / "page-0001.json")
        return {record.source_id: record for record in read(str(tmp_path), ROW)}

    return of_page


def test_a_real_recording_is_read_whole(real):
    (record,) = real("xc_v3_single_recording.json").values()
    assert (record.source_id, record.problem) == ("XC254462", "")
    expected = {
        "source_name": "Passerina amoena",
        "common_name": "Lazuli Bunting",
        "behavior": "song",
        "sex": "male, female",
        "life_stage": "",
        "background_species": ["Pipilo maculatus"],
        "recorded_by": "Jonathon Jongsma",
        "license_source": "https://creativecommons.org/licenses/by-sa/4.0/",
        "latitude": 43.6571,
        "longitude": -103.4143,
        "event_date": "2015-06-23",
        "event_time": "07:17",
        "declared_duration_s": 253.0,
        "source_sample_rate_hz": 48000,
        "url": "https://xeno-canto.org/254462",
    }
    assert expected.items() <= record.fields.items()


def test_the_real_error_answer_is_refused(real):
    with pytest.raises(ValueError, match="is an error answer, not a page: Missing or invalid 'key' parameter"):
        real("xc_v3_error_401.json")


def test_of_the_dirty_page_every_recording_is_read(real):
    records = real("xc_v3_page_with_dirt.json")
    assert {source_id: record.problem for source_id, record in records.items()} == {
        "XC694038": "",
        "XC700001": "withheld",
        "XC700002": "",
        "XC1179094": "not_identified",
        "XC100000": "not_identified",
    }


@pytest.mark.parametrize(
    ("source_id", "field", "value"),
    [
        ("XC694038", "background_species", ["Turdus viscivorus", "Parus major"]),
        ("XC694038", "locality_coarse", "A Coruña, Galicia"),
        ("XC700001", "locality_coarse", ""),
        ("XC700002", "locality_coarse", "Serra do Mar >> Pico Paraná, >1800m (approx)"),
        ("XC700002", "declared_duration_s", 3723.0),
        ("XC700002", "event_date", "1998-06"),
        ("XC700002", "event_time", ""),
        ("XC700002", "sex", ""),
        ("XC700002", "latitude", None),
        ("XC1179094", "recorded_by", "A. O'Recordist & B. Recordist"),
        ("XC1179094", "locality_coarse", "Saint-Junien, Bois d'Aixe"),
        ("XC1179094", "behavior", 'call, "tsip" flight call'),
        ("XC1179094", "event_time", "07:05"),
        ("XC1179094", "event_date", ""),
        ("XC100000", "latitude", None),
        ("XC100000", "longitude", None),
        ("XC100000", "declared_duration_s", None),
        ("XC100000", "event_date", "2004"),
        ("XC100000", "source_sample_rate_hz", 48000),
    ],
)
def test_of_the_dirty_page_a_field_is(real, source_id, field, value):
    assert real("xc_v3_page_with_dirt.json")[source_id].fields[field] == value


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"error": "client_error", "message": "Wrong 'key'."}, "Wrong 'key'"),
        ({"error": {"code": "bad_request", "message": "Unknown tag."}}, "Unknown tag"),
        ({"error": {"code": "bad_request"}}, "bad_request"),
    ],
)
def test_both_shapes_of_an_error_are_told_in_their_words(tmp_path, answer, told):
    with pytest.raises(ValueError, match=f"is an error answer, not a page: {told}"):
        list(read(save(tmp_path, answer), ROW))


def test_a_key_in_an_error_answer_is_not_repeated(tmp_path):
    answer = {"message": "No answer for /api/3/recordings?query=x&key=s3cr3t&page=2"}
    with pytest.raises(ValueError, match=r"key=\*\*\*&page=2") as caught:
        list(read(save(tmp_path, answer), ROW))
    assert "s3cr3t" not in str(caught.value)


def test_an_html_page_among_the_pages_is_named(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages/page-0001.json").write_text("<html>503 Service Unavailable</html>")
    with pytest.raises(ValueError, match=r"page-0001\.json is not JSON .* Harvest the page again"):
        list(read(str(tmp_path), ROW))


def test_a_missing_page_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="holds 1 of 3 pages"):
        list(read(save(tmp_path, {"numPages": 3, "recordings": [entry(1)]}), ROW))


@pytest.mark.parametrize("also", [[], [""], None, {"1": "Parus major"}, ["Parus major", ""]])
def test_a_list_is_read_in_every_form_that_php_writes(tmp_path, also):
    expected = ["Parus major"] if also and "Parus major" in str(also) else []
    assert read_one(tmp_path, also=also).fields["background_species"] == expected


def test_recordings_as_an_object_with_numbers_for_keys_are_all_read(tmp_path):
    source = save(tmp_path, {"recordings": {"0": entry(1), "2": entry(3)}})
    assert [record.source_id for record in read(source, ROW)] == ["XC1", "XC3"]


def test_an_entry_without_an_id_is_a_row_with_its_reason(tmp_path):
    found = list(read(save(tmp_path, {"recordings": [entry(1), {"gen": "Turdus"}, None]}), ROW))
    assert [record.problem for record in found] == ["", "malformed_row", "malformed_row"]


def test_a_hidden_place_stays_hidden_where_the_page_still_has_it(tmp_path):
    meta = {"redacted_fields": {"lat": "restricted_species", "lon": "restricted_species"}}
    assert read_one(tmp_path, lat="45.5", lon="8.5", _meta=meta).fields["latitude"] is None


WREN = {
    "id": "9@XC",
    "catalogNumber": "XC9",
    "genus": "Troglodytes",
    "specificEpithet": "troglodytes",
    "kingdom": "Animalia",
    "behavior": "song",
    "latitudeDecimal": "42.8",
    "longitudeDecimal": "-8.6",
    "Associated Taxa": "has background sounds: Turdus merula|Parus major",
    "license": "https://creativecommons.org/licenses/by-nc/4.0/",
}
SONG = {
    "CoreId": "9@XC",
    "Identifier": "9",
    "type": "Sound",
    "accessURI": "https://xeno-canto.org/sounds/uploaded/ABCDEFGHIJ/XC9-wren%20song.mp3",
    "format": "audio/mpeg",
    "description": "17 s",
    "resourceCreationTechnique": "automatic recording: no; audio sampling rate: 44100 Hz; number of channels: 2; lossy",
    "license": "https://creativecommons.org/licenses/by-nc-nd/2.5/",
    "rightsHolder": "Ada Marr",
}


@pytest.mark.parametrize("settings", [made_dumps.GBIF, made_dumps.PUBLISHER])
def test_the_gbif_archive_gives_the_same_ids_and_the_mediums_licence(tmp_path, settings):
    sonogram = {**SONG, "type": "StillImage", "format": "image/png"}
    silent = {**WREN, "id": "10@XC", "catalogNumber": "XC10"}
    made_dumps.darwin_core(tmp_path / "xc.dwca.zip", [WREN, silent], [sonogram, SONG], settings)
    (tmp_path / "audio").mkdir()
    (tmp_path / "audio/XC9-wren song.mp3").write_bytes(b"x")
    (tmp_path / "audio/XC9.mp3").write_bytes(b"x")
    inspect(str(tmp_path), ROW)
    found = {record.source_id: record for record in read(str(tmp_path), ROW)}
    assert (found["XC10"].problem, found["XC9"].problem) == ("no_sound", "")
    assert found["XC9"].audio.endswith("audio/XC9.mp3")
    expected = {
        "source_name": "Troglodytes troglodytes",
        "background_species": ["Parus major", "Turdus merula"],
        "license_source": SONG["license"],
        "latitude": 42.8,
        "declared_duration_s": 17.0,
        "source_sample_rate_hz": 44100.0,
        "url": "https://xeno-canto.org/9",
    }
    assert expected.items() <= found["XC9"].fields.items()
