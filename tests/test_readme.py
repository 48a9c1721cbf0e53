"""The README says what is: its table is the certificate's, and every file it maps exists."""

import re
from pathlib import Path

from flows.certificate import CLAIMS, read, table, with_table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def test_the_table_is_made_from_the_certificate(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert with_table(README, read()) == README


def test_a_claim_without_an_entry_reads_not_run():
    proven = {"claim": next(iter(CLAIMS)), "command": "x", "date": "2026-01-01", "commit": "abc"}
    lines = table([proven]).splitlines()[2:]
    assert "2026-01-01, commit abc" in lines[0]
    assert all(line.endswith("NOT RUN |") for line in lines[1:])


def test_every_module_of_the_library_stands_in_the_map():
    rows = README.partition("## The map")[2]
    for path in (ROOT / "biolingual").glob("*.py"):
        if path.name != "__init__.py":
            assert f"`{path.name}`" in rows, path.name
    for folder in (ROOT / "biolingual").iterdir():
        if folder.is_dir() and not folder.name.startswith("_"):
            assert re.search(rf"{folder.name}/", rows), folder.name


def test_the_table_of_archives_is_the_librarys():
    from biolingual.archives import ARCHIVES
    from biolingual.archives.catalogue import catalogue

    table = catalogue()
    assert {one.archive for one in table} == set(ARCHIVES)
    for one in table:
        assert f"| `{one.archive}` | {one.holds} | {one.obtain} | {one.licence} |" in README
        assert ("harvest" in one.obtain) == one.harvestable, one.archive
