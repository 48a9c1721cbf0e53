"""The features equal the published recipe written out anew, and the two classifiers learn."""

import math

import numpy as np
import pytest
import soundfile

from biolingual.benchmarks import baselines
from biolingual.benchmarks.beans import layout, mfcc, scoring
from biolingual.benchmarks.beans.bench import Bench
from biolingual.parallel import Machine


def by_the_recipe(waveform: np.ndarray, rate: int, seconds: float) -> np.ndarray:
    """The 80 numbers, frame by frame, sample by sample where that is bearable; nothing of the library is used."""
    size, hop = int(0.05 * rate), int(0.01 * rate)
    half = size // 2
    longer = np.concatenate([waveform[half:0:-1], waveform, waveform[-2 : -half - 2 : -1]])
    window = np.array([0.5 - 0.5 * math.cos(2 * math.pi * t / size) for t in range(size)])
    bins = size // 2 + 1
    hertz = [k * (rate // 2) / (bins - 1) for k in range(bins)]
    top = 2595 * math.log10(1 + rate // 2 / 700)
    edge = [700 * (10 ** (top * m / 129 / 2595) - 1) for m in range(130)]
    filters = np.zeros((bins, 128))
    for m in range(128):
        low, centre, high = edge[m : m + 3]
        for k, f in enumerate(hertz):
            filters[k, m] = max(0.0, min((f - low) / (centre - low), (high - f) / (high - centre)))
    bands = []
    for start in range(0, len(longer) - size + 1, hop):
        power = np.abs(np.fft.rfft(longer[start : start + size] * window)) ** 2
        bands.append(10 * np.log10(np.maximum(power @ filters, 1e-10)))
    bands = np.maximum(np.array(bands), np.max(bands) - 80)
    cosines = np.array([[math.cos(math.pi * q * (m + 0.5) / 128) for q in range(20)] for m in range(128)])
    scale = np.array([math.sqrt((1 if q == 0 else 2) / 128) for q in range(20)])
    cepstra = (bands @ cosines * scale)[: round(100 * seconds)]
    full = np.zeros((round(100 * seconds), 20))
    full[: len(cepstra)] = cepstra
    return np.concatenate([full.mean(0), full.std(0, ddof=1), full.min(0), full.max(0)])


@pytest.mark.parametrize("rate", [16000, 22050, 44100])
@pytest.mark.parametrize("seconds", [0.7, 1.6])
def test_features_are_those_of_the_recipe(rate, seconds):
    draw = np.random.Generator(np.random.PCG64(rate))
    time = np.arange(int(seconds * rate)) / rate
    sound = 0.3 * np.sin(2 * np.pi * 900 * time**2) + 0.01 * draw.standard_normal(len(time))
    expected = by_the_recipe(sound.astype(np.float32).astype(np.float64), rate, 1.0)
    assert np.abs(baselines.mfcc_statistics(sound.astype(np.float32), rate, 1.0) - expected).max() < 1e-3


def test_less_than_one_window_of_sound_is_filled_up_with_silence():
    short = np.random.Generator(np.random.PCG64(0)).standard_normal(500).astype(np.float32)
    filled = np.pad(short, (0, 300))  # 50 ms at 16 kHz
    assert np.allclose(baselines.mfcc_statistics(short, 16000, 1.0), by_the_recipe(filled.astype(float), 16000, 1.0))


def test_five_seconds_are_five_hundred_frames_at_44100_hz():
    assert len(baselines.cepstra(np.zeros(5 * 44100, np.float32), 44100)) == 500


def test_a_long_file_is_the_same_in_parts(monkeypatch):
    sound = np.random.Generator(np.random.PCG64(0)).standard_normal(16000).astype(np.float32)
    whole = baselines.cepstra(sound, 16000)
    monkeypatch.setattr(baselines, "FRAMES_AT_ONCE", 7)
    assert np.allclose(baselines.cepstra(sound, 16000), whole, atol=1e-9)


def test_a_window_is_cut_from_the_cepstra_of_its_file(tmp_path):
    draw = np.random.Generator(np.random.PCG64(3))
    sound = 0.1 * draw.standard_normal(4 * 16000) * np.repeat([1, 0.001, 0.1, 1], 16000)
    soundfile.write(tmp_path / "a.wav", sound, 16000, subtype="FLOAT")
    job = mfcc.FileJob(str(tmp_path / "a.wav"), 16000, (0.0, 1.0, 3.0), 2.0)
    found = mfcc.file_features(job)
    cepstra = baselines.cepstra(sound.astype(np.float32), 16000)
    assert np.allclose(found[1][:20], cepstra[100:300].mean(axis=0), atol=1e-4)
    rest = np.concatenate([cepstra[300:], np.zeros((500 - len(cepstra), 20))])  # the last window ends in zero cepstra
    assert np.allclose(found[2][:20], rest.mean(axis=0), atol=1e-4)


def test_the_best_of_the_grid_is_the_first_of_equals(bench):
    easy = bench("speech-commands", "mfcc_lr")
    assert "C = 0.1 (valid 1.000)" in scoring.score(easy).notes


def test_a_support_vector_machines_answer_has_the_highest_score():
    draw = np.random.Generator(np.random.PCG64(0))
    features, kind = draw.standard_normal((120, 80)), np.arange(120) % 6
    fit = mfcc.Fit("mfcc_svm", 1.0, features, np.eye(6, dtype=bool)[kind], draw.standard_normal((50, 80)), True, 0)
    from sklearn.svm import SVC

    expected = SVC(C=1.0).fit(features, kind).predict(fit.asked)
    assert (mfcc.decision_values(fit).argmax(axis=1) == expected).all()


def test_a_class_that_training_never_or_always_has_gets_one_score():
    draw = np.random.Generator(np.random.PCG64(0))
    truth = np.stack([np.zeros(20, bool), np.ones(20, bool), np.arange(20) % 2 == 0], axis=1)
    fit = mfcc.Fit("mfcc_lr", 1.0, draw.standard_normal((20, 80)), truth, draw.standard_normal((5, 80)), False, 0)
    scores = mfcc.decision_values(fit)
    assert (scores[:, 0] == 0).all() and (scores[:, 1] == 1).all() and len(set(scores[:, 2])) == 5


def test_ten_real_classes_are_told_apart_by_both(shared, params):
    bench = Bench(layout.read("esc10", shared / "esc10"), params.evaluate, Machine(), "mfcc_lr")
    for bench.protocol in ("mfcc_lr", "mfcc_svm"):
        score = scoring.score(bench)
        assert (score.task, score.protocol, score.n, score.chance) == ("esc10", bench.protocol, 400, 0.1)
        assert 0.65 < score.value < 0.9 and score.ci95[0] < score.value < score.ci95[1]
