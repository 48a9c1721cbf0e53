"""A model on a newer dataset version: the diff, the interval of a difference, the verdicts, and the advice to train again."""

from dataclasses import fields

import numpy as np
import pytest

from biolingual.benchmarks import reevaluation
from biolingual.benchmarks.metrics import bootstrap_interval
from biolingual.benchmarks.reevaluation import compare, diff, difference, overall_verdict, retrain, verdict
from biolingual.params import ReevaluateParams
from biolingual.records import Pair, Rejected, Score
from tests.made_pairs import pair

RULES = ReevaluateParams(margin=0.05, min_new=10, retrain_new_species=3, retrain_new_share=0.25)


def refused(recording: str, reason: str = "silent", dump: str = "a-1") -> Rejected:
    return Rejected(recording_id=recording, dump=dump, stage="ingest", reason=reason)


# the interval of a difference


def test_the_interval_is_movers_by_hand():
    """0.5 [0.4, 0.7] minus 0.6 [0.3, 0.64]: the near sides are 0.1 and 0.04 below, 0.2 and 0.3 above."""
    value, low, high = difference([0.5, 0.4, 0.7], [0.6, 0.3, 0.64])
    assert value == pytest.approx(-0.1)
    assert low == pytest.approx(-0.1 - (0.1**2 + 0.04**2) ** 0.5) and low == pytest.approx(-0.20770, abs=1e-5)
    assert high == pytest.approx(-0.1 + (0.2**2 + 0.3**2) ** 0.5) and high == pytest.approx(0.26056, abs=1e-5)


def test_the_interval_of_proportions_is_newcombes():
    """Newcombe 1998 (doi:10.1002/(SICI)1097-0258(19980430)17:8<873), 56/70 minus 48/80 by method 10: 0.0524 to 0.3339."""

    def wilson(hits: int, n: int) -> list[float]:
        z, share = 1.959964, hits / n
        middle, half = share + z * z / (2 * n), z * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
        return [share, (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]

    assert difference(wilson(56, 70), wilson(48, 80)) == pytest.approx([0.2, 0.0524, 0.3339], abs=5e-5)


def test_the_reverse_difference_is_the_mirror():
    there, back = difference([0.5, 0.4, 0.7], [0.6, 0.3, 0.64]), difference([0.6, 0.3, 0.64], [0.5, 0.4, 0.7])
    assert there == pytest.approx([-back[0], -back[2], -back[1]])


def test_the_interval_covers_the_true_difference_in_about_95_of_100_worlds():
    """Hits of 60 new and 200 old recordings, each with its bootstrap interval as the scores have it."""
    draw = np.random.Generator(np.random.PCG64(11))
    worlds, true = 300, 0.55 - 0.7
    covered = 0
    for world in range(worlds):
        found = []
        for share, n in ((0.55, 60), (0.7, 200)):
            hits = (draw.random(n) < share).astype(float)
            found.append([hits.mean(), *bootstrap_interval(hits, 150, world)])
        _, low, high = difference(*found)
        covered += low <= true <= high
    assert 0.92 <= covered / worlds <= 0.98


# verdicts


@pytest.mark.parametrize(
    ("interval", "n", "expected"),
    [
        ([-0.2, -0.3, -0.06], 10, "worse"),
        ([-0.2, -0.3, -0.05], 10, "same"),  # not beyond the margin
        ([-0.2, -0.5, 0.1], 10, "same"),
        ([0.0, -0.01, 0.01], 10, "same"),
        ([0.2, 0.05, 0.3], 10, "same"),
        ([0.2, 0.06, 0.3], 10, "better"),
        ([-0.2, -0.3, -0.06], 9, "too few"),
        (None, 100, "too few"),
    ],
)
def test_a_verdict_needs_the_whole_interval_beyond_the_margin_and_enough_recordings(interval, n, expected):
    assert verdict(interval, n, RULES) == expected


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["same", "worse", "better"], "worse"),
        (["better", "same"], "same"),
        (["better", "too few"], "better"),
        (["too few", "too few"], "too few"),
        ([], "too few"),
    ],
)
def test_the_worst_verdict_stands_for_all(verdicts, expected):
    assert overall_verdict([{"verdict": one} for one in verdicts]) == expected


# when to train again


def changes(species: int = 0, added: int = 0, before: int = 100) -> dict:
    names = [f"s{number}" for number in range(species)]
    return {"species_added": names, "recordings_added": added, "recordings_before": before}


def one_compared(verdict: str) -> dict:
    return {
        "task": "zero_shot",
        "origin": "real",
        "verdict": verdict,
        "new": {"value": 0.25},
        "before": [0.6, 0.5, 0.7],
    }


def test_below_every_limit_there_is_no_reason_to_train_again():
    assert retrain(changes(2, 24), [one_compared("same"), one_compared("better")], RULES) == []


def test_a_task_that_does_worse_is_a_reason_with_both_values():
    (reason,) = retrain(changes(), [one_compared("same"), one_compared("worse")], RULES)
    assert reason == "zero_shot on new real recordings is worse (0.250, before 0.600)"


def test_as_many_new_species_as_the_limit_are_a_reason():
    assert retrain(changes(species=3), [], RULES) == ["3 species are new (limit 3)"]


def test_as_large_a_share_of_new_recordings_as_the_limit_is_a_reason():
    assert retrain(changes(added=25), [], RULES) == ["25% more recordings (limit 25%)"]


def test_a_first_version_with_nothing_before_it_divides_by_nothing():
    assert retrain(changes(added=1, before=0), [], RULES) == ["100% more recordings (limit 25%)"]


# what changed


def test_recordings_are_counted_once_however_many_clips_they_have():
    before = [pair("r1"), pair("r1", clip=1), pair("r2", split="test_seen")]
    foreign = {"species": "Parus ater", "split": "test_unseen", "origin": "simulated", "duration_s": 3.6}
    after = [*before, pair("r3", **foreign), pair("r3", **foreign, clip=1)]
    found = diff(before, after, [], [])
    assert (found["recordings_before"], found["recordings_after"], found["recordings_added"]) == (2, 3, 1)
    assert found["clips_added"] == 2 and found["hours_added"] == 0.002
    assert found["added_by_split"] == {"test_unseen": 1} and found["added_by_origin"] == {"simulated": 1}
    assert found["species_added"] == ["Parus ater"]


def test_a_species_that_was_there_is_not_new_and_new_ones_are_named_once_in_order():
    after = [pair("r1"), pair("r2"), pair("r3", "Pica pica"), pair("r4", "Parus ater"), pair("r5", "Pica pica")]
    assert diff([pair("r1")], after, [], [])["species_added"] == ["Parus ater", "Pica pica"]


def test_what_went_away_and_what_changed_its_split_is_counted():
    found = diff([pair("r1"), pair("r2"), pair("r3")], [pair("r2", split="valid"), pair("r3")], [], [])
    assert (found["recordings_removed"], found["recordings_moved_between_splits"]) == (1, 1)
    assert found["recordings_added"] == 0 and found["clips_added"] == -1


def test_only_new_refusals_are_counted_by_reason():
    before = [refused("r1"), refused("r2", "too_short")]
    after = [*before, refused("r1", dump="b-1"), refused("r3", "too_short"), refused("r4", "too_short")]
    assert diff([], [], before, after)["refused"] == {"silent": 1, "too_short": 2}


def test_an_equal_version_has_an_empty_diff():
    found = diff([pair("r1")], [pair("r1")], [refused("r2")], [refused("r2")])
    assert not any(value for key, value in found.items() if key not in ("recordings_before", "recordings_after"))


# the comparison


class Task:
    """Stands for a task: a score for each origin of the recordings it is asked about, from how many they are."""

    @staticmethod
    def scores(context) -> list[Score]:
        found = []
        for origin in sorted({one.origin for one in context.pairs}):
            asked = [one for one in context.pairs if one.split.startswith("test") and one.origin == origin]
            n = len([one for one in asked if context.only is None or one.recording_id in context.only])
            if n:
                found.append(score(origin, n))
        return found


def score(origin: str, n: int) -> Score:
    text = {one.name: "" for one in fields(Score) if one.type == "str"}
    return Score(
        **text
        | {"task": "toy", "origin": origin, "primary": "top1", "metrics": {}, "chance": 0.1, "seed": 1, "n_classes": 4}
        | {"value": n / 100, "ci95": [n / 100 - 0.01, n / 100 + 0.01], "n": n}
    )


def context(pairs: list[Pair]):
    from types import SimpleNamespace

    from biolingual.benchmarks.protocols import Context

    return Context(None, "real", pairs, "d", None, {}, SimpleNamespace(tasks=["toy"]))


@pytest.fixture
def toy(monkeypatch):
    monkeypatch.setattr(reevaluation, "benchmark", lambda task: Task)


def test_new_recordings_and_new_species_are_scored_apart_and_training_pairs_are_not_asked(toy):
    before = [pair(f"r{n}", split="test_seen") for n in range(30)]
    more = [pair(f"n{n}", split="test_seen") for n in range(8)]
    foreign = [pair(f"f{n}", "Pica pica", "test_unseen") for n in range(4)]
    after = [*before, *more, *foreign, pair("t1", "Corvus corax")]
    (found,) = compare(context(after), before, {"toy": {"real": {"value": 0.3, "ci95": [0.29, 0.31]}}}, RULES)
    assert (found["overall"]["n"], found["new"]["n"], found["new_species"]["n"]) == (42, 12, 4)
    assert found["before"] == [0.3, 0.29, 0.31]
    assert found["difference"] == pytest.approx([-0.18, -0.18 - 0.0002**0.5, -0.18 + 0.0002**0.5])
    assert found["verdict"] == "worse"


def test_each_origin_has_its_own_verdict_and_one_without_new_recordings_has_too_few(toy):
    before = [pair("r1", split="test_seen"), pair("s1", split="test_seen", origin="simulated")]
    after = [*before, *(pair(f"s{n}", split="test_seen", origin="simulated") for n in range(2, 22))]
    earlier = {"toy": {"real": {"value": 0.5, "ci95": [0.4, 0.6]}, "simulated": {"value": 0.2, "ci95": [0.1, 0.3]}}}
    real, simulated = compare(context(after), before, earlier, RULES)
    assert (real["origin"], real["new"], real["difference"], real["verdict"]) == ("real", None, None, "too few")
    assert (simulated["origin"], simulated["new"]["n"], simulated["verdict"]) == ("simulated", 20, "same")


def test_a_task_never_scored_before_has_no_verdict_yet(toy):
    after = [pair(f"r{n}", split="test_seen") for n in range(20)]
    (found,) = compare(context(after), [], {}, RULES)
    assert found["before"] is None and found["verdict"] == "too few" and found["overall"]["n"] == 20
