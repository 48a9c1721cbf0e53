"""Which variants a study has, what it refuses, and what cannot run here."""

from dataclasses import replace

import pytest

from biolingual.records import PairCaption
from biolingual.studies.plans import AS_IS, STUDIES, plan
from tests.made_pairs import pair


def pairs(captioner: str = "template", model_written: int = 0):
    captions = [
        PairCaption(kind="common", text="A.", status="ok", captioner="chat" if number < model_written else captioner)
        for number in range(100)
    ]
    archives = ["xeno_canto", "xeno_canto", "folder"]
    return [
        pair(f"r{n}", f"s{n % 8}", captions=[captions[n]], archive=archives[n % 3], dump=f"{archives[n % 3]}-{n % 3}")
        for n in range(100)
    ]


def names(found) -> list[str]:
    return [one.name for one in found.variants]


@pytest.mark.parametrize("study", [name for name in STUDIES if name != "captions"])
def test_every_study_holds_the_variant_as_it_is_and_changes_known_params_alone(params, study):
    found = plan(study, params, pairs(), [], [])
    (as_is,) = [one for one in found.variants if one.name == AS_IS]
    assert set(as_is.changes) <= {"pretrain.seed"} and len(found.variants) > 1
    for variant in found.variants:
        for key, value in variant.changes.items():
            section, name = key.split(".")
            values = getattr(params, section).model_dump()
            assert name in values
            type(getattr(params, section)).model_validate(values | {name: value})


def test_scaling_counts_what_is_learnt_from(params):
    assert [one.x for one in plan("scaling-recordings", params, pairs(), ["0.25", "0.5"], []).variants] == [25, 50, 100]
    assert [one.x for one in plan("scaling-species", params, pairs(), ["0.5"], []).variants] == [4, 8]


def test_each_archive_is_left_out_and_each_dump_of_an_archive_with_several(params):
    found = names(plan("archives", params, pairs(), [], []))
    assert found == [AS_IS, "without-folder", "without-xeno_canto", "without-xeno_canto-0", "without-xeno_canto-1"]
    with pytest.raises(ValueError, match="Known archives and dumps: folder"):
        plan("archives", params, pairs(), ["watkins"], [])


def test_a_dump_that_is_all_there_is_cannot_be_left_out(params):
    alone = [one for one in pairs() if one.dump == "folder-2"]
    (variant,) = plan("archives", params, alone, [], []).variants[1:]
    assert variant.not_run == "nothing else is left to learn from"


def test_recorded_answers_stand_in_for_a_model_in_the_simulated_world_alone(params):
    rows = pairs("simulated")
    simulated = [replace(one, origin="simulated") for one in rows]
    assert "recorded answers stand in" in plan("captions", params, simulated, [], []).question
    with pytest.raises(ValueError, match="written by a language model"):
        plan("captions", params, rows, [], [])


@pytest.mark.parametrize("captioner", ["template", "simulated"])
def test_captions_refuses_while_too_few_are_written_by_a_model(params, captioner):
    with pytest.raises(ValueError, match=r"4\.0% of the training captions are written by a language model"):
        plan("captions", params, pairs(captioner, model_written=4), [], [])
    assert "without-model-captions" in names(plan("captions", params, pairs(captioner, model_written=5), [], []))


def test_a_model_caption_that_was_refused_does_not_count(params):
    refused = PairCaption(kind="common", text="A.", status="refused", captioner="chat")
    rows = [*pairs(model_written=4), pair("x", captions=[refused] * 50)]
    with pytest.raises(ValueError, match="written by a language model"):
        plan("captions", params, rows, [], [])


def test_weights_that_are_not_here_are_not_run(params):
    reasons = {one.name: one.not_run for one in plan("init", params, pairs(), [], []).variants}
    assert reasons[AS_IS] == "" and "roberta-base" in reasons["hub-text"] and "laion" in reasons["hub"]


def test_each_batch_size_sees_as_many_pairs(params):
    seen = params.pretrain.steps * params.pretrain.global_batch_size
    for one in plan("batch", params, pairs(), [], []).variants[1:]:
        if one.changes:
            assert one.changes["pretrain.steps"] * one.changes["pretrain.global_batch_size"] == seen


def test_seeds_repeat_each_variant(params):
    found = plan("balance", params, pairs(), ["species"], [1, 2])
    assert names(found) == ["as-is-seed-1", "as-is-seed-2", "balance-species-seed-1", "balance-species-seed-2"]
    assert found.variants[3].changes == {"pretrain.balance": "species", "pretrain.seed": 2}


@pytest.mark.parametrize(
    "study, levels", [("dream", []), ("init", ["1"]), ("batch", ["big"]), ("scaling-species", ["2"])]
)
def test_what_a_study_cannot_take_is_an_error(params, study, levels):
    with pytest.raises(ValueError):
        plan(study, params, pairs(), levels, [])
