"""add-dump: one new line in params.yaml, or one clear line of refusal and nothing written."""

import json

import numpy as np
import pytest
import soundfile
from ruamel.yaml import YAML

from biolingual import tombstones
from flows.dumps import add_dump

PARAMS = "# a comment that stays\nsimulate:\n  seed: 1\n\ndumps:\n  # kept too\n  old-1: {archive: folder}\n"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_text(PARAMS)
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    soundfile.write(recordings / "a.wav", 0.1 * np.sin(np.arange(9600)), 48000)
    (recordings / "metadata.csv").write_text("file,scientificName,license\na.wav,Parus major,CC BY 4.0\n")
    return tmp_path


def test_the_row_is_added_and_every_comment_stays(place):
    add_dump("folder", "real-2026-11", "recordings", "real")
    text = (place / "params.yaml").read_text()
    assert text.startswith(PARAMS)
    row = YAML(typ="safe").load(text)["dumps"]["real-2026-11"]
    assert row["archive"] == "folder" and row["origin"] == "real" and row["digest"].startswith("sha256:")
    assert (place / "tombstones/real-2026-11.csv").read_text() == f"{','.join(tombstones.FIELDS)}\n"


@pytest.mark.parametrize(
    ("archive", "name", "source", "origin", "expected"),
    [
        ("folders", "real-2026-11", "recordings", "real", "archive 'folders' is unknown. Known: .* folder, "),
        ("folder", "real-2026-11", "recording", "real", "recording does not exist"),
        ("folder", "Real 2026", "recordings", "real", "use the archive and a date"),
        ("folder", "old-1", "recordings", "real", "already has a dump 'old-1'"),
        ("folder", "real-2026-11", "recordings", "wild", "origin 'wild' is not one of"),
    ],
)
def test_a_refusal_is_one_line_and_writes_nothing(place, archive, name, source, origin, expected):
    with pytest.raises(ValueError, match=expected) as error:
        add_dump(archive, name, source, origin)
    assert "\n" not in str(error.value)
    assert (place / "params.yaml").read_text() == PARAMS


def test_a_csv_without_a_file_column_is_named(place):
    (place / "recordings/metadata.csv").write_text("sound,scientificName,license\na.wav,Parus major,CC BY 4.0\n")
    with pytest.raises(ValueError, match=r"metadata\.csv has no file column"):
        add_dump("folder", "real-2026-11", "recordings", "real")


def test_a_folder_without_licences_takes_one_for_all(place):
    (place / "recordings/metadata.csv").write_text("file,scientificName\na.wav,Parus major\n")
    with pytest.raises(ValueError, match="--license own"):
        add_dump("folder", "real-2026-11", "recordings", "real")
    add_dump("folder", "real-2026-11", "recordings", "real", licence="own")
    assert (
        YAML(typ="safe").load((place / "params.yaml").read_text())["dumps"]["real-2026-11"]["default_license"] == "own"
    )


def test_a_section_after_dumps_is_refused(place):
    (place / "params.yaml").write_text(PARAMS + "later:\n  key: 1\n")
    with pytest.raises(ValueError, match="not the last section"):
        add_dump("folder", "real-2026-11", "recordings", "real")


def test_a_remote_dump_gets_a_pointer_file(place, monkeypatch):
    monkeypatch.setattr("flows.dumps._inspected", lambda *_: "sha256:abc")
    add_dump("folder", "real-2026-11", "s3://bucket/recordings", "real")
    assert json.loads((place / "dumps/real-2026-11.json").read_text()) == {
        "source": "s3://bucket/recordings",
        "digest": "sha256:abc",
    }
    assert (
        YAML(typ="safe").load((place / "params.yaml").read_text())["dumps"]["real-2026-11"]["source"]
        == "dumps/real-2026-11.json"
    )
