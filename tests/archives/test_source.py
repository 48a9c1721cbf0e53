"""The cleaning of the text that archives hold."""

import pytest

from biolingual.archives.source import clean, clock_s, coordinates, day_time, iso_date, number


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("song", "song"),
        (None, ""),
        (7, "7"),
        ("  two \r\n lines\t", "two lines"),
        ("A. O&#039;Recordist &amp; B.", "A. O'Recordist & B."),
        ("Bois d&amp;#039;Aixe", "Bois d'Aixe"),
        ("d&amp;amp;#039;Aixe", "d'Aixe"),
        ("call, &quot;tsip&quot;", 'call, "tsip"'),
        ("<p>At <b>dawn</b></p>", "At dawn"),
        ("Serra >> Pico, >1800m (approx)", "Serra >> Pico, >1800m (approx)"),
        ("José Núñez", "José Núñez"),
    ],
)
def test_text_becomes_one_plain_line(text, expected):
    assert clean(text) == expected


@pytest.mark.parametrize("text", ["-", "?", "no score", "Unknown", "uncertain", "nan", "null", "[]", "['']", " ? "])
def test_a_placeholder_is_no_text(text):
    assert clean(text) == ""


def test_the_country_code_of_namibia_is_text():
    assert clean("NA") == "NA"


@pytest.mark.parametrize(
    ("text", "expected"), [("45.88", 45.88), (" -8.6 ", -8.6), (48000, 48000.0), ("1e3", 1000.0), ("0", 0.0)]
)
def test_a_number_is_read(text, expected):
    assert number(text) == expected


@pytest.mark.parametrize("text", ["", None, "?", "12 m", "nan", "inf", "-inf", "1,5"])
def test_what_is_no_finite_number_is_none(text):
    assert number(text) is None


def test_a_number_out_of_range_is_none():
    assert number("5", 0, 10) == 5 and number("11", 0, 10) is None and number("-1", 0) is None


@pytest.mark.parametrize(
    ("latitude", "longitude"),
    [("91.5", "24.9"), ("45", "181"), ("45", ""), (None, "24.9"), ("0", "0"), (0.0, 0.0), ("north", "24.9")],
)
def test_coordinates_come_both_or_not_at_all(latitude, longitude):
    assert coordinates(latitude, longitude) == {"latitude": None, "longitude": None}


def test_coordinates_on_the_equator_are_coordinates():
    assert coordinates("0", "-70.5") == {"latitude": 0.0, "longitude": -70.5}


@pytest.mark.parametrize(
    ("text", "seconds"), [("4:13", 253), ("0:07", 7), ("1:02:03", 3723), ("00:02:25", 145), ("0:00", 0)]
)
def test_a_clock_gives_seconds(text, seconds):
    assert clock_s(text) == seconds


@pytest.mark.parametrize("text", ["", None, "12", "12:34:56:78", "a:10", "-1:10", "1:", "4.5"])
def test_what_is_no_clock_gives_none(text):
    assert clock_s(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015-06-23", "2015-06-23"),
        ("2025-08-17T05:00:00+02:00", "2025-08-17"),
        ("1998-06-00", "1998-06"),
        ("1998-06", "1998-06"),
        ("2004-00-00", "2004"),
        ("0000-00-00", ""),
        ("", ""),
        (None, ""),
        ("23/06/2015", ""),
        ("June 2015", ""),
    ],
)
def test_a_date_keeps_what_is_known_of_it(text, expected):
    assert iso_date(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7:05", "07:05"),
        ("07.05", "07:05"),
        ("07:05:33Z", "07:05"),
        ("23:59", "23:59"),
        ("?", ""),
        ("morning", ""),
        ("24:00", ""),
        ("7:60", ""),
        ("7:5", ""),
        (None, ""),
    ],
)
def test_a_time_of_day_is_two_digits_and_two_digits(text, expected):
    assert day_time(text) == expected
