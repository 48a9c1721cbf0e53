"""The page in a real browser: Debian's Chromium, headless. BIOLINGUAL_PICTURES=FOLDER keeps what it looked like."""

from pathlib import Path

import pytest
import soundfile

from tests.search.conftest import fill, noise
from tests.search.served import chromium, picture, search, serving

SCRIPT = "<img src=x onerror=window.hurt=1>${window.hurt=2}.wav"


@pytest.fixture(scope="module")
def address(model_folder, tmp_path_factory):
    """A served index of a small season, one of its files named like a script; (URL, index folder)."""
    from biolingual.search.indexing import build_index
    from biolingual.search.models import load
    from biolingual.search.query import Searcher

    folder = tmp_path_factory.mktemp("page")
    fill(folder / "recordings")
    soundfile.write(folder / "recordings" / SCRIPT, noise(3.0), 48000)
    index = build_index(str(folder / "recordings"), folder / "index", model_folder)
    with serving(Searcher(index, load(model_folder))) as url:
        yield url, index.folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as running:
        yield running


@pytest.fixture
def page(browser, address):
    """A fresh visit; what it asked for is in page.asked, its errors in page.faults."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.asked, page.faults = [], []
    page.on("request", lambda one: page.asked.append(one.url))
    page.on("pageerror", lambda error: page.faults.append(str(error)))
    page.goto(address[0])
    page.wait_for_selector("#words textarea, #words input", timeout=60000)
    yield page
    context.close()


def test_search_play_mark_rerank_and_export(page, address):
    picture(page, "empty")
    search(page, "Dusky Velar")
    hits = page.locator(".hit")
    count = hits.count()
    assert count >= 5
    hits.first.locator("img").click()
    page.wait_for_function("!document.querySelector('.hit audio').paused || document.querySelector('.hit audio').ended")
    page.wait_for_function("document.querySelector('.hit img').naturalWidth > 0")
    page.keyboard.press("y")
    page.wait_for_selector(".hit.yes")
    page.keyboard.press("j")
    page.keyboard.press("n")
    page.wait_for_selector(".hit.no")
    page.wait_for_function("document.querySelector('#precision').innerText.includes('1 of 2')")
    picture(page, "marked")
    assert len((address[1] / "marks.jsonl").read_text().splitlines()) == 2
    with page.expect_download() as download:
        page.click(".export a:has-text('Raven')")
    assert download.value.suggested_filename == "hits.txt"
    assert len(Path(download.value.path()).read_text().splitlines()) == count + 1
    page.click("#rerank")
    page.wait_for_function("document.querySelector('.hit.yes .file')?.innerText.startsWith('1.')", timeout=60000)
    picture(page, "reranked")
    assert not page.faults


def test_nothing_found_and_faults_are_said(page):
    page.fill("#threshold textarea, #threshold input", "5")
    search(page, "Dusky Velar")
    assert "Nothing found" in page.locator("#shown").inner_text()
    page.fill("#threshold textarea, #threshold input", "high")
    page.click("#go")
    page.wait_for_selector("#status .bad")
    assert "'high' is no number" in page.locator("#status").inner_text()
    picture(page, "fault")


def test_a_file_named_like_a_script_is_only_a_name(page):
    search(page, "<img src=x onerror=window.hurt=3> any sound")
    page.wait_for_function("[...document.querySelectorAll('.file')].some((one) => one.innerText.includes('onerror'))")
    page.wait_for_timeout(300)
    assert page.evaluate("window.hurt") is None


def test_an_example_is_uploaded_and_found(page, address):
    clip = address[1].parent / "recordings/south/SOUTH_20260503_000000.WAV"
    page.set_input_files("#example input[type=file]", str(clip))
    page.wait_for_selector("#example audio", state="attached", timeout=60000)
    page.click("#go")
    page.wait_for_selector(".hit", timeout=60000)
    assert "SOUTH_20260503" in page.locator(".hit .file").first.inner_text()


def test_the_page_asks_no_other_host(page, address):
    search(page, "Dusky Velar")
    hosts = {url.split("/")[2] for url in page.asked if url.startswith(("http", "ws"))}
    assert hosts == {address[0].removeprefix("http://")}
