"""What a killed map had done is not done again; what decides the results names where they are kept."""

import operator

import pytest

from biolingual.parallel import Machine
from biolingual.partitions import kept_results, key_of

ONE = Machine(workers=1)


class Counted:
    """Negates its items and counts; fails at one."""

    def __init__(self, fails_at: int | None = None):
        self.seen: list[int] = []
        self.fails_at = fails_at

    def __call__(self, items: list[int]) -> list[int]:
        if self.fails_at in items:
            raise OSError("the power is gone")
        self.seen += items
        return [-item for item in items]


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_whatever_the_workers(tmp_path, workers):
    items = [[3], [1], [2], [5], [4]]
    found = kept_results(operator.itemgetter(0), items, 2, tmp_path, "k", Machine(workers=workers))
    assert list(found) == [[3], [2], [4]]


def test_after_a_fault_only_what_was_not_done_is_done(tmp_path):
    with pytest.raises(OSError, match="power"):
        list(kept_results(Counted(fails_at=6), range(8), 2, tmp_path, "k", ONE))
    again = Counted()
    assert list(kept_results(again, range(8), 2, tmp_path, "k", ONE)) == [[0, -1], [-2, -3], [-4, -5], [-6, -7]]
    assert again.seen == [6, 7]


def test_workers_keep_their_own_results_and_the_next_run_takes_them(tmp_path, monkeypatch):
    items, two = [[3], [1], [2]], Machine(workers=2)
    assert list(kept_results(operator.itemgetter(0), items, 1, tmp_path, "k", two)) == [[3], [1], [2]]
    monkeypatch.setattr("biolingual.partitions.map_ordered", lambda function, given, *_, **__: iter(list(given)))
    again = kept_results(operator.itemgetter(0), items, 1, tmp_path, "k", two)
    assert list(again) == [[3], [1], [2]]


def test_another_key_starts_fresh_and_clears_the_former(tmp_path):
    list(kept_results(Counted(), range(4), 2, tmp_path, "old", ONE))
    again = Counted()
    list(kept_results(again, range(4), 2, tmp_path, "new", ONE))
    assert again.seen == [0, 1, 2, 3] and [path.name for path in tmp_path.iterdir()] == ["new"]


def test_half_a_file_is_no_result(tmp_path):
    (tmp_path / "k").mkdir()
    (tmp_path / "k/000000.part").write_bytes(b"half")
    assert list(kept_results(Counted(), [7], 2, tmp_path, "k", ONE)) == [[-7]]


def test_the_key_depends_on_every_fact_and_on_the_code(monkeypatch, tmp_path):
    import biolingual.audio

    keys = {key_of("dump", {"rate": 1}), key_of("dump", {"rate": 2}), key_of("other", {"rate": 1})}
    assert len(keys) == 3 and key_of("dump", {"rate": 1}) in keys
    edited = tmp_path / "audio.py"
    edited.write_text("# another line")
    monkeypatch.setattr(biolingual.audio, "__file__", str(edited))
    assert key_of("dump", {"rate": 1}) not in keys
