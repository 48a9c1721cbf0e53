"""The laws find the values they were planted with, and their intervals hold the truth at sizes never seen."""

import numpy as np
import pytest

from biolingual.studies.laws import Z95, extrapolate, logistic, power

SIZES = np.array([100.0, 200, 400, 800, 1600, 3200])


def planted_power(n):
    return 0.9 - 2.0 * np.asarray(n, dtype=float) ** -0.3


def planted_logistic(n, chance=0.1):
    return chance + (1 - chance) / (1 + np.exp(2.0 - 0.7 * np.log(np.asarray(n, dtype=float) / 100)))


def told(law, sigma, draw):
    values = law(SIZES) + sigma * draw.standard_normal(len(SIZES))
    return values.tolist(), [[value - Z95 * sigma, value + Z95 * sigma] for value in values]


def test_the_power_law_is_found_from_exact_values():
    asked = np.array([1000.0, 10_000, 100_000])
    found = power(SIZES, planted_power(SIZES)[None], np.full(len(SIZES), 0.01), asked)[0]
    assert np.allclose(found, planted_power(asked), atol=0.01)


def test_the_power_law_never_leads_above_one():
    values = np.array([[0.2, 0.4, 0.6, 0.8, 0.95, 0.999]])
    assert power(SIZES, values, np.full(len(SIZES), 0.01), np.array([1e9]))[0, 0] <= 1


def test_the_logistic_curve_is_found_from_exact_values():
    asked = np.array([1000.0, 10_000])
    found = logistic(SIZES, planted_logistic(SIZES)[None], np.full(len(SIZES), 0.01), asked, 0.1)[0]
    assert np.allclose(found, planted_logistic(asked), atol=1e-3)


@pytest.mark.parametrize("name, law", [("power", planted_power), ("logistic", planted_logistic)])
def test_the_interval_of_an_extrapolation_holds_the_truth(name, law):
    """95 % nominal; at least 26 of 30 made-up studies, and never by being as wide as the scale itself."""
    held = 0
    for number in range(30):
        values, intervals = told(law, 0.01, np.random.Generator(np.random.PCG64(number)))
        fit = extrapolate(SIZES.tolist(), values, intervals, 0.1, [12_800.0], 100, number)[name]
        held += fit["low"][0] <= law(12_800.0) <= fit["high"][0]
        assert fit["high"][0] - fit["low"][0] < 0.4
    assert held >= 26


def test_a_wrong_law_widens_its_interval():
    bent = [0.5, 0.1, 0.5, 0.1, 0.5, 0.1]
    intervals = [[value - 0.01, value + 0.01] for value in bent]
    fit = extrapolate(SIZES.tolist(), bent, intervals, 0.0, [6400.0], 50, 1)["power"]
    assert fit["scale"] > 10 and fit["high"][0] - fit["low"][0] > 0.2


def test_too_few_sizes_give_no_law():
    sizes, values = [100.0, 200.0, 400.0], [0.2, 0.3, 0.4]
    intervals = [[value - 0.05, value + 0.05] for value in values]
    assert set(extrapolate(sizes, values, intervals, 0.0, [800.0], 20, 1)) == {"logistic"}
    assert extrapolate(sizes[:2], values[:2], intervals[:2], 0.0, [800.0], 20, 1) == {}


def test_points_on_no_line_give_no_step_but_an_interval_as_wide_as_the_doubt():
    """Values at chance, then one above: a logistic curve could leap to 1 behind the last size."""
    values = [0.1, 0.1, 0.2]
    intervals = [[value - 0.05, value + 0.05] for value in values]
    fit = extrapolate([64.0, 128.0, 256.0], values, intervals, 0.1, [512.0], 100, 1)["logistic"]
    assert fit["value"][0] < 0.5 and fit["high"][0] - fit["low"][0] > 0.1
