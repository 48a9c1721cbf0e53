"""Site, time and place as recorders, file names and tables give them."""

import io
import struct

import pytest

from biolingual.search.recorders import (
    Circumstances,
    circumstances,
    guano_of,
    of_comment,
    of_guano,
    of_name,
    read_table,
)


def test_an_audiomoth_comment_gives_time_zone_and_device():
    told = of_comment("Recorded at 05:30:00 12/05/2023 (UTC+2) by AudioMoth 24E144036033BCEA at medium gain")
    assert told == Circumstances(
        recorded_at="2023-05-12T05:30:00", utc_offset="+2", device="AudioMoth 24E144036033BCEA"
    )
    assert of_comment("made with Audacity") == Circumstances()


def test_guano_gives_time_place_and_site():
    told = of_guano(
        "GUANO|Version: 1.0\nTimestamp: 2023-05-12T05:30:00+02:00\nLoc Position: -38.5 175.25\nMake: Wildlife Acoustics\n"
        "Model: Song Meter\nWA|Song Meter|Prefix: MARSH"
    )
    assert (told.site, told.recorded_at, told.utc_offset) == ("MARSH", "2023-05-12T05:30:00", "+2")
    assert (told.latitude, told.longitude, told.device) == (-38.5, 175.25, "Wildlife Acoustics Song Meter")


def test_the_guano_chunk_is_found_behind_others_and_a_false_length_harms_nothing():
    def chunk(name: bytes, body: bytes) -> bytes:
        return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)

    body = chunk(b"fmt ", b"\0" * 16) + chunk(b"data", b"\0" * 7) + chunk(b"guan", b"Site: X")
    assert guano_of(io.BytesIO(b"RIFF\0\0\0\0WAVE" + body)) == "Site: X"
    lying = b"RIFF\0\0\0\0WAVEguan" + struct.pack("<I", 1 << 30)
    assert guano_of(io.BytesIO(lying)) == ""
    assert guano_of(io.BytesIO(b"fLaC")) == ""


@pytest.mark.parametrize(
    "path, site, moment",
    [
        ("a/SMA01_20230512_053000.wav", "SMA01", "2023-05-12T05:30:00"),
        ("MARSH/20230512_053000.WAV", "MARSH", "2023-05-12T05:30:00"),
        ("MARSH/2023-05-12T05-30-00.flac", "MARSH", "2023-05-12T05:30:00"),
        ("MARSH/week1/5EB1F2A0.WAV", "MARSH", "2020-05-05T23:11:28"),
        ("MARSH/20231399_053000.wav", "MARSH", ""),
        ("song.mp3", "", ""),
    ],
)
def test_names_tell_site_and_time(path, site, moment):
    told = of_name(path)
    assert (told.site, told.recorded_at) == (site, moment)


def test_a_table_overrules_the_header_and_the_header_the_name(tmp_path):
    table = tmp_path / "sites.csv"
    table.write_text("File,Location ID,Date,Time\nx/A_20230512_053000.wav,Hill 3,2024-01-02,03:04\n")
    path = "x/A_20230512_053000.wav"
    header = Circumstances(site="header", recorded_at="2020-01-01T00:00:00", utc_offset="+1", device="D")
    told = circumstances(path, header, read_table(str(table)))
    assert (told.site, told.recorded_at, told.utc_offset, told.device) == ("Hill 3", "2024-01-02T03:04:00", "", "D")
    assert circumstances(path, header, {}).site == "header"
    assert circumstances(path, Circumstances(), {}).site == "A"


@pytest.mark.parametrize("row, said", [("a.wav,12/05/23", "is no date"), ("a.wav,", None)])
def test_a_bad_date_in_a_table_names_its_line(tmp_path, row, said):
    table = tmp_path / "sites.csv"
    table.write_text(f"file,date\n{row}\n")
    if said is None:
        assert read_table(str(table))["a.wav"].recorded_at == ""
        return
    with pytest.raises(ValueError, match=f"line 2: .*{said}"):
        read_table(str(table))
