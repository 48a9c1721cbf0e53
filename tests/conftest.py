"""What several test files share: the repository, the data beside it, and a demo-size model on made-up sounds."""

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


@pytest.fixture
def waveforms() -> list[np.ndarray]:
    """Five sounds of different lengths up to 2 s at 48 kHz."""
    draw = np.random.Generator(np.random.PCG64(1))
    return [(0.1 * draw.standard_normal(length)).astype(np.float32) for length in (96000, 96000, 70000, 40000, 20000)]
