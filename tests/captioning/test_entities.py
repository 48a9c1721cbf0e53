"""The named-entity model beside the gazetteer: what its entities mean, and that a real model is asked."""

from biolingual.captioning import entities
from biolingual.records import Recording
from tests.small_world import ROOT

ONE = Recording(recording_id="a:1", origin="real", dump="d", archive="a", common_name="California Quail")


def test_places_and_people_are_faults_where_the_model_is_sure():
    found = [
        {"entity_group": "LOC", "word": "Ebro", "score": 0.98},
        {"entity_group": "PER", "word": "Tomek", "score": 0.9},
        {"entity_group": "LOC", "word": "Low", "score": 0.3},
        {"entity_group": "MISC", "word": "X", "score": 0.99},
    ]
    assert [(one.reason, one.detail) for one in entities.from_entities(found)] == [
        ("place", "Ebro"),
        ("person", "Tomek"),
    ]


def test_without_a_model_nothing_is_found():
    assert entities.finder("")("A quail in Chile.", ONE) == []


def test_a_models_own_labels_are_read_and_the_species_name_is_not_shown_to_it(tmp_path, monkeypatch):
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import BertConfig, BertForTokenClassification, PreTrainedTokenizerFast

    words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    words.train_from_iterator(
        [(ROOT / "README.md").read_text()], trainers.WordPieceTrainer(vocab_size=300, special_tokens=specials)
    )
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(tmp_path)
    torch.manual_seed(0)
    model = BertForTokenClassification(BertConfig(
        vocab_size=300, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        id2label={0: "O", 1: "B-LOC"}, label2id={"O": 0, "B-LOC": 1},
    ))  # fmt: skip
    with torch.no_grad():
        model.classifier.weight.zero_()
        model.classifier.bias.copy_(torch.tensor([-9.0, 9.0]))  # everything is a place
    model.save_pretrained(tmp_path)
    found = entities.finder(str(tmp_path))("A California Quail calls", ONE)
    assert {one.reason for one in found} == {"place"}
    assert not any("California" in one.detail or "Quail" in one.detail for one in found)
