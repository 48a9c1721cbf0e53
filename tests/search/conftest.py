"""A small folder of recordings, a demo-size model on disk, and an index of both."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]


def noise(seconds: float, rate: int = 48000, seed: int = 0) -> np.ndarray:
    """[T] of white noise."""
    draw = np.random.Generator(np.random.PCG64(seed))
    return (0.1 * draw.standard_normal(round(seconds * rate))).astype(np.float32)


@pytest.fixture(scope="session")
def model_folder(tiny, tmp_path_factory) -> str:
    """The demo-size model with random weights, as a folder that says nothing of its origin."""
    from biolingual.model import save

    folder = tmp_path_factory.mktemp("model")
    save(*tiny, folder)
    return str(folder)


def fill(folder: Path) -> Path:
    """Seven recordings of two sites, three of them broken, and what lies about in a folder."""
    for name, seconds, rate in (
        ("north/north_20260501_040000.wav", 7.3, 48000),
        ("north/north_20260502_220000.flac", 4.0, 22050),
        ("south/south_20260501_130000.wav", 1.2, 8000),
        ("south/SOUTH_20260503_000000.WAV", 5.0, 96000),
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, noise(seconds, rate, len(name)), rate)
    (folder / "south/page.mp3").write_bytes(b"<!DOCTYPE html><html></html>")
    (folder / "south/empty.wav").write_bytes(b"")
    (folder / "south/cut.flac").write_bytes((folder / "north/north_20260502_220000.flac").read_bytes()[:9000])
    (folder / "notes.txt").write_text("rain after five")
    (folder / ".DS_Store").write_bytes(b"\0")
    return folder


@pytest.fixture
def recordings(tmp_path) -> Path:
    return fill(tmp_path / "recordings")


@pytest.fixture(scope="session")
def indexed(model_folder, tmp_path_factory):
    """(folder of recordings, Index), not to be written to."""
    from biolingual.search.indexing import build_index

    folder = tmp_path_factory.mktemp("season")
    fill(folder / "recordings")
    return folder / "recordings", build_index(str(folder / "recordings"), folder / "index", model_folder)


@pytest.fixture
def searcher(indexed, model_folder):
    from biolingual.search.models import load
    from biolingual.search.query import Searcher

    return Searcher(indexed[1], load(model_folder))


@pytest.fixture(scope="session")
def demo_model() -> str:
    """What `make demo` trained; its tests are skipped where nobody ran it."""
    folder = ROOT / "models/biolingual"
    if not (folder / "model.safetensors").is_file():
        pytest.skip("models/biolingual is not here: run make demo")
    return str(folder)
