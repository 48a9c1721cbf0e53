"""`pip install biolingual[search]` alone: index, search and serve run, without prefect, dvc, ray or great-expectations."""

import os
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.search.conftest import ROOT, fill

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ELSEWHERE = ("prefect", "dvc", "ray", "great_expectations", "sklearn", "matplotlib", "librosa")


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Path:
    """A fresh virtual environment with the search extra in the lock's versions; skipped where nothing can be fetched."""
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on this machine")
    folder = tmp_path_factory.mktemp("alone") / "venv"
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)
    links = [word for one in os.environ.get("PIP_FIND_LINKS", "").split() for word in ("--find-links", one)]
    lock = ["--constraint", ROOT / "requirements.lock"]
    words = [uv, "pip", "install", "--quiet", "--python", folder / "bin/python", *links, *lock, f"{ROOT}[search]"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode and ("error sending request" in done.stderr or "dns error" in done.stderr):
        pytest.skip("no package index within reach")
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def run(alone: Path, *words: object, cwd: Path) -> str:
    values = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([str(one) for one in words], cwd=cwd, env=values, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_search_extra_alone_indexes_searches_classifies_and_serves(alone, model_folder, tmp_path):
    script = f"import importlib.util as u; print([n for n in {ELSEWHERE!r} if u.find_spec(n)])"
    assert run(alone, alone / "python", "-c", script, cwd=tmp_path).strip() == "[]"
    fill(tmp_path / "recordings")
    (tmp_path / "species.txt").write_text("Dusky Velar\n")
    command = alone / "biolingual"
    said = run(alone, command, "index", "recordings", "--out", "index", "--model", model_folder, cwd=tmp_path)
    assert "4 recordings" in said
    assert "hits for" in run(alone, command, "search", "index", "Dusky Velar", cwd=tmp_path)
    run(alone, command, "classify", "index", "--labels", "species.txt", "--out", "classified", cwd=tmp_path)
    run(alone, command, "embed", "index", "--out", "e.parquet", cwd=tmp_path)
    port = 17860
    serving = subprocess.Popen([command, "serve", "index", "--port", str(port)], cwd=tmp_path)
    try:
        deadline = time.monotonic() + 600
        while True:
            try:
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read().decode()
                break
            except OSError:
                assert serving.poll() is None and time.monotonic() < deadline
                time.sleep(0.5)
    finally:
        serving.terminate()
        serving.wait(20)
    assert "BioLingual search" in page
