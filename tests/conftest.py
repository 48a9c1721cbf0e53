"""What several test files share: the repository, the data beside it, and a demo-size model on made-up sounds."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real data beside the checkout; a test that needs it skips where it is absent."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not on this machine")
    return folder


@pytest.fixture(scope="session")
def params():
    """params.yaml as it stands in the repository."""
    from biolingual.params import load

    return load(ROOT / "params.yaml")


@pytest.fixture(scope="session")
def tiny(params):
    """(ClapModel, LogMel, tokenizer) of the demo's size with seeded random weights."""
    import torch

    from biolingual.frontend import LogMel
    from biolingual.model import build, train_tokenizer

    texts = [f"{sound} of a {name}." for sound in ("Song", "Alarm call") for name in ("Dusky Velar", "Pale Velar")]
    tokenizer = train_tokenizer(texts * 2, params.model.vocab_size, params.model.max_tokens)
    torch.manual_seed(0)
    model = build(params.model, params.frontend.mel_bins, len(tokenizer)).eval()
    return model, LogMel.from_params(params.frontend, 48000, 2), tokenizer


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Path:
    """A small world with its whole graph run once and committed, for slow tests that begin there: they copy it."""
    from tests.small_world import clone, dvc, git

    folder = clone(tmp_path_factory.mktemp("built") / "project")
    dvc(folder, "repro", BIOLINGUAL_TRAIN_WORKERS="1")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "built")
    return folder


@pytest.fixture
def waveforms() -> list[np.ndarray]:
    """Five sounds of different lengths up to 2 s at 48 kHz."""
    draw = np.random.Generator(np.random.PCG64(1))
    return [(0.1 * draw.standard_normal(length)).astype(np.float32) for length in (96000, 96000, 70000, 40000, 20000)]


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of an S3 server on this machine."""
    from moto.server import ThreadedMotoServer

    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture
def s3_bucket(s3_server, monkeypatch, request) -> Iterator[str]:
    """A fresh bucket's URL, with the environment that leads s3fs to the server."""
    import boto3
    import s3fs

    for name, value in {
        "AWS_ENDPOINT_URL": s3_server,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = "dumps-" + hashlib.md5(request.node.nodeid.encode()).hexdigest()[:12]
    boto3.client("s3").create_bucket(Bucket=name)
    yield f"s3://{name}"
    s3fs.S3FileSystem.clear_instance_cache()
