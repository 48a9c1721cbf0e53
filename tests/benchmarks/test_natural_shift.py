"""Scores by where, when, by whom and with what: a planted difference shows, and luck does not."""

from dataclasses import replace

import numpy as np
import pytest

from biolingual.benchmarks import natural_shift
from tests.benchmarks.toy_context import known_world, unit
from tests.made_pairs import pair


def world(deaf_in: str = ""):
    """Eighty recordings in two countries, half each; in `deaf_in` six of ten are heard as another species."""
    made = known_world(n=10, noise=0.0)
    pairs, embeds = [], dict(made.embeds)
    for one in made.pairs:
        n = int(one.recording_id.partition("-")[2] or 0)
        country = ("Nearland", "Farland")[n % 2]
        pairs.append(replace(one, country=country, event_date=f"2025-{1 + n % 3:02d}-04", recorded_by="Ada"))
        if country == deaf_in and one.split != "train" and n < 6:
            embeds[one.clip_id] = unit((int(one.common_name.split()[1]) + 1) % 8)
    return replace(made, pairs=pairs, embeds=embeds)


def test_a_country_where_the_model_fails_shows_as_a_gap_beyond_luck():
    (found,) = natural_shift.scores(world(deaf_in="Farland"))
    assert found.groups["country"]["Nearland"]["value"] == 1.0
    assert found.groups["country"]["Farland"] | {"low": 0, "high": 0} == {"value": 0.4, "n": 40, "low": 0, "high": 0}
    assert found.metrics["country gap"] == pytest.approx(0.6) and found.metrics["country gap by luck"] < 0.35


def test_mistakes_without_regard_to_the_country_stay_within_luck():
    beyond = 0
    for seed in range(20):
        made = known_world(n=10, noise=0.0, right=0.6, seed=seed)
        pairs = [replace(one, country=f"land {one.recording_id[-1] in '13579'}") for one in made.pairs]
        found = natural_shift.scores(replace(made, pairs=pairs))[0].metrics
        beyond += found["country gap"] > found["country gap by luck"]
    assert beyond <= 4


def test_a_gap_that_the_species_explain_is_within_luck():
    made = known_world(n=12, noise=0.0)
    hard = {one.clip_id: unit(7) for one in made.pairs if one.scientific_name == "Genus0 species0"}
    pairs = [replace(one, country="Hardland" if one.clip_id in hard else "Easyland") for one in made.pairs]
    (found,) = natural_shift.scores(replace(made, pairs=pairs, embeds=made.embeds | hard))
    assert found.metrics["country gap"] == found.metrics["country gap by luck"] == 1.0


def test_small_groups_are_shown_and_make_no_gap():
    made = world()
    pairs = [replace(one, country=one.recording_id) for one in made.pairs]
    (found,) = natural_shift.scores(replace(made, pairs=pairs))
    assert "country gap" not in found.metrics and len(found.groups["country"]) == 80
    assert all(set(one) == {"value", "n"} for one in found.groups["country"].values())


def test_what_the_metadata_does_not_say_is_no_group():
    (found,) = natural_shift.scores(known_world(n=3))
    assert {"country", "month", "recordist", "sample rate"}.isdisjoint(found.groups)


def test_recordists_heard_in_training_are_told_from_new_ones():
    made = world()
    pairs = [replace(one, recorded_by="Bo" if one.recording_id.endswith("1") else "Ada") for one in made.pairs]
    kinds = {one.recorded_by for one in pairs if one.split == "train"}
    (found,) = natural_shift.scores(replace(made, pairs=pairs))
    expected = {"no": 8, "yes": 72} if kinds == {"Ada"} else {"yes": 80}
    assert {name: one["n"] for name, one in found.groups["recordist in training"].items()} == expected


def test_regions_are_fields_of_ten_degrees_on_both_sides_of_the_line():
    assert natural_shift.region(pair("r", latitude=47.1, longitude=8.5)) == "40N 0E"
    assert natural_shift.region(pair("r", latitude=-0.5, longitude=-70.2)) == "10S 80W"
    assert natural_shift.region(pair("r", latitude=None, longitude=None)) == ""


def test_the_month_is_read_from_a_date_and_from_nothing_else():
    dates = {"2025-03-14": "03", "2025-12": "12", "2025": "", "": "", "March 2025": ""}
    assert {date: natural_shift.month(pair("r", event_date=date)) for date in dates} == dates


def test_the_interval_draws_recordist_days():
    values = np.repeat([1.0, 0.0], 40)
    made = known_world(n=10, noise=0.0)
    wrong = {
        one.clip_id: unit((int(one.common_name.split()[1]) + 1) % 8)
        for one in made.pairs
        if one.recording_id.split("-")[-1] in "56789" and one.split != "train"
    }
    days = [replace(one, cell=one.recording_id[-1]) for one in made.pairs]
    alone = natural_shift.scores(replace(made, embeds=made.embeds | wrong))[0]
    by_day = natural_shift.scores(replace(made, pairs=days, embeds=made.embeds | wrong))[0]
    assert alone.value == by_day.value == values.mean()
    assert by_day.ci95[1] - by_day.ci95[0] > 2 * (alone.ci95[1] - alone.ci95[0])
