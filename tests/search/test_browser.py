"""The page in a real browser: Debian's Chromium, headless. BIOLINGUAL_PICTURES=FOLDER keeps what it looked like."""

import os
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
import soundfile

from tests.search.conftest import fill, noise

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SCRIPT = "<img src=x onerror=window.hurt=1>${window.hurt=2}.wav"


@pytest.fixture(scope="module")
def address(model_folder, tmp_path_factory):
    """A served index of a small season, one of its files named like a script; (URL, index folder)."""
    import uvicorn

    from biolingual.search.indexing import build_index
    from biolingual.search.models import load
    from biolingual.search.query import Searcher
    from biolingual.search.server import server

    folder = tmp_path_factory.mktemp("page")
    fill(folder / "recordings")
    soundfile.write(folder / "recordings" / SCRIPT, noise(3.0), 48000)
    index = build_index(str(folder / "recordings"), folder / "index", model_folder)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = uvicorn.Config(server(Searcher(index, load(model_folder))), port=port, log_level="error")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}", index.folder
    running.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


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


def search(page, words: str) -> None:
    page.fill("#words textarea, #words input", words)
    page.click("#go")
    page.wait_for_function(
        "words => document.querySelector('#status')?.innerText.includes(words)", arg=words, timeout=60000
    )


def picture(page, name: str) -> None:
    if folder := os.environ.get("BIOLINGUAL_PICTURES"):
        page.wait_for_timeout(1500)
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


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
