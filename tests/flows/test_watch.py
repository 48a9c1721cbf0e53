"""Looking where dumps land: what is new, and why all else is not. Real folders, a real git repository, the real readers."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from flows import watch
from flows.watch import candidates, known_rows, look, sources

ROW = {"kind": "folder", "location": "inbox", "origin": "real", "checklist": "", "license": "", "settle_s": 60}
LONG_AGO = 1_000_000_000
PARAMS = "ingest:\n  seed: 1\ndumps:\n"
run_as_a_process = watch._biolingual


def here(*words: str) -> str:
    """The library's command without a process for each: what it prints, or its refusal as flows.watch gives it."""
    from biolingual.cli import app

    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed):
            app(list(words), standalone_mode=False)
    except FileNotFoundError as error:
        raise ValueError(str(error)) from error
    return printed.getvalue()


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A checkout that watches the folder `inbox` for an archive of kind `folder`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(watch, "_biolingual", here)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "t")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "t@example.org")
    Path("params.yaml").write_text(PARAMS + "  old-1: {archive: folder, digest: ''}\n")
    watched({})
    git("init", "-q", "-b", "main")
    git("add", "params.yaml")
    git("commit", "-qm", "start")
    return tmp_path


def git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)


def watched(*rows: dict) -> None:
    """Write watch.yaml; JSON is YAML too."""
    Path("infra").mkdir(exist_ok=True)
    Path("infra/watch.yaml").write_text(json.dumps({"sources": [{"archive": "folder", **ROW, **row} for row in rows]}))


def land(name: str, loudness: float = 0.1, inbox: str = "inbox", settled: bool = True, species="Parus major") -> Path:
    """A small dump, all of it written long ago unless it has not settled."""
    folder = Path(inbox) / name
    folder.mkdir(parents=True)
    soundfile.write(folder / "a.wav", loudness * np.sin(np.arange(480)), 48000)
    (folder / "metadata.csv").write_text(f"file,scientificName,license\na.wav,{species},CC BY 4.0\n")
    if settled:
        settle(folder)
    return folder


def settle(path: Path, stamp: float = LONG_AGO) -> None:
    for one in [path, *path.rglob("*")]:
        os.utime(one, (stamp, stamp))


def states(found=None) -> dict[str, str]:
    return {one.name: one.state for one in (look() if found is None else found)}


def add_row(name: str, digest: str) -> None:
    with open("params.yaml", "a") as file:
        file.write(f"  {name}: {{archive: folder, digest: '{digest}'}}\n")


def test_a_dump_that_nobody_has_seen_is_new_and_carries_its_digest_and_its_source(place):
    land("folder-2026-11")
    (seen,) = look()
    assert (seen.name, seen.state, seen.url) == ("folder-2026-11", "new", "inbox/folder-2026-11")
    assert seen.digest == json.loads(here("inspect-dump", "folder", "inbox/folder-2026-11"))["digest"]
    assert (seen.source.archive, seen.source.origin) == ("folder", "real")


def test_the_librarys_own_process_tells_the_same(place, monkeypatch):
    monkeypatch.setattr(watch, "_biolingual", run_as_a_process)
    land("folder-2026-11")
    land("folder-2026-12")
    Path("inbox/folder-2026-12/metadata.csv").write_text("sound,scientificName,license\na.wav,Parus major,CC0\n")
    settle(Path("inbox/folder-2026-12"))
    found = {one.name: one for one in look()}
    assert found["folder-2026-11"].state == "new" and found["folder-2026-11"].digest.startswith("sha256:")
    assert found["folder-2026-12"].state == "broken"
    assert found["folder-2026-12"].reason.startswith("metadata.csv has no file column")


def test_a_zip_is_named_without_its_ending(place):
    shutil.make_archive("packed", "zip", land("folder-2026-11", inbox="elsewhere"))
    Path("inbox").mkdir()
    os.rename("packed.zip", "inbox/Folder-2026-11.zip")
    settle(Path("inbox/Folder-2026-11.zip"))
    (seen,) = look()
    assert (seen.name, seen.url) == ("folder-2026-11", "inbox/Folder-2026-11.zip")


def test_a_new_dump_is_new_at_every_look_until_it_has_a_row(place):
    land("folder-2026-11")
    assert states() == states() == {"folder-2026-11": "new"}


def test_a_dump_whose_row_stands_in_params_is_known(place):
    land("folder-2026-11")
    add_row("folder-2026-11", look()[0].digest)
    (seen,) = look()
    assert (seen.state, seen.reason) == ("known", "it was seen before")


def test_a_row_without_a_digest_makes_its_name_known(place):
    land("old-1")
    assert states() == {"old-1": "known"}


def test_the_same_content_under_another_name_is_known_as_the_first(place):
    land("folder-2026-11")
    add_row("folder-2026-10", look()[0].digest)
    (seen,) = look()
    assert (seen.state, seen.reason) == ("known", "it is the same as folder-2026-10")


def test_another_content_under_a_known_name_has_changed_and_asks_for_a_new_name(place):
    add_row("folder-2026-11", "sha256:of-before")
    land("folder-2026-11")
    (seen,) = look()
    assert seen.state == "changed" and "give the new state a new name" in seen.reason


@pytest.mark.parametrize(
    "name", [".folder-2026-11.zip", "folder-2026-11.zip.part", "folder-2026-11.crdownload", "folder-2026-11.tmp"]
)
def test_a_name_of_something_half_written_is_unfinished(place, name):
    Path("inbox").mkdir()
    Path("inbox", name).write_bytes(b"half")
    settle(Path("inbox"))
    (seen,) = look()
    assert seen.state == "unfinished" and "still being written" in seen.reason


def test_what_has_just_changed_is_unfinished(place):
    land("folder-2026-11", settled=False)
    (seen,) = look()
    assert seen.state == "unfinished" and "within the last 60 s" in seen.reason


def test_a_copy_that_keeps_the_files_times_is_unfinished_while_files_still_come(place):
    folder = land("folder-2026-11")
    os.utime(folder)  # what the arrival of a further file does to its folder
    assert states() == {"folder-2026-11": "unfinished"}


def test_what_changed_settle_s_ago_is_taken_and_not_before(place):
    folder = land("folder-2026-11")
    settle(folder, time.time() - 50)
    assert states() == {"folder-2026-11": "unfinished"}
    settle(folder, time.time() - 70)
    assert states() == {"folder-2026-11": "new"}


def test_an_empty_folder_is_unfinished_however_old(place):
    Path("inbox/folder-2026-11").mkdir(parents=True)
    settle(Path("inbox"))
    assert states() == {"folder-2026-11": "unfinished"}


def test_what_the_archives_reader_refuses_is_broken_with_the_readers_one_line(place):
    folder = land("folder-2026-11")
    (folder / "metadata.csv").write_text("sound,scientificName,license\na.wav,Parus major,CC0\n")
    settle(folder)
    (seen,) = look()
    assert seen.state == "broken"
    assert seen.reason.startswith("metadata.csv has no file column") and "\n" not in seen.reason


@pytest.mark.parametrize("name", ["new recordings", "Folder_2026", "2026-11"])
def test_a_name_that_no_dump_may_have_is_broken_and_says_how_to_name_it(place, name):
    land(name)
    (seen,) = look()
    assert seen.state == "broken" and "e.g. folder-2026-11" in seen.reason


def test_what_was_said_of_a_dump_is_said_once(place):
    add_row("folder-2026-11", "sha256:of-before")
    land("folder-2026-11")  # changed
    land("bad name")  # broken
    land("old-1")  # known
    assert states() == {"folder-2026-11": "changed", "bad name": "broken", "old-1": "known"}
    assert look() == []


def test_a_broken_dump_that_was_mended_is_looked_at_again(place):
    folder = land("folder-2026-11")
    (folder / "metadata.csv").write_text("nothing\n")
    settle(folder)
    assert states() == {"folder-2026-11": "broken"}
    (folder / "metadata.csv").write_text("file,scientificName,license\na.wav,Parus major,CC0\n")
    settle(folder, LONG_AGO + 1)
    assert states() == {"folder-2026-11": "new"}


def test_a_dump_refused_for_its_licence_is_looked_at_again_once_watch_yaml_gives_one(place):
    folder = land("folder-2026-11")
    (folder / "metadata.csv").write_text("file,scientificName\na.wav,Parus major\n")
    settle(folder)
    assert states() == {"folder-2026-11": "broken"}
    watched({"license": "CC0"})
    assert states() == {"folder-2026-11": "new"}


def test_a_dump_whose_row_was_taken_away_is_new_again(place):
    before = Path("params.yaml").read_text()
    land("folder-2026-11")
    add_row("folder-2026-11", look()[0].digest)
    assert states() == {"folder-2026-11": "known"} and look() == []
    Path("params.yaml").write_text(before)
    assert states() == {"folder-2026-11": "new"}


def test_two_dumps_that_land_at_once_are_both_new(place):
    land("folder-2026-11")
    land("folder-2026-12", species="Parus ater")
    assert states() == {"folder-2026-11": "new", "folder-2026-12": "new"}


def test_the_same_dump_landing_twice_at_once_is_new_once(place):
    land("folder-2026-11")
    land("folder-2026-12")
    found = look()
    assert states(found) == {"folder-2026-11": "new", "folder-2026-12": "known"}
    assert found[1].reason == "it is the same as folder-2026-11"


def test_two_dumps_of_one_name_landing_at_once_are_not_both_new(place):
    watched({}, {"location": "other"})
    land("folder-2026-11")
    land("folder-2026-11", species="Parus ater", inbox="other")
    assert [one.state for one in look()] == ["new", "changed"]


def test_the_dump_of_a_complete_candidate_is_known_on_every_branch(place):
    land("folder-2026-11")
    digest = look()[0].digest
    git("checkout", "-qb", "dump/folder-2026-11")
    add_row("folder-2026-11", digest)
    git("commit", "-qam", "Candidate folder-2026-11: same")
    git("checkout", "-q", "main")
    assert candidates() == ["dump/folder-2026-11"] and known_rows()["folder-2026-11"] == digest
    assert states() == {"folder-2026-11": "known"}


def test_the_dump_of_a_candidate_that_a_kill_cut_off_is_new(place):
    land("folder-2026-11")
    git("checkout", "-qb", "dump/folder-2026-11")
    add_row("folder-2026-11", look()[0].digest)
    git("commit", "-qam", "half way")
    git("checkout", "-q", "main")
    assert candidates() == [] and states() == {"folder-2026-11": "new"}


def test_a_place_that_does_not_exist_holds_nothing(place):
    assert look() == []


def test_a_dump_on_s3_is_seen_under_its_address(place, s3_bucket):
    from biolingual.storage import put

    watched({"location": f"{s3_bucket}/inbox", "settle_s": 0})
    folder = land("folder-2026-11")
    for path in folder.iterdir():
        put(path, f"{s3_bucket}/inbox/folder-2026-11/{path.name}")
    time.sleep(1.0)  # S3 counts whole seconds
    (seen,) = look()
    assert (seen.state, seen.url) == ("new", f"{s3_bucket}/inbox/folder-2026-11")


def test_a_place_that_cannot_be_read_hinders_no_other(place, monkeypatch):
    watched({"location": "s3://closed/inbox"}, {})
    land("folder-2026-11")

    def closed(*words):
        if words == ("landed", "s3://closed/inbox"):
            raise ValueError("PermissionError: Access Denied")
        return here(*words)

    monkeypatch.setattr(watch, "_biolingual", closed)
    found = look()
    assert states(found) == {"folder": "waiting", "folder-2026-11": "new"}
    assert found[0].url == "s3://closed/inbox" and "Access Denied" in found[0].reason


def test_a_variable_of_the_environment_is_filled_in(place, monkeypatch):
    monkeypatch.setenv("INBOX", "big-disk")
    watched({"location": "${INBOX}/folder"})
    assert sources()[0].location == "big-disk/folder"


def test_a_variable_that_is_not_set_is_named(place, monkeypatch):
    monkeypatch.delenv("XENO_CANTO_KEY", raising=False)
    watched({"kind": "api", "url": "https://a.org?key=${XENO_CANTO_KEY}"})
    with pytest.raises(ValueError, match="XENO_CANTO_KEY, which is not set"):
        look()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"settle": 60}, "source 2: .*'settle'"),
        ({"kind": "ftp"}, "source 2: kind 'ftp' is not one of folder, http, api"),
        ({"kind": "http", "location": "s3://bucket/inbox"}, "source 2: .* lands in a folder here, not in s3://"),
    ],
    ids=["an unknown key", "an unknown kind", "a snapshot fetched to s3"],
)
def test_a_line_of_watch_yaml_that_is_no_source_is_named(place, change, expected):
    watched({}, change)
    with pytest.raises(ValueError, match=expected):
        sources()


def test_a_source_without_a_key_names_the_missing_one(place):
    Path("infra/watch.yaml").write_text(json.dumps({"sources": [ROW]}))
    with pytest.raises(ValueError, match=r"source 1: missing .* 'archive'"):
        sources()


def test_without_watch_yaml_there_is_nothing_to_watch(place):
    os.remove("infra/watch.yaml")
    with pytest.raises(ValueError, match="there is nothing to watch"):
        sources()


def test_every_source_of_the_projects_own_watch_yaml_is_one(monkeypatch):
    monkeypatch.setenv("XENO_CANTO_KEY", "k")
    assert {one.kind for one in sources(Path(__file__).parents[2] / "infra/watch.yaml")} >= {"folder"}
