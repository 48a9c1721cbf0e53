"""Asking: by words, by example, both, and not; where and when; neighbours as one hit."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from biolingual.search.hits import merged
from biolingual.search.index import Filters, Index
from biolingual.search.models import DEFAULT
from biolingual.search.query import Query, Searcher, Vector, prompts


def first_row(index: Index, start: str) -> int:
    number = next(n for n, one in enumerate(index.files) if one["path"].startswith(start))
    return int(np.flatnonzero(index.file_of == number)[0])


def test_a_part_of_a_recording_finds_itself_first(searcher, indexed):
    clip = f"{indexed[0]}/south/SOUTH_20260503_000000.WAV@2-4"
    best = searcher.search(Query(like=(clip,)), limit=1).hits[0]
    assert best.file.endswith("SOUTH_20260503_000000.WAV") and best.score > 0.98 and best.start_s <= 2 < best.end_s


def test_an_example_may_be_named_as_the_index_names_it(searcher):
    query = Query(like=("south/SOUTH_20260503_000000.WAV@2-4",))
    assert searcher.search(query, limit=1).hits[0].file.startswith("south/SOUTH")


def test_words_examples_and_what_it_must_not_be_are_one_vector(searcher):
    index = searcher.index
    clip = "south/south_20260501_130000.wav"
    words, sound = searcher.vector(Query("Dusky Velar")).values, searcher.vector(Query(like=(clip,))).values
    both = searcher.vector(Query("Dusky Velar", (clip,))).values
    assert np.allclose(both, (words + sound) / np.linalg.norm(words + sound), atol=1e-5)
    without = searcher.vector(Query("Dusky Velar", unlike=(clip,)))
    row = first_row(index, clip)
    before, after = searcher.scores(Query("Dusky Velar")), searcher.scores(without)
    assert np.argsort(-after).tolist().index(row) >= np.argsort(-before).tolist().index(row)
    assert after[row] < before[row]


def test_an_empty_query_and_a_foreign_one_are_refused(searcher):
    with pytest.raises(ValueError, match="the query is empty"):
        searcher.search("  ")
    foreign = Vector(np.ones(64, np.float32), "0" * 16, "x")
    with pytest.raises(ValueError, match="they say nothing about each other"):
        searcher.search(foreign)


def test_a_model_of_another_embedding_id_is_refused(searcher):
    from dataclasses import replace

    with pytest.raises(ValueError, match="the model makes"):
        Searcher(searcher.index, replace(searcher.embedder, model_sha="other"))


@pytest.mark.parametrize(
    "filters, files",
    [
        (Filters(sites=("north",)), {"north_20260501_040000.wav", "north_20260502_220000.flac"}),
        (Filters(date_from="2026-05-02"), {"north_20260502_220000.flac", "SOUTH_20260503_000000.WAV"}),
        (Filters(date_to="2026-05-01", sites=("south",)), {"south_20260501_130000.wav"}),
        (
            Filters(hour_from=22, hour_to=5),
            {"north_20260501_040000.wav", "north_20260502_220000.flac", "SOUTH_20260503_000000.WAV"},
        ),
        (Filters(hour_from=13, hour_to=14), {"south_20260501_130000.wav"}),
        (Filters(hour_from=6, hour_to=7), set()),
    ],
)
def test_filters_leave_what_they_say(searcher, filters, files):
    hits = searcher.search("Dusky Velar", filters, limit=50).hits
    assert {hit.file.rsplit("/", 1)[-1] for hit in hits} == files


def test_an_unknown_site_names_the_known_ones(searcher):
    with pytest.raises(ValueError, match=r"no site east in this index; there are: SOUTH, north, south"):
        searcher.search("x", Filters(sites=("east",)))


@dataclass
class Made:
    """An index of two recordings with six windows of 2 s each, hop 1 s."""

    card: dict = field(default_factory=lambda: {"window_s": 2.0, "hop_s": 1.0})
    files: list = field(default_factory=lambda: [{"path": name, "site": "", "deployment": ""} for name in ("a", "b")])
    file_of = np.repeat([0, 1], 6)
    starts_s = np.tile(np.arange(6.0), 2)
    ends_s = starts_s + 2
    recorded_at = np.full(12, "NaT", "datetime64[ms]")


def spans(rows: list[int], limit: int) -> list[tuple]:
    scores = np.linspace(1, 0.5, len(rows))
    return [(hit.file, hit.start_s, hit.end_s, hit.windows) for hit in merged(Made(), np.array(rows), scores, limit)]


def test_neighbours_become_one_hit_and_recordings_stay_apart():
    assert spans([1, 2, 5, 6], 5) == [("a", 1, 4, 2), ("a", 5, 7, 1), ("b", 0, 2, 1)]


def test_a_window_between_two_hits_joins_them():
    assert spans([0, 3, 1, 2], 5) == [("a", 0, 5, 4)]


def test_the_window_that_would_begin_one_hit_too_many_ends_it():
    assert spans([0, 9, 5, 1], 2) == [("a", 0, 2, 1), ("b", 3, 5, 1)]


def test_a_threshold_leaves_only_scores_from_it(searcher):
    scores = np.sort(searcher.scores("Dusky Velar"))
    least = float(scores[-3])
    hits = searcher.search("Dusky Velar", limit=50, min_score=least - 1e-6).hits
    assert sum(hit.windows for hit in hits) == 3 and all(hit.score >= least - 1e-6 for hit in hits)


def test_names_are_asked_for_in_the_models_habit_and_sentences_stand():
    assert prompts("Alpine Barkan", (), "x") == ["The sound of an Alpine Barkan."]
    assert prompts("Alpine Barkan", (), DEFAULT) == ["Alpine Barkan"]
    assert prompts("Song of a Wren.", ("{query}!",), "x") == ["Song of a Wren."]
    assert prompts("Wren", ("{query}!", "{a_query}?"), "x") == ["Wren!", "a Wren?"]
    with pytest.raises(ValueError, match="no place for the query"):
        prompts("Wren", ("song",), "x")


def test_a_part_that_the_index_lacks_says_from_how_many_windows_it_is_made(searcher):
    with pytest.raises(ValueError, match="has no ann part"):
        searcher.search("x", method="ann")
    with pytest.raises(ValueError, match="there are: auto, exact, int8, ann"):
        searcher.search("x", method="fast")


def test_every_method_gives_the_same_hits_where_the_index_has_it(recordings, model_folder, tmp_path, monkeypatch):
    from biolingual.search import sealing
    from biolingual.search.indexing import build_index
    from biolingual.search.models import load

    monkeypatch.setattr(sealing, "INT8_FROM", 1)
    monkeypatch.setattr(sealing, "GRAPH_FROM", 1)
    made = Searcher(build_index(str(recordings), tmp_path / "index", model_folder), load(model_folder))
    found = {method: made.search("Dusky Velar", method=method) for method in ("exact", "int8", "ann", "auto")}
    assert found["auto"].method == "ann"
    assert all(one.hits == found["exact"].hits for one in found.values()) and found["exact"].hits
