"""The ordered map: the same results from one process and from two."""

import math
import operator

import pytest

from biolingual.parallel import Machine, map_ordered, this_machine

SLOW_FIRST = [20000, 3, 15000, 5, 1, 0]  # a later, quicker item is done before an earlier one


def test_two_processes_give_what_one_gives_in_the_items_order():
    serial = list(map_ordered(math.factorial, SLOW_FIRST, Machine(workers=1)))
    spawned = list(map_ordered(math.factorial, SLOW_FIRST, Machine(workers=2), chunk=1))
    assert spawned == serial == [math.factorial(item) for item in SLOW_FIRST]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_of_the_function_is_raised_here(workers):
    results = map_ordered(math.sqrt, [4.0, -1.0, 9.0], Machine(workers=workers), chunk=1)
    assert next(results) == 2.0
    with pytest.raises(ValueError, match=r"math domain error|nonnegative"):
        list(results)


def test_one_process_takes_an_item_only_when_its_result_is_asked_for():
    taken = []

    def items():
        for item in range(3):
            taken.append(item)
            yield item

    results = map_ordered(operator.neg, items(), Machine(workers=1))
    assert taken == []
    assert next(results) == 0 and taken == [0]


def test_no_items_give_no_results():
    assert list(map_ordered(operator.neg, [], Machine(workers=1))) == []


def test_the_machine_is_as_the_environment_says(monkeypatch):
    monkeypatch.setenv("BIOLINGUAL_WORKERS", "3")
    monkeypatch.setenv("BIOLINGUAL_TRAIN_WORKERS", "4")
    monkeypatch.setenv("BIOLINGUAL_GPU", "1")
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    assert this_machine() == Machine(workers=3, train_workers=4, use_gpu=True, ray_address="ray://head:10001")


def test_without_a_word_in_the_environment_there_is_neither_gpu_nor_cluster(monkeypatch):
    for name in ("BIOLINGUAL_WORKERS", "BIOLINGUAL_TRAIN_WORKERS", "BIOLINGUAL_GPU", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    machine = this_machine()
    assert machine.workers >= 1 and not machine.use_gpu and machine.ray_address == ""
