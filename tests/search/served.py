"""The page as a server of this process, and the browser that visits it."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextlib.contextmanager
def serving(searcher) -> Iterator[str]:
    """The URL of a page over an index, until the block ends."""
    import uvicorn

    from biolingual.search.server import server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    running = uvicorn.Server(uvicorn.Config(server(searcher), port=port, log_level="error"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(10)


@contextlib.contextmanager
def chromium() -> Iterator:
    """A headless browser; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


def search(page, words: str) -> None:
    """Ask the page and wait for its answer."""
    page.fill("#words textarea, #words input", words)
    page.click("#go")
    told = "words => document.querySelector('#status')?.innerText.includes(words)"
    page.wait_for_function(told, arg=words, timeout=60000)


def picture(page, name: str) -> None:
    """Keep what the page looks like, where BIOLINGUAL_PICTURES says."""
    if folder := os.environ.get("BIOLINGUAL_PICTURES"):
        from PIL import Image

        page.wait_for_timeout(2500)
        Path(folder).mkdir(parents=True, exist_ok=True)
        seen = Image.open(io.BytesIO(page.screenshot()))
        seen.convert("RGB").quantize(96).save(Path(folder) / f"{name}.png", optimize=True)
