"""The MFCC recipe and the classifiers a neural score must beat."""

import numpy as np

from biolingual.benchmarks import baselines


def tone(hz: float, seconds: float = 1.0, rate: int = 16000) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)


def test_statistics_are_eighty_numbers_in_the_order_mean_sd_min_max():
    features = baselines.mfcc_statistics(tone(1000), 16000, 1.0).reshape(4, 20)
    assert (features[2] <= features[0]).all() and (features[0] <= features[3]).all() and (features[1] >= 0).all()


def test_cepstra_equal_librosas_for_the_frames_inside():
    import librosa

    sound = tone(1000) + 0.01 * np.random.Generator(np.random.PCG64(0)).standard_normal(16000).astype(np.float32)
    window, hop = 800, 160
    power = np.abs(librosa.stft(sound.astype(np.float64), n_fft=window, hop_length=hop, pad_mode="reflect")) ** 2
    mel = librosa.filters.mel(sr=16000, n_fft=window, n_mels=128, htk=True, norm=None, dtype=np.float64) @ power
    db = 10 * np.log10(np.maximum(mel, 1e-10))
    cepstra = librosa.feature.mfcc(S=np.maximum(db, db.max() - 80), n_mfcc=20)[:, :100]
    expected = np.concatenate([cepstra.mean(1), cepstra.std(1, ddof=1), cepstra.min(1), cepstra.max(1)])
    assert np.allclose(baselines.mfcc_statistics(sound, 16000, 1.0), expected, atol=1e-6)


def test_logistic_regression_tells_tones_apart_and_scores_unknown_classes_last():
    pitches = {"low": 400, "high": 3000}
    features = np.stack(
        [baselines.mfcc_statistics(tone(hz + 20 * k), 16000, 1.0) for hz in pitches.values() for k in range(6)]
    )
    labels = np.repeat(list(pitches), 6)
    model = baselines.logistic_regression(features[::2], labels[::2], 0)
    scores = baselines.class_scores(model, features[1::2], ["high", "low", "never heard"])
    assert [["high", "low", "never heard"][i] for i in scores.argmax(1)] == list(labels[1::2])
    assert np.isneginf(scores[:, 2]).all()
