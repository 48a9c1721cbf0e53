"""Darwin Core Archives as their meta.xml describes them: separators, encodings, headers, defaults, folders."""

import csv
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from biolingual.archives.darwin_core_archive import DarwinCoreArchive

TERMS = ("scientificName", "locality")


def meta(location: str = "occurrence.txt", terms: tuple[str, ...] = TERMS, extra: str = "", **attributes: str) -> str:
    """A meta.xml with one core of Occurrence: `id` in column 0, `terms` after it."""
    settings = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    fields = "".join(f'<field index="{i}" term="http://rs.tdwg.org/dwc/terms/{t}"/>' for i, t in enumerate(terms, 1))
    return (
        '<archive xmlns="http://rs.tdwg.org/dwc/text/">'
        f'<core {settings} rowType="http://rs.tdwg.org/dwc/terms/Occurrence">'
        f'<files><location>{location}</location></files><id index="0"/>{fields}{extra}</core></archive>'
    )


def archive(folder: Path, files: dict[str, bytes | str]) -> DarwinCoreArchive:
    with zipfile.ZipFile(folder / "archive.zip", "w") as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return DarwinCoreArchive(str(folder / "archive.zip"))


def read(folder: Path, meta_xml: str, data: bytes | str) -> list[dict[str, str]]:
    return list(archive(folder, {"meta.xml": meta_xml, "occurrence.txt": data}).rows("Occurrence"))


BUNTING = {"id": "1", "scientificName": "Passerina amoena", "locality": "Custer"}


def test_without_settings_the_table_is_comma_separated_quoted_utf8_without_a_header(tmp_path):
    assert read(tmp_path, meta(), '1,"Passerina amoena",Custer\n') == [BUNTING]


def test_a_tab_separated_table_is_read_and_its_quotes_are_text(tmp_path):
    text = '1\tPasserina amoena\tthe "Park\n'
    (row,) = read(tmp_path, meta(fieldsTerminatedBy="\\t", fieldsEnclosedBy=""), text)
    assert row["locality"] == 'the "Park'


def test_a_separator_inside_quotes_is_text(tmp_path):
    (row,) = read(tmp_path, meta(), '1,Passerina amoena,"Prairie Trail, ""Custer"""\n')
    assert row["locality"] == 'Prairie Trail, "Custer"'


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_line_end_inside_quotes_is_text_and_stays_as_it_is(tmp_path, end):
    (row,) = read(tmp_path, meta(), f'1,Passerina amoena,"Prairie{end}Trail"{end}')
    assert row["locality"] == f"Prairie{end}Trail"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_header_lines_are_left_out_and_blank_lines_too(tmp_path, end):
    text = end.join(["id,scientificName,locality", "", "1,Passerina amoena,Custer", ""])
    assert read(tmp_path, meta(ignoreHeaderLines="1"), text) == [BUNTING]


@pytest.mark.parametrize("encoding", ["UTF-16", "UTF-16LE", "windows-1252", "ISO-8859-1", "UTF-8"])
def test_a_table_is_read_in_the_encoding_that_meta_xml_names(tmp_path, encoding):
    data = "1,Passerina amoena,A Coruña é\n".encode(encoding)
    (row,) = read(tmp_path, meta(encoding=encoding), data)
    assert row["locality"] == "A Coruña é"


def test_a_byte_order_mark_is_no_part_of_the_first_cell(tmp_path):
    assert read(tmp_path, meta(encoding="UTF-8"), "1,Passerina amoena,Custer\n".encode("utf-8-sig")) == [BUNTING]


def test_a_field_without_a_column_has_its_default_in_every_row(tmp_path):
    extra = '<field default="CC0" term="http://purl.org/dc/terms/license"/>'
    rows = read(tmp_path, meta(extra=extra), "1,Passerina amoena,Custer\n2,Turdus merula,Bonn\n")
    assert [row["license"] for row in rows] == ["CC0", "CC0"]


def test_a_filled_cell_wins_over_the_default(tmp_path):
    extra = '<field index="3" default="US" term="http://rs.tdwg.org/dwc/terms/countryCode"/>'
    (row,) = read(tmp_path, meta(extra=extra), "1,Turdus merula,Bonn,DE\n")
    assert row["countryCode"] == "DE"


def test_an_archive_inside_a_subfolder_is_read(tmp_path):
    files = {"dump/meta.xml": meta(), "dump/occurrence.txt": "1,Passerina amoena,Custer\n"}
    assert list(archive(tmp_path, files).rows("Occurrence")) == [BUNTING]


def test_what_macos_adds_to_a_zip_is_no_archive(tmp_path):
    files = {"__MACOSX/meta.xml": "junk", "meta.xml": meta(), "occurrence.txt": "1,Passerina amoena,Custer\n"}
    assert list(archive(tmp_path, files).rows("Occurrence")) == [BUNTING]


def test_a_row_of_another_type_is_not_given(tmp_path):
    files = {"meta.xml": meta(), "occurrence.txt": "1,Passerina amoena,Custer\n"}
    assert list(archive(tmp_path, files).rows("Multimedia")) == []


def test_columns_that_meta_xml_does_not_name_are_left_out(tmp_path):
    assert read(tmp_path, meta(), "1,Passerina amoena,Custer,further,cells\n") == [BUNTING]


def test_a_short_row_is_named_with_its_line(tmp_path):
    with pytest.raises(ValueError, match=r"occurrence\.txt line 2 has 2 columns, meta\.xml says 3"):
        read(tmp_path, meta(), "1,Passerina amoena,Custer\n2,Turdus merula\n")


def test_a_zip_without_meta_xml_is_no_archive(tmp_path):
    with pytest.raises(ValueError, match=r"archive\.zip holds no meta\.xml: not a Darwin Core Archive"):
        archive(tmp_path, {"occurrence.txt": "1\n"})


def test_a_meta_xml_that_is_not_xml_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"archive\.zip: meta\.xml is not XML"):
        archive(tmp_path, {"meta.xml": "<archive>"})


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("dwca-2extensions.zip", {"Taxon": 4, "Description": 3, "VernacularName": 4}),
        ("dwca-ids.zip", {"Taxon": 4, "Description": 3, "VernacularName": 4}),
        ("dwca-noheaders-1.zip", {"Occurrence": 2}),
        ("dwca-nometadata.zip", {"Occurrence": 2}),
        ("dwca-orphaned-rows.zip", {"Taxon": 4, "Description": 6, "VernacularName": 5}),
        ("dwca-partial-default.zip", {"Occurrence": 2}),
        ("dwca-simple-subdir.zip", {"Occurrence": 2}),
        ("dwca-star-test-archive.zip", {"Taxon": 4, "VernacularName": 4}),
        ("dwca-utf8-eol-test.zip", {"Occurrence": 1}),
        ("gbif-results-lacks-s-metadata.zip", {"Occurrence": 158}),
        ("gbif-results-whitespace-in-xml.zip", {"Occurrence": 158}),
        ("gbif-results.zip", {"Occurrence": 158}),
    ],
)
def test_of_a_real_archive_every_row_is_read(shared, name, counts):
    found = DarwinCoreArchive(str(shared / "archives" / "dwca_python-dwca-reader" / name))
    assert {part.row_type: sum(1 for _ in found.rows(part.row_type)) for part in found.parts} == counts


@pytest.mark.parametrize("name", ["dwca-simple-csv.zip", "dwca-simple-csv-dos.zip", "dwca-simple-csv-notenclosed.zip"])
def test_a_real_zip_of_one_csv_is_no_archive(shared, name):
    with pytest.raises(ValueError, match=r"holds no meta\.xml"):
        DarwinCoreArchive(str(shared / "archives" / "dwca_python-dwca-reader" / name))


def zipped(folder: Path, target: Path) -> str:
    with zipfile.ZipFile(target, "w") as out:
        for path in sorted(folder.iterdir()):
            out.write(path, path.name)
    return str(target)


def test_a_real_table_with_a_comma_inside_quotes_is_read(shared, tmp_path):
    folder = shared / "archives" / "dwca_python-dwca-reader" / "dwca-csv-quote-dir"
    rows = list(DarwinCoreArchive(zipped(folder, tmp_path / "a.zip")).rows("Occurrence"))
    assert [row["basisOfRecord"] for row in rows] == ["Observation, something", "Observation"]


def test_the_real_archive_that_names_more_columns_than_it_has_is_refused(shared, tmp_path):
    folder = shared / "archives" / "dwca_python-dwca-reader" / "dwca-malformed-descriptor"
    with pytest.raises(ValueError, match=r"occurrence\.txt line \d+ has 234 columns, meta\.xml says 235"):
        list(DarwinCoreArchive(zipped(folder, tmp_path / "a.zip")).rows("Occurrence"))


def test_a_real_line_with_a_unicode_line_end_inside_stays_one_row(shared):
    found = DarwinCoreArchive(str(shared / "archives" / "dwca_python-dwca-reader" / "dwca-utf8-eol-test.zip"))
    (row,) = found.rows("Occurrence")
    assert row["identifiedBy"].endswith("hlander, E") and "\x85" in row["identifiedBy"]


def test_a_tar_is_read_like_a_zip(shared):
    found = DarwinCoreArchive(str(shared / "archives" / "dwca_python-dwca-reader" / "dwca-simple-test-archive.tgz"))
    assert len(list(found.rows("Occurrence"))) == 2


def test_an_unpacked_archive_is_read_from_its_folder(shared):
    folder = shared / "archives" / "dwca_python-dwca-reader" / "dwca-metadata-windows1252-encoding"
    assert len(list(DarwinCoreArchive(str(folder)).rows("Occurrence"))) == 4


def test_a_real_table_without_a_file_is_named_when_it_is_asked_for(shared):
    folder = shared / "archives" / "dwca_python-dwca-reader" / "dwca-missing-extension-details"
    found = DarwinCoreArchive(str(folder))
    assert len(list(found.rows("Taxon"))) == 4
    with pytest.raises(ValueError, match=r"meta\.xml names no file for its VernacularName table"):
        list(found.rows("VernacularName"))


def test_the_place_of_a_byte_order_mark_wins_over_the_name_of_the_encoding(tmp_path):
    data = "1,Passerina amoena,Custer\n".encode("utf-16")
    assert read(tmp_path, meta(encoding="UTF-8"), data) == [BUNTING]


def test_text_in_another_encoding_than_meta_xml_says_is_an_error_with_its_place(tmp_path):
    with pytest.raises(ValueError, match=r"occurrence\.txt cannot be read after line \d: 'utf-8' codec can't decode"):
        read(tmp_path, meta(encoding="UTF-8"), "1,Passerina amoena,Coruña\n".encode("windows-1252"))


def test_a_file_that_meta_xml_names_and_the_zip_lacks_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"other\.txt cannot be read"):
        list(archive(tmp_path, {"meta.xml": meta("other.txt")}).rows("Occurrence"))


def test_both_files_of_a_table_are_read(tmp_path):
    two = meta().replace("</location>", "</location><location>more.txt</location>")
    files = {"meta.xml": two, "occurrence.txt": "1,A,a\n", "more.txt": "2,B,b\n"}
    assert [row["id"] for row in archive(tmp_path, files).rows("Occurrence")] == ["1", "2"]


def test_the_verbatim_copy_in_a_gbif_download_is_not_read_twice(tmp_path):
    core = meta()
    extension = (
        '<extension rowType="http://rs.tdwg.org/dwc/terms/Occurrence"><files><location>verbatim.txt</location></files>'
        '<coreid index="0"/></extension></archive>'
    )
    files = {
        "meta.xml": core.replace("</archive>", extension),
        "occurrence.txt": "1,Passerina amoena,Custer\n",
        "verbatim.txt": "1\n",
    }
    assert list(archive(tmp_path, files).rows("Occurrence")) == [BUNTING]


def test_lines_that_are_no_rows_are_handed_over_with_their_reason_and_the_rest_is_read(tmp_path):
    text = '1,Passerina amoena,Custer\n2,Turdus merula\n3,"Parus" major,Bonn\n4,Pica pica,Bonn\n'
    found = archive(tmp_path, {"meta.xml": meta(), "occurrence.txt": text})
    faults = []
    assert [row["id"] for row in found.rows("Occurrence", faults)] == ["1", "4"]
    assert [fault.line for fault in faults] == [2, 3]
    assert "has 2 columns" in faults[0].reason and "not well quoted" in faults[1].reason


def test_every_line_is_accounted_for(tmp_path):
    text = 'id,name,place\r\n1,Passerina amoena,"two\r\nlines"\r\n\r\n2,Turdus merula\r\n3,Pica pica,Bonn'
    found = archive(tmp_path, {"meta.xml": meta(ignoreHeaderLines="1"), "occurrence.txt": text})
    list(found.rows("Occurrence", []))
    tally = found.tallies["occurrence.txt"]
    assert vars(tally) == {"lines": 6, "header": 1, "blank": 1, "faulty": 1, "rows": 2, "continued": 1}


def test_a_first_row_that_does_not_fit_is_an_error_even_where_faults_are_listed(tmp_path):
    with pytest.raises(ValueError, match="has 2 columns"):
        list(archive(tmp_path, {"meta.xml": meta(), "occurrence.txt": "1,Pica pica\n"}).rows("Occurrence", []))


def test_a_quote_that_is_never_closed_does_not_swallow_the_table(tmp_path):
    text = '1,Pica pica,Bonn\n2,"Pica pica,Bonn\n' + "3,Pica pica,Bonn\n" * 2000
    with pytest.raises(ValueError, match="the quote opened in line 2 is not closed within 1000"):
        read(tmp_path, meta(), text)


def test_a_lone_carriage_return_in_an_unquoted_cell_is_text(tmp_path):
    (row,) = read(tmp_path, meta(fieldsTerminatedBy="\\t", fieldsEnclosedBy=""), "1\tPica pica\ta\rb\n")
    assert row["locality"] == "a\rb"


def test_a_zip_whose_bytes_are_damaged_is_an_error(tmp_path):
    text = "\n".join(f"{i},Pica pica,Bonn{i * 7919}" for i in range(2000))
    archive(tmp_path, {"meta.xml": meta(), "occurrence.txt": text})
    path = tmp_path / "archive.zip"
    data = bytearray(path.read_bytes())
    at = data.find(b"occurrence.txt") + 5000
    data[at : at + 40] = bytes(40)
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"occurrence\.txt cannot be read"):
        list(DarwinCoreArchive(str(path)).rows("Occurrence"))


CELLS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12)
TABLE = st.lists(st.tuples(st.integers(1, 9).map(str), CELLS, CELLS), min_size=1, max_size=8)


@given(table=TABLE, encoding=st.sampled_from(["UTF-8", "UTF-16"]), end=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_quoted_table_holds_comes_back(tmp_path, table, encoding, end):
    buffer = io.StringIO(newline="")
    csv.writer(buffer, quoting=csv.QUOTE_ALL, lineterminator=end).writerows(table)
    rows = read(tmp_path, meta(encoding=encoding), buffer.getvalue().encode(encoding))
    assert [(row["id"], row["scientificName"], row["locality"]) for row in rows] == table


@given(table=TABLE)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_an_unquoted_table_holds_comes_back(tmp_path, table):
    """GBIF's form cannot hold tabs and line ends; a carriage return that ends a line is the line's."""
    plain = [tuple(cell.replace("\t", " ").replace("\n", " ").replace("\r", " ") for cell in row) for row in table]
    text = "".join("\t".join(row) + "\n" for row in plain)
    rows = read(tmp_path, meta(fieldsTerminatedBy="\\t", fieldsEnclosedBy=""), text.encode())
    assert [(row["id"], row["scientificName"], row["locality"]) for row in rows] == plain


def test_the_columns_of_a_real_gbif_download_are_bound_by_their_terms(shared):
    found = DarwinCoreArchive(str(shared / "archives" / "dwca_python-dwca-reader" / "gbif-results.zip"))
    rows = list(found.rows("Occurrence"))
    assert {row["kingdom"] for row in rows} <= {"Animalia", "Plantae", "Fungi", ""}
    assert all(row["decimalLatitude"] == "" or -90 <= float(row["decimalLatitude"]) <= 90 for row in rows)
