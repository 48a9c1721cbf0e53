"""A claim is recorded when, and only when, its command ended well; the README's table is the record's."""

import json
import subprocess

import pytest

from flows import certificate
from flows.certificate import BEGIN, END, FILE, certify, read, table

CLAIMS = {"Grass is green": "true", "Grass is blue": "false", "Grass on the moon": ""}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A tiny git repository with a README whose table is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(certificate, "CLAIMS", CLAIMS)
    (tmp_path / "reports").mkdir()
    (tmp_path / "README.md").write_text(f"# A project\n\n{BEGIN}\n{END}\n\nThe end.\n")
    for words in (
        ["init", "-q"],
        ["add", "-A"],
        ["-c", "user.name=t", "-c", "user.email=t@e.org", "commit", "-qm", "s"],
    ):
        subprocess.run(["git", *words], check=True)
    return tmp_path


def test_a_claim_whose_command_ends_well_is_recorded_with_the_commit(place):
    assert certify("green")
    (entry,) = read()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)
    assert (
        entry["claim"] == "Grass is green" and entry["command"] == "true" and entry["commit"] == commit.stdout.strip()
    )
    readme = (place / "README.md").read_text()
    assert f"| Grass is green | `true` | {entry['date']}, commit {entry['commit']} |" in readme
    assert "| Grass is blue | `false` | NOT RUN |" in readme and readme.endswith(f"{END}\n\nThe end.\n")


def test_a_claim_whose_command_fails_is_not_recorded(place):
    assert not certify("blue")
    assert not FILE.exists() and (place / "README.md").read_text().count("|") == 0


def test_a_run_on_changed_files_says_so(place):
    (place / "new.txt").write_text("not committed")
    certify("green")
    assert read()[0]["commit"].endswith("+")


def test_running_a_claim_again_replaces_its_entry(place):
    certify("green")
    certify("green")
    assert len(read()) == 1


@pytest.mark.parametrize("words", ["grass", "moon", "sky"])
def test_a_name_that_is_not_one_runnable_claim_lists_those_that_are(place, words):
    with pytest.raises(ValueError, match="Grass is green\n  Grass is blue"):
        certify(words)


def test_what_was_never_run_reads_not_run(place):
    assert table([]).count("NOT RUN") == len(CLAIMS)
    assert json.loads("[]") == read()
