"""What other programs get to read."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from biolingual.search import export
from biolingual.search.table import write_embeddings


def test_csv_and_json_hold_every_hit_and_what_it_is_of(searcher):
    results = searcher.search("Dusky Velar", limit=3)
    rows = list(csv.DictReader(io.StringIO(export.to_csv(results))))
    told = json.loads(export.to_json(results))
    assert [row["file"] for row in rows] == [hit.file for hit in results.hits] == [hit["file"] for hit in told["hits"]]
    assert {row["embedding_id"] for row in rows} == {told["embedding_id"]} == {searcher.index.embedding_id}
    assert {row["origin"] for row in rows} == {"real"} and {row["model_origin"] for row in rows} == {"unknown"}


def test_raven_times_run_through_the_recordings_and_offsets_do_not(searcher):
    results = searcher.search("Dusky Velar", limit=50)
    rows = list(csv.DictReader(io.StringIO(export.to_raven(results, searcher.index)), delimiter="\t"))
    assert len(rows) == len(results.hits) and [row["Selection"] for row in rows] == [
        str(n + 1) for n in range(len(rows))
    ]
    lengths = {one["path"]: one["duration_s"] for one in searcher.index.indexed}
    before = 0.0
    for name in sorted(lengths):
        for row in (row for row in rows if row["Begin Path"] == name):
            assert float(row["Begin Time (s)"]) == pytest.approx(before + float(row["File Offset (s)"]), abs=2e-3)
            assert float(row["End Time (s)"]) > float(row["Begin Time (s)"])
        before += lengths[name]


def test_no_cell_is_a_formula_and_no_tab_breaks_a_table(searcher):
    results = searcher.search("Dusky Velar", limit=1)
    odd = replace(results, query='=HYPERLINK("x")\tand', hits=[replace(results.hits[0], file="=cmd.wav", site="@x")])
    row = next(csv.DictReader(io.StringIO(export.to_csv(odd))))
    assert (row["file"], row["site"], row["query"][0]) == ("./=cmd.wav", "'@x", "'")
    tabbed = replace(results, query="a\tb\nc")
    assert len(export.to_raven(tabbed, searcher.index).splitlines()) == 2


def test_a_history_tells_heard_from_silent_from_nobody_there(searcher):
    index = searcher.index
    scores = np.zeros(len(index), np.float32)
    scores[index.file_of == next(n for n, one in enumerate(index.files) if "north_20260501" in one["path"])] = 0.9
    found = export.detection_history(index, scores, 0.5)
    assert found.periods == ["2026-05-01", "2026-05-02", "2026-05-03"] and found.undated == 0
    by_site = dict(zip(found.sites, found.detected, strict=True))
    assert by_site == {"north": [1, 0, None], "south": [0, None, None], "SOUTH": [None, None, 0]}
    assert export.detection_history(index, scores, 0.5, days=2).detected[found.sites.index("north")] == [1, None]
    assert "north,1,0,\n" in found.to_csv()


def test_embeddings_as_parquet_are_the_indexs_with_their_id(searcher, tmp_path):
    index = searcher.index
    assert write_embeddings(index, tmp_path / "e.parquet") == len(index)
    table = pq.read_table(tmp_path / "e.parquet")
    assert table.schema.metadata[b"embedding_id"].decode() == index.embedding_id
    assert np.array_equal(np.stack(table["embed"].to_numpy()), index.vectors)
    assert table["file"][0].as_py() == index.files[index.file_of[0]]["path"]
