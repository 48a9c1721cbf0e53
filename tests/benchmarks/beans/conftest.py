"""A bench on a made-up set with the demo-size model, and the sets' fixtures written once."""

from pathlib import Path

import pytest

from biolingual.benchmarks.beans import NEEDS_NO_MODEL, fixtures, layout
from biolingual.benchmarks.beans.bench import Bench
from biolingual.parallel import Machine


@pytest.fixture(scope="session")
def model_folder(tiny, tmp_path_factory) -> Path:
    from biolingual.model import save

    folder = tmp_path_factory.mktemp("model")
    model, log_mel, tokenizer = tiny
    save(model, log_mel, tokenizer, folder)
    return folder


@pytest.fixture(scope="session")
def made_up(tmp_path_factory):
    """task -> the folder of its fixture."""
    root, written = tmp_path_factory.mktemp("fixtures"), {}

    def of(task: str) -> Path:
        if task not in written:
            written[task] = fixtures.write(task, root / task, seed=1)
        return written[task]

    return of


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("embeddings")


@pytest.fixture
def bench(request, params, made_up, store):
    """(task, protocol) -> a Bench on its fixture; few resamples, two epochs, one rate. The model is built where one is needed."""
    quick = params.evaluate.model_copy(update={"bootstrap": 50})

    def of(task: str, protocol: str) -> Bench:
        data = layout.read(task, made_up(task))
        model = "" if protocol in NEEDS_NO_MODEL else str(request.getfixturevalue("model_folder"))
        return Bench(data, quick, Machine(), protocol, model, store, epochs=2, learning_rates=(1e-4,))

    return of
