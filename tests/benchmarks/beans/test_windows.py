"""The window rules of the detection sets, case by case."""

import pytest

from biolingual.benchmarks.beans.windows import Annotation, labels_in, window_count, window_starts


@pytest.mark.parametrize(
    ("length", "width", "shift", "expected"),
    [
        (60, 2, 1, 59),
        (60, 10, 5, 11),
        (60, 4, 2, 29),
        (2.0, 2, 1, 1),
        (1.1, 2, 1, 1),  # a rest longer than width - shift gives one window that ends in zeros
        (1.0, 2, 1, 0),
        (0.2, 2, 1, 0),
        (2.99, 2, 1, 1),
        (3.0, 2, 1, 2),
        (0.1, 10, 5, 0),
    ],
)
def test_a_file_has_as_many_windows_as_the_truncated_quotient_says(length, width, shift, expected):
    assert window_count(length, width, shift) == expected
    assert window_starts(length, width, shift) == [shift * number for number in range(expected)]


@pytest.mark.parametrize(
    ("start", "end", "held"),
    [
        (12.5, 13.0, True),  # inside
        (18.0, 40.0, False),  # 2 of 10 s: exactly a fifth is not more than a fifth
        (17.99, 40.0, True),
        (5.0, 12.0, True),  # 2 of the call's own 7 s
        (0.0, 12.0, False),  # 2 of 10 s
        (0.0, 12.01, True),
        (19.95, 20.05, True),  # half of a short call
        (19.99, 20.09, False),  # a tenth of it
        (9.0, 21.0, True),  # covers the window, begins and ends outside
        (10.0, 20.0, True),
        (20.0, 21.0, False),  # touches the bound, no overlap
        (15.0, 15.0, False),  # no length
        (2.0, 9.0, False),
    ],
)
def test_a_window_holds_an_annotation_or_not(start, end, held):
    assert labels_in(10, 20, [Annotation(start, end, "x")]) == ({"x"} if held else set())


def test_annotations_of_several_classes_are_all_held():
    found = labels_in(
        0, 2, [Annotation(0, 1, "a"), Annotation(1, 2, "b"), Annotation(0, 2, "a"), Annotation(5, 6, "c")]
    )
    assert found == {"a", "b"}
