"""`python -m flows harvest`: a dump in the inbox and the command that takes it, or one line that says why not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.archives.archive_sites import KEY, XenoCanto
from tests.archives.faulty_site import faulty_site

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def site():
    with faulty_site() as running:
        XenoCanto(running, [1, 2, 3])
        yield running


@pytest.fixture
def flows(site, tmp_path):
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    env = {**os.environ, "PYTHONPATH": str(ROOT), "XENO_CANTO_KEY": KEY}

    def run(*words):
        return subprocess.run(
            [sys.executable, "-m", "flows", *words], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    return run


def test_a_harvest_ends_with_the_command_that_takes_its_dump(site, flows, tmp_path):
    words = [
        "harvest",
        "xeno_canto",
        "xeno_canto-2026-11",
        "--query",
        "grp:birds",
        "--site",
        site.url,
        "--pause-s",
        "0",
    ]
    done = flows(*words)
    assert done.returncode == 0, done.stderr
    last = done.stdout.splitlines()[-1]
    source = "inbox/xeno_canto/xeno_canto-2026-11"
    assert last == f"Next: python -m flows add-dump xeno_canto xeno_canto-2026-11 --source {source} --origin real"
    taken = flows(*last.split()[4:])
    assert taken.returncode == 0, taken.stderr
    assert "xeno_canto-2026-11: {archive" in (tmp_path / "params.yaml").read_text()
    again = flows(*words[:2], "xeno_canto-2026-12", *words[3:], "--after", source)
    assert again.stdout.splitlines()[-1] == "Nothing is new."


@pytest.mark.parametrize(
    ("archive", "name", "expected"),
    [
        ("xeno_canto", "Xeno Canto", "use the archive and a date"),
        ("audioset", "audioset-1", "archive 'audioset' cannot be harvested. These can: animal_sound_archive"),
        ("xeno_canto", "xeno_canto-1", "Xeno-canto wants a query in its tags"),
    ],
)
def test_a_refusal_is_one_line(flows, archive, name, expected):
    done = flows("harvest", archive, name)
    assert done.returncode == 1 and expected in done.stderr and done.stderr.count("\n") == 1
