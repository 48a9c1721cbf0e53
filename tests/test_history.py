"""The page of the released model on new dumps, made from the rows that flows write."""

import re
from html.parser import HTMLParser

import pytest

from biolingual.history import HEIGHT, WIDTH, write_page
from flows import history

ROW = {
    "date": "2026-11-21",
    "base": "demo@v0.1.0",
    "task": "zero_shot",
    "origin": "simulated",
    "metric": "top1",
    "before": "0.6000",
    "overall": "0.5000",
    "overall_low": "0.4000",
    "overall_high": "0.7500",
    "verdict": "same",
    "retrain_advised": "no",
}
NEW = {"new": "0.2500", "new_low": "0.0000", "new_high": "1.0000", "new_n": 12}


@pytest.fixture
def page(tmp_path):
    """rows -> the page's text"""

    def made(*rows: dict) -> str:
        history.add(tmp_path, list(rows))
        assert write_page(tmp_path / history.FILE, tmp_path / "history.html") == len(rows)
        return (tmp_path / "history.html").read_text(encoding="utf-8")

    return made


def circles(text: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', text)]


def test_a_score_is_a_point_at_its_height_with_a_bar_over_its_interval(page):
    text = page(ROW | {"dump": "a-1"})
    ((x, y),) = circles(text)
    assert y == HEIGHT * 0.5 and abs(x - WIDTH / 2) < 10
    bar = re.search(r'y1="([\d.]+)" x2="[\d.]+" y2="([\d.]+)" stroke="#1b6a7d"', text)
    assert [float(one) for one in bar.groups()] == [HEIGHT * 0.6, HEIGHT * 0.25]


def test_new_recordings_are_a_second_point_beside_the_first(page):
    (one, other) = circles(page(ROW | NEW | {"dump": "a-1"}))
    assert other[1] == HEIGHT * 0.75 and 0 < other[0] - one[0] < 20


def test_dumps_stand_from_left_to_right_in_the_order_of_the_rows(page):
    text = page(*(ROW | {"dump": f"a-{number}"} for number in (3, 1, 2)))
    found = [x for x, _ in circles(text)]
    assert found == sorted(found) and found[0] > 0 and found[-1] < WIDTH
    assert re.findall(r'font-size="12" fill="#5d6b70">(a-\d)<', text) == ["a-3", "a-1", "a-2"]


def test_scores_of_two_origins_or_two_tasks_never_share_a_plot(page):
    text = page(
        ROW | {"dump": "a-1"},
        ROW | {"dump": "b-1", "origin": "real"},
        ROW | {"dump": "b-1", "origin": "real", "task": "retrieval"},
    )
    plots = text.split("<svg")[1:]
    assert len(plots) == 3 and all(len(circles(plot)) == 1 for plot in plots)
    assert ">real sounds<" in text and ">simulated sounds<" in text


def test_a_dump_behind_a_red_gate_is_a_row_without_a_point(page):
    text = page({"date": "2026-11-21", "dump": "bad-1", "verdict": "gate red", "retrain_advised": "no"})
    assert "<svg" not in text and "<td>bad-1</td>" in text and "<td>gate red</td>" in text


def test_a_history_without_rows_is_a_page_all_the_same(page):
    assert "<th>Dump</th>" in page()


def test_names_are_escaped(page):
    text = page(ROW | {"dump": "<script>alert(1)</script>"})
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)" in text


def test_the_page_is_well_formed_and_needs_no_network(page):
    text = page(ROW | NEW | {"dump": "a-1"})
    open_tags: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            assert not {"src", "href"} & {name for name, value in attributes if "//" in (value or "")}
            if tag != "meta":
                open_tags.append(tag)

        def handle_startendtag(self, tag, attributes):
            pass

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Reader().feed(text)
    assert open_tags == []


def test_equal_rows_give_equal_bytes(page):
    assert page(ROW | {"dump": "a-1"}) == page(ROW | {"dump": "a-1"})
