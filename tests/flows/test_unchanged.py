"""`flows unchanged`: an edit that changes no byte is committed as it is, one that does is named."""

import json
import sys

import pytest

from tests.small_world import copy, dvc, run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def project(built, tmp_path_factory):
    return copy(built, tmp_path_factory.mktemp("unchanged") / "project")


def unchanged(project, *words):
    return run(project, sys.executable, "-m", "flows", "unchanged", *words, "--reason", "a comment")


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return text


def test_a_comment_in_the_ingest_code_re_ingests_nothing(project):
    edit(project / "biolingual/ingestion.py", "STAGE = ", "# a comment\nSTAGE = ")
    done = unchanged(project, "ingest", "--sample", "20")
    assert done.returncode == 0, done.stderr
    assert not [
        name for name in json.loads(dvc(project, "status", "--json", "validate", "--with-deps")) if "ingest" in name
    ]
    line = json.loads((project / "reports/unchanged.jsonl").read_text().splitlines()[-1])
    assert line["reason"] == "a comment" and line["files"] == ["biolingual/ingestion.py"]


def test_an_edit_that_changes_a_recording_is_named(project):
    path = project / "biolingual/audio.py"
    text = edit(path, "soundfile.write(buffer, waveform,", "soundfile.write(buffer, 0.5 * waveform,")
    done = unchanged(project, "ingest", "--sample", "20")
    path.write_text(text)
    assert done.returncode == 1 and "has other bytes" in done.stderr, done.stderr


def test_a_comment_in_another_stage_is_shown_by_running_its_smallest_arm(project):
    edit(project / "stages/caption.py", '"""', '"""  ')
    done = unchanged(project, "caption")
    assert done.returncode == 0, done.stderr
    assert "caption" not in str(json.loads(dvc(project, "status", "--json")).keys())


def test_another_sentence_in_the_captions_is_named(project):
    path = project / "biolingual/captioning/sentences.py"
    text = edit(path, '["The sound"]', '["A sound"]')
    done = unchanged(project, "caption")
    path.write_text(text)
    assert done.returncode == 1 and "has changed" in done.stderr


def test_a_changed_value_is_refused(project):
    from tests.small_world import change_params

    change_params(project, {"caption": {"captioner": "template"}, "ingest": {"max_clips_per_recording": 1}})
    done = unchanged(project, "ingest")
    assert done.returncode == 1 and "stale for more than its code" in done.stderr
