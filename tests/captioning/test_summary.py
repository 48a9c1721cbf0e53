"""The numbers of a dump's captions: the same for the same captions, whatever their number."""

from biolingual.captioning import summary
from biolingual.captioning.sentences import captions
from biolingual.captioning.summary import Summary, distinct
from biolingual.records import Recording


def summed(count: int) -> dict:
    items = [
        Recording(recording_id=f"a:{i}", origin="real", dump="d", archive="a", common_name="Wren") for i in range(count)
    ]
    one = Summary()
    for item in one.watched(items):
        one.add(captions(item))
    return one.as_json()


def test_all_are_counted_and_a_fixed_sample_is_read(monkeypatch):
    monkeypatch.setattr(summary, "SAMPLE", 5)
    found = summed(100)
    assert (found["recordings"], found["captions"], found["sample"]["recordings"]) == (100, 100, 5)
    assert found == summed(100) and found["statuses"] == {"ok": 100}


def test_distinct_is_the_share_of_different_n_grams():
    assert distinct(["a wren sings", "a wren calls"], 1) == round(4 / 6, 4)
    assert distinct(["a wren sings", "a wren calls"], 2) == round(3 / 4, 4)
    assert distinct([], 2) == 0.0


def test_a_caption_with_a_fault_shows_in_the_lint():
    item = Recording(
        recording_id="a:1", origin="real", dump="d", archive="a", common_name="Wren", behavior="song in Spain"
    )
    one = Summary()
    for recording in one.watched([item]):
        one.add(captions(recording))
    assert one.as_json()["sample"]["lint"]["place"] == 0.5
