"""Half-hour field recordings with known events: what the demo model finds of them by name."""

from pathlib import Path

import pytest

from biolingual.search.hits import Hit
from tests.search.field_season import ASKED, Event, write
from tests.search.served import chromium, picture, search, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
WINDOW_S = 2.0
EVENTS_EACH = 24


def overlap_s(event: Event, hit: Hit) -> float:
    return min(event.end_s, hit.end_s) - max(event.start_s, hit.start_s) if event.file == hit.file else 0.0


@pytest.fixture(scope="module")
def season(tmp_path_factory, demo_model):
    """(events, Searcher) of six recordings of 30 minutes at three sites."""
    from biolingual.parallel import Machine
    from biolingual.search.indexing import build_index
    from biolingual.search.models import load
    from biolingual.search.query import Searcher

    folder = tmp_path_factory.mktemp("season")
    events = write(folder / "recordings", recordings=6, minutes=30, events_each=EVENTS_EACH)
    machine = Machine(workers=2)
    index = build_index(str(folder / "recordings"), folder / "index", demo_model, origin="simulated", machine=machine)
    return events, Searcher(index, load(demo_model))


def test_five_seen_species_are_found_by_name(season):
    events, searcher = season
    build = Path(__file__).resolve().parents[2] / "build"
    build.mkdir(exist_ok=True)
    lines, shares = [f"{'asked by name':<18} {'P@10':>5} {'events':>7} {'covered':>8} {'hits':>5}"], []
    for name in ASKED:
        own = [event for event in events if event.species == name]
        assert len(own) >= 20
        hits = searcher.search(name, limit=10).hits
        right = [any(overlap_s(event, hit) >= WINDOW_S / 2 for event in own) for hit in hits]
        many = searcher.search(name, limit=2 * len(own)).hits
        covered = [event for event in own if any(overlap_s(event, hit) >= WINDOW_S / 2 for hit in many)]
        shares.append(sum(right) / 10)
        lines.append(f"{name:<18} {shares[-1]:>5.2f} {len(own):>7} {len(covered):>8} {len(many):>5}")
    lines.append(f"mean P@10 {sum(shares) / len(shares):.2f}")
    (build / "search-season.txt").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))
    assert sum(shares) / len(shares) >= 0.8


def test_the_page_shows_what_the_readme_shows(season):
    _, searcher = season
    with serving(searcher) as url, chromium() as browser:
        page = browser.new_page(viewport={"width": 1180, "height": 780})
        page.goto(url)
        page.wait_for_selector("#words textarea, #words input", timeout=60000)
        search(page, "Round Glock")
        page.wait_for_selector(".hit")
        assert page.locator(".hit").count() == 20 and "Round Glock" in page.locator("#status").inner_text()
        picture(page, "search")
        for answer in "yyn":
            page.keyboard.press("j")
            page.keyboard.press(answer)
        page.wait_for_function("document.querySelector('#precision').innerText.includes('2 of 3')", timeout=60000)
        page.locator("#precision").scroll_into_view_if_needed()
        assert "precision 67%" in page.locator("#precision").inner_text()
        picture(page, "marks")
