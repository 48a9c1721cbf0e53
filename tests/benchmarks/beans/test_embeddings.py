"""A sound is heard by a model once, whatever asks for it."""

import numpy as np
import pytest

from biolingual.benchmarks.beans import embeddings, scoring
from biolingual.model import Embedder


@pytest.fixture
def counted(monkeypatch) -> list[int]:
    """How many windows each call of the model is given."""
    calls, hear = [], embeddings.hear

    def counting(embedder, windows):
        calls.append(len(windows))
        return hear(embedder, windows)

    monkeypatch.setattr(embeddings, "hear", counting)
    return calls


def test_all_probes_share_one_pass_over_the_sounds(bench, counted, tmp_path):
    for protocol in ("knn", "few_shot", "zero_shot", "linear", "attentive"):
        one = bench("speech-commands", protocol)
        one.store = tmp_path
        scoring.score(one)
    assert sum(counted) == 40  # one window of the model for each of the 40 clips
    assert len(list(tmp_path.glob("*.sqlite"))) == 1


def test_only_what_is_missing_is_computed(bench, counted, tmp_path):
    one = bench("speech-commands", "knn")
    units, row = one.data.units, one.data.row
    first = embeddings.embed(one.embedder, row, units[:10], tmp_path)
    again = embeddings.embed(one.embedder, row, [*units[:12], units[0]], tmp_path)
    assert (first.made, again.made, sum(counted)) == (10, 2, 12)
    assert (again.clips[:10] == first.clips).all() and (again.clips[12] == first.clips[0]).all()


def test_clips_are_the_embedders_own_embeddings(bench, tmp_path):
    one = bench("speech-commands", "knn")
    found = embeddings.embed(one.embedder, one.data.row, one.data.units[:5], tmp_path)
    sounds = list(embeddings.waveforms(one.embedder, one.data.row, one.data.units[:5]))
    assert np.allclose(found.clips, one.embedder.audio(sounds), atol=1e-6)


def test_a_unit_longer_than_the_models_window_has_the_frames_of_all_its_windows(bench, tmp_path):
    one = bench("esc50", "knn")  # 5 s for a model of 2 s
    found = embeddings.embed(one.embedder, one.data.row, one.data.units[:2], tmp_path)
    per_window = embeddings.hear(one.embedder, [np.zeros(one.embedder.log_mel.samples, np.float32)])[1].shape[1]
    assert found.frames.shape == (2, 3 * per_window, one.embedder.model.config.audio_config.hidden_size)


def test_another_embedding_id_has_another_file(bench, tmp_path):
    one = bench("speech-commands", "knn")
    other = Embedder(one.embedder.model, one.embedder.tokenizer, one.embedder.log_mel, "0" * 64)
    for embedder in (one.embedder, other):
        assert embeddings.embed(embedder, one.data.row, one.data.units[:3], tmp_path).made == 3
    assert len(list(tmp_path.glob("*.sqlite"))) == 2
