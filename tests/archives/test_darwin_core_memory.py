"""A media table of any length is read in the same memory: measured in a process of its own."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from biolingual.archives.simulated_formats import MEDIA_TERMS, OBSERVATION_TERMS, csv_text, meta_xml

BLOCK = 1000
MEASURED = r"""
import json, sys
from biolingual.archives.darwin_core_archive import DarwinCoreArchive
from biolingual.archives.darwin_core_sounds import sounds
from tests.memory import peak_bytes
archive = DarwinCoreArchive(sys.argv[1])
found = sum(1 for _ in sounds(archive, lambda item: item["catalogNumber"], []))
rows = archive.tallies["media.csv"].rows
print(json.dumps({"sounds": found, "rows": rows, "peak_mb": peak_bytes() / 2**20}))
"""


def write(path: Path, rows: int) -> None:
    """An iNaturalist archive with `rows` media, one in a hundred a sound, each of an observation of its own."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("meta.xml", meta_xml())
        with archive.open("observations.csv", "w") as file:
            file.write(csv_text(list(OBSERVATION_TERMS), []).encode())
            for start in range(0, rows, 100):
                file.write((f"{start},a,HumanObservation" + "," * (len(OBSERVATION_TERMS) - 3) + "\n").encode())
        with archive.open("media.csv", "w") as file:
            file.write(csv_text(list(MEDIA_TERMS), []).encode())
            for start in range(0, rows, BLOCK):
                lines = (
                    f"{i},{'Sound,audio/mpeg' if i % 100 == 0 else 'StillImage,image/jpeg'},https://static/{i}.jpeg,"
                    f'https://photo/{i},2026-01-05,"O\'Tool, Ada",iNaturalist,CC0,Ada,{i}\n'
                    for i in range(start, start + BLOCK)
                )
                file.write("".join(lines).encode())


def measured(path: Path) -> dict:
    done = subprocess.run([sys.executable, "-c", MEASURED, str(path)], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_twice_the_rows_take_no_more_memory(tmp_path):
    found = []
    for rows in (20_000, 100_000):
        write(tmp_path / f"{rows}.zip", rows)
        found.append(measured(tmp_path / f"{rows}.zip"))
    assert [(one["rows"], one["sounds"]) for one in found] == [(20_000, 200), (100_000, 1000)]
    assert found[1]["peak_mb"] < found[0]["peak_mb"] + 8 < 150


@pytest.mark.long
def test_five_million_media_rows_are_read_within_300_mb(tmp_path):
    write(tmp_path / "5m.zip", 5_000_000)
    found = measured(tmp_path / "5m.zip")
    print(found)
    assert (found["rows"], found["sounds"]) == (5_000_000, 50_000)
    assert found["peak_mb"] <= 300
