"""Today's code against a manifest: equal, or the first difference by name."""

import dataclasses

import numpy as np
import pytest
import soundfile

from biolingual.ingestion import ingest
from biolingual.marks import Mark
from biolingual.parallel import Machine
from biolingual.params import DumpRow
from biolingual.recheck import recheck
from biolingual.records import Recording
from biolingual.shard_reader import Shards
from biolingual.tabular import rows, write_rows

ROW = DumpRow(archive="folder", origin="real", source="", digest="", checklist="", default_license="own")


@pytest.fixture
def manifest(tmp_path, params):
    """(folder of the manifest, a function that looks at it again) of two sounds, one of them with an offset."""
    noise = 0.1 * np.random.default_rng(1).standard_normal(8000)
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in/a.wav", noise, 8000)
    soundfile.write(tmp_path / "in/b.wav", noise[::-1] + 0.3, 8000)
    (tmp_path / "in/metadata.csv").write_text("file,species\na.wav,Turdus merula\nb.wav,Pica pica\n")
    source, folder = str(tmp_path / "in"), tmp_path / "m"
    ingest("d", ROW, params.ingest, source, folder, tmp_path / "s" / "d", Machine(workers=1))
    shards = Shards(str(tmp_path / "s"))
    return folder, lambda: recheck("d", ROW, params.ingest, source, folder, shards, 5)


def test_unchanged_code_makes_the_same(manifest):
    assert manifest[1]() == (2, "")


def test_another_value_of_a_recording_is_named(manifest):
    folder, again = manifest
    found = rows(folder / "recordings.parquet", Recording)
    changed = [dataclasses.replace(one, remarks="older") for one in found]
    write_rows(changed, Recording, folder / "recordings.parquet")
    assert again() == (1, "folder:d/a.wav: remarks is '', was 'older'")


def test_marks_that_are_no_longer_made_are_named(manifest):
    folder, again = manifest
    assert [one.mark for one in rows(folder / "marks.parquet", Mark)] == ["dc_offset"]
    (folder / "marks.parquet").unlink()
    assert again() == (2, "folder:d/b.wav: has other marks than before")
