"""Names from lists in every form, and windows and recordings sorted by them."""

import numpy as np
import pytest

from biolingual.search.classify import NONE, classify, read_labels


@pytest.mark.parametrize(
    "text, names",
    [
        ("# mine\nWren\n\nRobin\nWren\n", ["Wren", "Robin"]),
        (
            "Troglodytes troglodytes_Eurasian Wren\nErithacus rubecula_European Robin\n",
            ["Eurasian Wren", "European Robin"],
        ),
        (
            "\ufeffTAXON_ORDER,CATEGORY,PRIMARY_COM_NAME,SCI_NAME\n1,species,Wren,T. t.\n2,slash,Wren/Robin,x\n",
            ["Wren"],
        ),
        ("scientific name\nTroglodytes troglodytes\n", ["Troglodytes troglodytes"]),
        ("Gull, Herring\nSmith's Longspur\n", ["Gull, Herring", "Smith's Longspur"]),
    ],
)
def test_lists_are_read_in_their_forms(text, names):
    assert read_labels(text) == names


def test_an_empty_list_says_what_to_write():
    with pytest.raises(ValueError, match="one name to a line"):
        read_labels("\n# nothing\n")


def test_ebirds_whole_taxonomy_is_read(shared):
    found = read_labels((shared / "archives/ebird/eBird_taxonomy_v2025.csv").read_text(encoding="utf-8"))
    assert "Common Ostrich" in found and "Common/Somali Ostrich" not in found and len(found) > 10000


def test_windows_and_recordings_carry_the_slow_twins_labels(searcher):
    labels = ["Dusky Velar", "Pale Velar", "Tree Plinker"]
    index = searcher.index
    found = classify(searcher, labels, threshold=-1.0)
    texts = searcher.embedder.text([f"The sound of a {one}." for one in labels])
    cosine = index.vectors.astype(np.float64) @ texts.T
    assert found.windows["label"].to_pylist() == [labels[one] for one in cosine.argmax(axis=1)]
    assert np.allclose(found.windows["score"].to_numpy(), cosine.max(axis=1), atol=1e-4)
    scale = float(searcher.embedder.model.logit_scale_a.exp().detach())
    shares = np.exp(scale * cosine) / np.exp(scale * cosine).sum(axis=1, keepdims=True)
    assert np.allclose(found.windows["probability"].to_numpy(), shares.max(axis=1), atol=1e-4)
    assert found.recordings.num_rows == 3 * len(index.indexed)
    assert found.windows.schema.metadata[b"embedding_id"].decode() == index.embedding_id
    assert len(found.broken) == 3


def test_below_the_threshold_it_is_none_of_these(searcher):
    found = classify(searcher, ["Dusky Velar"], threshold=1.1)
    assert set(found.windows["label"].to_pylist()) == set(found.recordings["label"].to_pylist()) == {NONE}
    assert found.recordings.num_rows == len(searcher.index.indexed)
