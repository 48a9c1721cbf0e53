"""What a run is going to cost, told before it, and the truth beside it."""

import pytest

from biolingual.dataset.plan import flops_of_a_pair, forecast, text, with_truth


def line(lines, what):
    return next(one for one in lines if one.what == what)


def test_hours_and_gigabytes_follow_from_clips_rate_and_length(params):
    own = params.ingest.model_copy(update={"clip_duration_s": 10, "max_clips_per_recording": 1, "shard_size_mb": 256})
    lines = forecast(params.model_copy(update={"ingest": own}), 1_100_000)
    assert line(lines, "hours of clips").expected == pytest.approx(1_100_000 * 10 / 3600)
    sound = line(lines, "audio").expected
    assert sound == pytest.approx(1_100_000 * 10 * own.sample_rate_hz * 2 * 0.55 / 1e9)
    assert line(lines, "shard files").expected == pytest.approx(sound * 1000 / 256)


def test_a_template_costs_no_token_and_twice_the_recordings_take_twice_the_days(params):
    one, two = forecast(params, 1000), forecast(params, 2000)
    assert line(one, "tokens").expected == 0
    assert line(two, "days of harvest").expected == 2 * line(one, "days of harvest").expected > 0


def test_a_model_of_twice_the_width_costs_four_times_the_products(params):
    wide = {"audio_width": 2 * params.model.audio_width, "text_width": 2 * params.model.text_width}
    assert flops_of_a_pair(params.model.model_copy(update=wide)) == pytest.approx(4 * flops_of_a_pair(params.model))


def test_the_truth_stands_beside_the_forecast(params):
    card = {"recordings": 900, "clips": 950, "by_origin": {"real": {"hours": {"train": 0.4, "valid": 0.1}}}}
    lines = with_truth(forecast(params, 1000), card, 3_000_000_000, 4, 5_000_000)
    assert (line(lines, "hours of clips").truth, line(lines, "audio").truth, line(lines, "shard files").truth) == (
        0.5,
        3.0,
        4,
    )
    assert line(lines, "GPU hours").truth is None
    (row,) = [row for row in text(lines).splitlines() if row.startswith("recordings")]
    assert row.split()[1:3] == ["1,000", "900"]
