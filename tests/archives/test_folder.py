"""A user's own folder: whatever its headings, every row and every file ends as a record."""

import csv
from pathlib import Path

import pytest

from biolingual.archives.folder import inspect, read
from biolingual.archives.source import SourceRecord
from biolingual.params import DumpRow

ROW = DumpRow(archive="folder", origin="real", source="", digest="", checklist="", default_license="")
OWN = ROW.model_copy(update={"default_license": "own"})


def save(
    folder: Path, table: str, files: tuple[str, ...] = (), name: str = "metadata.csv", encoding: str = "utf-8"
) -> str:
    """A folder of a CSV and of files; returns its address."""
    (folder / name).write_bytes(table.encode(encoding))
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"RIFF")
    return str(folder)


def read_one(folder: Path, table: str, row: DumpRow = ROW) -> SourceRecord:
    (record,) = read(save(folder, table), row)
    return record


def test_a_row_and_its_file_become_a_record(tmp_path):
    table = "file,scientificName,license\nnight/a.wav,Turdus merula,CC0\n"
    (record,) = read(save(tmp_path, table, ("night/a.wav",)), ROW)
    assert (record.source_id, record.audio, record.problem) == ("night/a.wav", str(tmp_path / "night/a.wav"), "")
    assert (record.fields["source_name"], record.fields["license_source"]) == ("Turdus merula", "CC0")


@pytest.mark.parametrize("path", ["night/a.wav", "./night/a.wav", "night\\a.wav", " night/a.wav ", "night//a.wav"])
def test_a_file_is_found_however_its_path_is_written(tmp_path, path):
    table = f"file,scientificName,license\n{path},Turdus merula,CC0\n"
    (record,) = read(save(tmp_path, table, ("night/a.wav",)), ROW)
    assert record.audio == str(tmp_path / "night/a.wav")


def test_rows_come_in_the_order_of_the_csv_then_the_files_that_no_row_names(tmp_path):
    table = "file,scientificName,license\nb.wav,Turdus merula,CC0\na.wav,Parus major,CC0\n"
    records = list(read(save(tmp_path, table, ("a.wav", "b.wav", "z.wav", "deep/y.wav")), ROW))
    assert [(record.source_id, record.problem) for record in records] == [
        ("b.wav", ""),
        ("a.wav", ""),
        ("deep/y.wav", "no_metadata_row"),
        ("z.wav", "no_metadata_row"),
    ]


def test_a_file_that_no_row_names_says_which_one_it_is(tmp_path):
    (record,) = read(save(tmp_path, "file,species,license\n", ("z.wav",)), ROW)
    assert record.detail == "no row of the CSV names z.wav"


def test_the_csv_itself_and_hidden_files_are_no_recordings(tmp_path):
    assert list(read(save(tmp_path, "file,species,license\n", (".DS_Store", "deep/.hidden")), ROW)) == []


def test_a_row_whose_file_is_not_there_has_no_audio(tmp_path):
    assert read_one(tmp_path, "file,species,license\na.wav,Turdus merula,CC0\n").audio == ""


@pytest.mark.parametrize(
    ("heading", "field"),
    [
        ("Species", "source_name"),
        ("scientific_name", "source_name"),
        ("English name", "common_name"),
        ("Recordist", "recorded_by"),
        ("call-type", "behavior"),
        ("Date", "event_date"),
        ("Notes", "remarks"),
        ("Country", "country"),
    ],
)
def test_a_heading_is_known_in_plain_words_and_any_spelling(tmp_path, heading, field):
    table = f"File name,label,licence,{heading}\na.wav,Blackbird,CC0,2024-05-01\n"
    assert read_one(tmp_path, table).fields[field] == "2024-05-01"


@pytest.mark.parametrize("given", ["123", "XC123", "xc123"])
def test_a_xeno_canto_number_is_the_id_of_the_recording_it_was_cut_from(tmp_path, given):
    table = f"file,label,licence,xenoCantoId\na.wav,Blackbird,CC0,{given}\n"
    assert read_one(tmp_path, table).fields["source_recording"] == "xeno_canto:XC123"


def test_a_licence_cell_that_says_unknown_is_not_replaced_by_the_folders(tmp_path):
    row = ROW.model_copy(update={"default_license": "own"})
    save(tmp_path, "file,label,licence\na.wav,Blackbird,unknown\nb.wav,Blackbird,\n", ("a.wav", "b.wav"))
    assert [record.fields["license_source"] for record in read(str(tmp_path), row)] == ["unknown", "own"]


def test_numbers_and_dates_are_read(tmp_path):
    table = (
        "file,species,license,lat,lon,date,time,duration\na.wav,Turdus merula,CC0,45.5,-8.5,2024-05-01T04:00,4:05,6.5\n"
    )
    fields = read_one(tmp_path, table).fields
    assert (fields["latitude"], fields["longitude"]) == (45.5, -8.5)
    assert (fields["event_date"], fields["event_time"], fields["declared_duration_s"]) == ("2024-05-01", "04:05", 6.5)


def test_without_coordinates_they_are_none(tmp_path):
    fields = read_one(tmp_path, "file,species,license\na.wav,Turdus merula,CC0\n").fields
    assert (fields["latitude"], fields["longitude"]) == (None, None)


def test_an_id_of_the_users_own_is_kept(tmp_path):
    table = "file,catalogNumber,species,license\na.wav,TSA-7,Turdus merula,CC0\n"
    assert read_one(tmp_path, table).source_id == "TSA-7"


@pytest.mark.parametrize("note", ["(no animal: wind)", "(test file)"])
def test_a_note_in_brackets_is_no_name(tmp_path, note):
    table = f"file,vernacularName,license\na.wav,{note},CC0\n"
    assert read_one(tmp_path, table).fields["common_name"] == ""


def test_a_licence_of_the_row_wins_over_the_folders(tmp_path):
    table = "file,species,license\na.wav,Turdus merula,CC BY 4.0\n"
    assert read_one(tmp_path, table, OWN).fields["license_source"] == "CC BY 4.0"


def test_without_a_licence_column_the_folders_licence_holds(tmp_path):
    assert read_one(tmp_path, "file,species\na.wav,Turdus merula\n", OWN).fields["license_source"] == "own"


def test_a_csv_of_another_program_with_a_byte_order_mark_is_read(tmp_path):
    source = save(tmp_path, "file,species,license\r\na.wav,Turdus merula,CC0\r\n", encoding="utf-8-sig")
    assert [record.source_id for record in read(source, ROW)] == ["a.wav"]


def test_a_short_row_is_filled_with_nothing(tmp_path):
    record = read_one(tmp_path, "file,species,license,notes\na.wav,Turdus merula\n")
    assert (record.fields["license_source"], record.fields["remarks"]) == ("", "")


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ("species,license\nTurdus merula,CC0\n", r"metadata\.csv has no file column\. Name one column `file`"),
        ("file,license\na.wav,CC0\n", r"metadata\.csv has no name column\. Name one column `scientificName` or"),
        ("file,species\na.wav,Turdus merula\n", r"has no license column\. Add one, or .* --license own"),
    ],
)
def test_a_csv_without_a_needed_column_says_what_to_add(tmp_path, table, fault):
    source = save(tmp_path, table)
    with pytest.raises(ValueError, match=fault):
        inspect(source, ROW)
    with pytest.raises(ValueError, match=fault):
        list(read(source, ROW))


def test_a_folder_without_a_csv_says_so(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(ValueError, match=r"must hold one CSV .*; found: none"):
        inspect(str(tmp_path), ROW)


def test_of_several_csvs_none_is_guessed(tmp_path):
    for name in ("one.csv", "two.csv"):
        source = save(tmp_path, "file,species,license\n", name=name)
    with pytest.raises(
        ValueError, match=r"must hold one CSV \(metadata\.csv where there are several\); found: one\.csv, two\.csv"
    ):
        inspect(source, ROW)


def test_of_several_csvs_metadata_csv_is_the_one(tmp_path):
    save(tmp_path, "other,columns\n", name="a-first.csv")
    source = save(tmp_path, "file,species,license\na.wav,Turdus merula,CC0\n")
    assert [record.source_id for record in read(source, ROW)] == ["a.wav", "a-first.csv"]


def test_a_csv_in_another_encoding_says_where_and_what_to_do(tmp_path):
    save(tmp_path, "file,species,license\n")
    (tmp_path / "metadata.csv").write_bytes("file,species,license\na.wav,Müller,CC0\n".encode("windows-1252"))
    with pytest.raises(ValueError, match=r"metadata\.csv is not UTF-8: line 2 holds the byte 0xfc\. Save it as UTF-8"):
        inspect(str(tmp_path), ROW)


@pytest.fixture(scope="module")
def real(shared) -> tuple[list[SourceRecord], list[dict]]:
    """(records, rows of the CSV) of the real recordings."""
    folder = shared / "recordings"
    with (folder / "metadata.csv").open(encoding="utf-8-sig") as lines:
        return list(read(str(folder), ROW)), list(csv.DictReader(lines))


def test_of_the_real_recordings_every_row_is_read_with_its_file(real):
    records, rows = real
    assert [record.source_id for record in records] == [row["file"] for row in rows]
    assert all(record.audio.endswith(record.source_id) and not record.problem for record in records)


def test_of_the_real_recordings_every_name_and_licence_is_kept(real):
    for record, row in zip(*real, strict=True):
        assert record.fields["source_name"] == row["scientificName"]
        assert record.fields["license_source"] == row["license"]
        expected = f"xeno_canto:XC{row['xenoCantoId']}" if row["xenoCantoId"] else ""
        assert record.fields.get("source_recording", "") == expected


def test_of_the_real_recordings_notes_about_a_file_are_no_names(real):
    records, rows = real
    notes = [row["vernacularName"] for row in rows if row["vernacularName"].startswith("(")]
    assert notes and not any(record.fields["common_name"].startswith("(") for record in records)
