"""The commands as a terminal sees them."""

import json

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from biolingual.cli import app


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    if done.exception:
        raise done.exception
    return done.output


def test_index_search_and_every_file_they_write(recordings, model_folder, tmp_path):
    said = run("index", recordings, "--out", tmp_path / "index", "--model", model_folder)
    assert "4 recordings" in said and "3 broken" in said and "'south/page.mp3': html_page" in said
    out = {name: tmp_path / name for name in ("hits.csv", "hits.txt", "history.csv")}
    words = ["search", tmp_path / "index", "Dusky Velar", "--site", "north", "--limit", "2", "--min-score", "-1"]
    said = run(*words, "--csv", out["hits.csv"], "--raven", out["hits.txt"], "--history", out["history.csv"])
    assert all(path.read_text().strip() for path in out.values())
    assert said.splitlines()[0].startswith("2 hits for 'Dusky Velar' in 10 windows")
    told = json.loads(run(*words, "--json").split("\n", 0)[0])
    assert len(told["hits"]) == 2 and {hit["site"] for hit in told["hits"]} == {"north"}


def test_classify_keeps_its_index_for_the_next_list(recordings, model_folder, tmp_path):
    labels = tmp_path / "species.txt"
    labels.write_text("Dusky Velar\nPale Velar\n")
    said = run("classify", recordings, "--labels", labels, "--out", tmp_path / "out", "--model", model_folder)
    assert "2 names, 15 windows of 4 recordings" in said and "broken: 'south/empty.wav'" in said
    assert pq.read_table(tmp_path / "out/windows.parquet").num_rows == 15
    assert (tmp_path / "out/recordings.csv").read_text().startswith('"file","label","score"')
    again = run("classify", tmp_path / "out/index", "--labels", labels, "--out", tmp_path / "two", "--threshold", "1.1")
    assert "none of these` below 1.1" in again


def test_embed_writes_parquet_of_a_folder(recordings, model_folder, tmp_path):
    assert "15 windows x 64" in run("embed", recordings, "--out", tmp_path / "e.parquet", "--model", model_folder)


@pytest.mark.parametrize(
    "words, said",
    [
        (["--history", "h.csv"], "needs --min-score"),
        (["--hours", "25-3"], "hours '25-3' are none"),
        (["--from", "May"], "'May' is no date"),
        (["--like", "nowhere.wav"], "nowhere.wav"),
    ],
)
def test_a_fault_of_the_input_is_said_in_one_line(indexed, words, said):
    with pytest.raises((ValueError, FileNotFoundError), match=said) as error:
        run("search", indexed[1].folder, "wren", *words)
    assert "\n" not in str(error.value)


def test_no_index_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="biolingual index FOLDER"):
        run("search", tmp_path, "wren")
    with pytest.raises(FileNotFoundError, match="Give the folder"):
        run("index", tmp_path / "none", "--out", tmp_path / "i")


def test_a_page_open_to_others_needs_a_token(indexed):
    with pytest.raises(ValueError, match="Give --token"):
        run("serve", indexed[1].folder, "--host", "0.0.0.0")
