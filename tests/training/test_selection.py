"""What is learnt from: shares are exact and nested, other splits untouched, taxa evenly shown."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from biolingual.records import PairCaption
from biolingual.shards import global_batches
from biolingual.training.batches import PairBatches, _caption
from biolingual.training.selection import Places, nameless, share, training_pairs
from tests.made_pairs import pair
from tests.training.test_loop import made_batches


def caption(kind: str = "common", text: str = "The sound of a Great Tit.", captioner: str = "template") -> PairCaption:
    return PairCaption(kind=kind, text=text, status="ok", captioner=captioner)


PAIRS = [
    pair(f"r{number}", f"Genus species{number % 10}", clip=clip, dump=f"dump{number % 2}", captions=[caption()])
    for number in range(100)
    for clip in range(2)
] + [pair(f"t{number}", f"Genus species{number}", split="test_seen", captions=[caption()]) for number in range(10)]


@pytest.fixture
def chosen(params):
    return lambda pairs=PAIRS, **values: training_pairs(pairs, params.pretrain.model_copy(update=values))


def recordings(pairs) -> set[str]:
    return {one.recording_id for one in pairs}


def test_as_is_every_training_pair_is_taken_and_nothing_else(chosen):
    assert chosen() == [one for one in PAIRS if one.split == "train"]


@pytest.mark.parametrize("part", [0.01, 0.25, 0.5, 0.99])
def test_a_share_of_recordings_is_exact_and_keeps_all_their_clips(chosen, part):
    found = chosen(recordings_share=part)
    assert len(recordings(found)) == round(100 * part) and len(found) == 2 * len(recordings(found))


def test_a_smaller_share_lies_within_a_larger_one(chosen):
    nested = [recordings(chosen(recordings_share=part)) for part in (0.1, 0.3, 0.7, 1.0)]
    assert all(small < large for small, large in itertools.pairwise(nested))
    species = [{one.scientific_name for one in chosen(species_share=part)} for part in (0.2, 0.5, 1.0)]
    assert [len(one) for one in species] == [2, 5, 10] and species[0] < species[1] < species[2]


def test_another_seed_draws_another_share(chosen):
    one, other = (recordings(chosen(recordings_share=0.5, subset_seed=seed)) for seed in (1, 2))
    assert one != other


def test_a_dump_left_out_is_gone_from_training(chosen):
    assert {one.dump for one in chosen(without_dumps=["dump0"])} == {"dump1"}


def test_captions_of_other_kinds_and_of_other_captioners_are_left_out_with_pairs_that_have_no_more(chosen):
    rows = [
        pair("a", captions=[caption(), caption("scientific", "Parus major.")]),
        pair("b", captions=[caption("common", "A tit sings at dawn.", captioner="chat")]),
    ]
    scientific = chosen(rows, caption_kinds=["scientific"])
    assert [[one.kind for one in row.captions] for row in scientific] == [["scientific"]]
    assert recordings(chosen(rows, model_captions=False)) == {"a"}


def test_nothing_left_is_an_error(chosen):
    with pytest.raises(ValueError, match="no training pair is left"):
        chosen(without_dumps=["dump0", "dump1"])


def test_a_share_is_at_least_one():
    assert len(share({"a", "b", "c"}, 0.01, 1)) == 1


@pytest.mark.parametrize(
    "text, expected",
    [
        ("Alarm call of a Great Tit.", "Alarm call of an animal."),
        ("The great tit and Parus major.", "an animal and an animal."),
        ("Great Titmouse.", "Great Titmouse."),
    ],
)
def test_a_caption_loses_its_names(text, expected):
    assert nameless(text, pair("a", "Parus major", common_name="Great Tit")) == expected


def test_in_balance_each_species_is_equally_frequent_and_its_pairs_are_too():
    pairs = [pair(f"r{number}", "common" if number < 90 else f"rare{number % 2}") for number in range(100)]
    places = Places(pairs, "species", seed=3)
    epochs = [places(epoch) for epoch in range(300)]
    for found in epochs[:5]:
        counts = Counter(pairs[index].scientific_name for index in found)
        assert len(found) == 100 and set(counts.values()) <= {33, 34}
    seen = np.bincount(np.concatenate(epochs), minlength=100) / len(epochs)
    assert np.allclose(seen[:90], 100 / 3 / 90, atol=0.1) and np.allclose(seen[90:], 100 / 3 / 5, atol=0.1)


def test_captions_are_shown_as_often_as_their_kinds_weigh(params):
    rows = pair(
        "a", captions=[caption("common"), caption("scientific", "Parus major."), caption("background", "A robin.")]
    )
    weighted = params.pretrain.model_copy(update={"caption_weights": {"scientific": 3.0, "background": 0.0}})
    draws = [np.random.default_rng(seed) for seed in range(4000)]
    counts = Counter(_caption(rows, weighted, draw) for draw in draws)
    assert set(counts) == {"Parus major.", caption("common").text}
    assert abs(counts["Parus major."] / len(draws) - 0.75) < 0.03
    nothing = params.pretrain.model_copy(update={"caption_weights": {"background": 0.0}})
    alone = pair("b", captions=[caption("background", "A robin.")])
    assert _caption(alone, nothing, draws[0]) == "A robin."


def test_a_balanced_order_hangs_on_the_seed_and_the_step_alone():
    pairs = [pair(f"r{number}", f"s{min(number % 7, 2)}") for number in range(40)]
    whole = Places(pairs, "species", seed=3)
    walked = [whole(step // 5)[order].tolist() for step, order in _steps(40, 8, 0, 20)]
    resumed = Places(pairs, "species", seed=3)
    assert walked[13:] == [resumed(step // 5)[order].tolist() for step, order in _steps(40, 8, 13, 20)]
    assert walked[0] != Places(pairs, "species", seed=4)(0)[next(global_batches(40, 8, 3))[1]].tolist()


def test_workers_see_the_parts_of_one_balanced_batch(tmp_path, params):
    batches, tokenizer = made_batches(tmp_path, params)
    varied = params.pretrain.model_copy(update={"balance": "species", "name_dropout": 0.5})
    whole, first, second = (
        PairBatches(batches.pairs, batches.shards, batches.log_mel, tokenizer, 32, varied) for _ in range(3)
    )
    parts = zip(
        *(one.stream(8, 2, mine) for one, mine in ((whole, slice(0, 8)), (first, slice(0, 3)), (second, slice(3, 8)))),
        strict=False,
    )
    for _, ((step, all_of_it), (_, left), (_, right)) in zip(range(4), parts, strict=False):
        assert step >= 2 and torch.equal(all_of_it.mels, torch.cat([left.mels, right.mels]))
        assert torch.equal(all_of_it.input_ids, torch.cat([left.input_ids, right.input_ids]))


def _steps(n: int, size: int, start: int, stop: int):
    return (found for found, _ in zip(global_batches(n, size, 3, start), range(start, stop), strict=False))
