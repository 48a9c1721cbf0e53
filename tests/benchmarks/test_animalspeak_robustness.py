"""Each alteration does what its physics says, repeatably; the curve and its area follow."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from biolingual.audio import to_flac
from biolingual.benchmarks import animalspeak_robustness as task
from tests.benchmarks.toy_context import ToyEmbedder, clip, context, unit

RATE = 16000
PITCHES = [500 + 600 * number for number in range(8)]


def tone(hz: float, rate: int = RATE, seconds: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def draw() -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(0))


def power(waveform: np.ndarray) -> float:
    return float(np.mean(waveform.astype(float) ** 2))


def level_db(waveform: np.ndarray, like: np.ndarray) -> float:
    """Level against another's, of the middle, where filters have settled."""
    middle = slice(len(like) // 4, 3 * len(like) // 4)
    return 10 * np.log10(power(waveform[middle]) / power(like[middle]))


@pytest.mark.parametrize("snr_db", [20, 0, -5])
def test_noise_has_the_level_that_was_asked_for_and_falls_towards_high_frequencies(snr_db):
    sound = tone(1000)
    added = task.noise(sound, RATE, snr_db, draw()) - sound
    assert 10 * np.log10(power(sound) / power(added)) == pytest.approx(snr_db, abs=0.01)
    spectrum = np.abs(np.fft.rfft(added)) ** 2
    assert spectrum[100:200].sum() == pytest.approx(spectrum[1000:2000].sum(), rel=0.5)  # pink: equal octaves


def test_noise_leaves_silence_silent():
    assert not task.noise(np.zeros(RATE, np.float32), RATE, 0, draw()).any()


def test_air_absorbs_as_the_standards_tables_say():
    # ISO 9613-1:1993, table 1, 20 degrees, 70 % humidity, dB per km.
    for hz, per_km in ((1000, 4.98), (2000, 9.02), (4000, 22.9), (8000, 76.6)):
        assert 1000 * task.absorption_db_per_m(np.array([hz]))[0] == pytest.approx(per_km, rel=0.02)


def test_direct_sound_falls_six_decibels_with_each_doubling_and_high_sounds_fall_further(monkeypatch):
    monkeypatch.setattr(task, "CRITICAL_M", 1e9)  # no reverberation
    low, high = tone(200), tone(7000)
    assert level_db(task.distance(low, RATE, 20, draw()), low) == pytest.approx(-6.0, abs=0.1)
    assert level_db(task.distance(low, RATE, 80, draw()), low) == pytest.approx(-18.1, abs=0.2)
    further = level_db(task.distance(high, RATE, 80, draw()), high)
    assert further == pytest.approx(-18.06 - 70 * task.absorption_db_per_m(np.array([7000]))[0], abs=0.3)


def test_a_click_in_a_wood_has_a_tail_that_grows_with_distance():
    click = np.zeros(RATE, np.float32)
    click[1000] = 1.0
    shares = []
    for metres in (20, 160):
        heard = task.distance(click, RATE, metres, draw())
        shares.append(power(heard[1100:]) / power(heard[900:1100]))
    assert 0 < shares[0] < shares[1] / 10


def test_a_band_limit_keeps_what_is_below_and_drops_what_is_above():
    assert level_db(task.band(tone(500), RATE, 2000, draw()), tone(500)) == pytest.approx(0, abs=0.1)
    assert level_db(task.band(tone(4000), RATE, 2000, draw()), tone(4000)) < -40
    assert np.array_equal(task.band(tone(500), RATE, 12000, draw()), tone(500))


def test_a_lower_sample_rate_loses_what_is_above_half_of_it():
    assert level_db(task.resampling(tone(1000), RATE, 8000, draw()), tone(1000)) == pytest.approx(0, abs=0.1)
    assert level_db(task.resampling(tone(6000), RATE, 8000, draw()), tone(6000)) < -40
    assert len(task.resampling(tone(1000, seconds=0.33), RATE, 22050 // 3, draw())) == len(tone(1000, seconds=0.33))


def test_clipping_cuts_peaks_and_keeps_the_level():
    cut = task.clipping(tone(1000), RATE, 0.1, draw())
    assert np.abs(cut).max() == pytest.approx(0.3, rel=1e-3) and power(cut) > 1.5 * power(tone(1000))


def test_gain_is_in_decibels_and_ends_at_full_scale():
    assert level_db(task.gain(tone(1000), RATE, -12, draw()), tone(1000)) == pytest.approx(-12)
    assert np.abs(task.gain(tone(1000), RATE, 24, draw())).max() == 1.0


def test_a_shift_moves_and_changes_nothing_else():
    shifted = task.shift(tone(1000), RATE, 0.25, draw())
    assert np.array_equal(np.roll(shifted, -4000), tone(1000)) and not np.array_equal(shifted, tone(1000))


@pytest.mark.parametrize("rate", [16000, 48000])
def test_a_codec_keeps_length_and_loses_more_the_smaller_it_is(rate):
    sound = tone(1000, rate) + 0.05 * draw().standard_normal(rate).astype(np.float32)
    errors = [power(task.codec(sound, rate, one, draw()) - sound) for one in (0.0, 1.0)]
    assert len(task.codec(sound, rate, 1.0, draw())) == rate and 0 < errors[0] < errors[1]


@pytest.mark.parametrize("name", list(task.CONDITIONS))
def test_every_condition_is_repeatable_and_alters_at_its_harshest(name):
    condition = task.CONDITIONS[name]
    sound = tone(3000.7, 48000) + tone(9000, 48000)
    once, again = (condition.alter(sound, 48000, condition.levels[-1], task.draw_of(3, name, "clip")) for _ in range(2))
    assert np.array_equal(once, again) and len(once) == len(sound) and np.isfinite(once).all()
    assert np.abs(once - sound).max() > 0.01


def test_another_clip_and_another_seed_draw_other_noise():
    values = {
        task.draw_of(*names).random() for names in ((3, "noise", 5, "a"), (3, "noise", 5, "b"), (4, "noise", 5, "a"))
    }
    assert len(values) == 3


def test_the_area_is_the_mean_height():
    assert task.area(np.array([1.0, 0.5, 0.0])) == 0.5 and task.area(np.ones(6)) == 1.0
    assert task.area(np.array([1.0, 1.0, 0.0])) == 0.75


def listening(waveform: np.ndarray) -> np.ndarray:
    """[8]: the share of the power at each species' pitch, by ear of a toy."""
    spectrum = np.abs(np.fft.rfft(waveform)) ** 2
    heard = np.array([spectrum[hz - 20 : hz + 20].sum() for hz in PITCHES]) + 1e-9
    return heard / heard.sum() + 2 * (spectrum.sum() > 2.5 * heard.sum()) * unit(0)  # noise seems species 0


@pytest.fixture
def world():
    """Sixteen recordings of tones, each species at its pitch; shards in memory."""
    pairs = [clip(f"t{number}", number, "train") for number in range(8)]
    tests = [clip(f"r{number}-{n}", number) for number in range(8) for n in range(2)]
    sounds = {one.clip_id: to_flac(tone(PITCHES[int(one.common_name.split()[1])]), RATE) for one in tests}
    embedder = ToyEmbedder({f"Bird {number}": unit(number) for number in range(8)}, listening)
    made = context([*pairs, *tests], {}, embedder, altered_recordings=10)
    return replace(made, shards=SimpleNamespace(read=lambda one: sounds[one.clip_id]))


def test_curves_begin_at_the_unaltered_clips_and_fall_only_where_the_sound_is_hurt(world):
    (found,) = task.scores(world)
    assert found.n == 10 and found.n_skipped == 6 and found.metrics["unaltered_top1"] == 1.0
    assert all(curve["points"][0] == ["unaltered", 1.0] for curve in found.curves.values())
    assert found.metrics["time shift area"] == 1.0 and found.metrics["softer area"] == 1.0
    assert found.metrics["noise area"] < 1.0
    assert set(found.curves) == set(task.CONDITIONS)
    areas = [found.metrics[f"{name} area"] for name in task.CONDITIONS]
    for name, reached in zip(task.CONDITIONS, areas, strict=True):
        assert reached == pytest.approx(task.area(np.array([value for _, value in found.curves[name]["points"]])))
    assert found.value == pytest.approx(np.mean(areas)) and found.ci95[0] <= found.value <= found.ci95[1]


def test_a_model_of_noise_alone_is_at_chance(world):
    random = draw()
    world.embedder.of_sound = lambda waveform: random.standard_normal(8)
    (found,) = task.scores(replace(world, params=world.params.model_copy(update={"altered_recordings": 16})))
    assert found.value == pytest.approx(1 / 8, abs=0.07)


def test_the_same_seed_takes_the_same_recordings_and_gives_the_same_score(world):
    assert task.scores(world) == task.scores(world)
    other = replace(world, params=world.params.model_copy(update={"seed": 4}))
    assert {one["item"] for one in told(world)} != {one["item"] for one in told(other)}


def told(world) -> list[dict]:
    rows: list[dict] = []
    task.scores(replace(world, items=rows))
    return rows
