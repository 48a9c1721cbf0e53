"""Captions at scale: the template's on one core, and how many requests the chat path keeps in flight."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.registry import Measured, row

CAPTIONS, LIMIT_S, LIMIT_MB = 1_000_000, 120.0, 1000.0
PER_RECORDING = 4  # both names, with and without the behaviour
STAGE = """
import json, os, runpy, sys, time
from tests.memory import peak_bytes
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
sys.argv = ["stages.caption", *sys.argv[1:]]
started = time.perf_counter()
runpy.run_module("stages.caption", run_name="__main__")
print(json.dumps({"seconds": time.perf_counter() - started, "peak_mb": peak_bytes() / 2**20}))
"""


@row
def captions_template() -> Iterator[Measured]:
    """A million template captions by the stage itself, its process on one core, against the limits: 2 minutes and 1 GB."""
    from biolingual.archives.simulated import World
    from biolingual.records import Recording
    from biolingual.tabular import write_rows

    with tempfile.TemporaryDirectory() as name:
        manifests = Path(name) / "manifests"
        count = CAPTIONS // PER_RECORDING
        write_rows(
            (Recording(**one) for one in World(1, 10).tables_only(count)), Recording, manifests / "recordings.parquet"
        )
        words = ["--manifests", str(manifests), "--out", f"{name}/out.parquet", "--report", f"{name}/report.json"]
        done = subprocess.run([sys.executable, "-c", STAGE, *words], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        written = json.loads(Path(f"{name}/report.json").read_text())["captions"]
        assert written == CAPTIONS, f"{written} captions were written"
    rate, least = CAPTIONS / found["seconds"], CAPTIONS / LIMIT_S
    yield Measured("captions_template", "1/s", rate, least, rate / least, 1.0, 0.0)
    yield Measured("captions_template_memory", "MB", found["peak_mb"], LIMIT_MB, LIMIT_MB / found["peak_mb"], 1.0, 0.0)


@row
def captions_chat() -> Iterator[Measured]:
    """Requests in flight at a server that takes half a second for each answer (goal 64), and answers a second against its own
    limit of at_once / 0.5 s."""
    from biolingual.captioning import chat
    from biolingual.captioning.endpoint import Endpoint
    from biolingual.params import load
    from tests.captioning.scripted_server import good, recordings, serving

    at_once, delay_s, items = 64, 0.5, recordings(1000)
    params = load(Path("params.yaml")).caption.model_copy(update={"model": "scripted"})
    with tempfile.TemporaryDirectory() as name, serving(lambda i, a, n: good(i, a), delay_s) as server:
        endpoint = Endpoint(url=server.url, at_once=at_once, answers=os.path.join(name, "answers.sqlite"))
        started = time.perf_counter()
        written = list(chat.captions(items, params, endpoint))
        seconds = time.perf_counter() - started
        assert all(rows[0].status == "ok" for rows in written)
    yield Measured("captions_chat_in_flight", "requests", server.most, at_once, server.most / at_once, 1.0, 0.0)
    yield Measured(
        "captions_chat_rate",
        "1/s",
        len(items) / seconds,
        at_once / delay_s,
        len(items) * delay_s / at_once / seconds,
        None,
        0.0,
    )
