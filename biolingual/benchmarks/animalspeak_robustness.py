"""How much noise, distance, poor equipment and shifting in time the zero-shot model bears: a curve each, and its area.

Shapes: T samples, n recordings, C classes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import soundfile
from scipy.signal import butter, fftconvolve, sosfilt

from biolingual.audio import from_flac, resample
from biolingual.benchmarks import metrics
from biolingual.benchmarks.context import Context
from biolingual.benchmarks.protocols import prompt, score, species_of
from biolingual.records import Pair, Score

TASK = "animalspeak_robustness"
NEAR_M = 10.0  # how far away a sound is taken to have been recorded
CRITICAL_M = 100.0  # where a wood's reverberation is as strong as the direct sound
REVERBERATION_S = 1.0  # until it has fallen by 60 dB


def noise(waveform: np.ndarray, rate_hz: int, snr_db: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: pink noise added, the clip's mean power `snr_db` above the noise's. Silence stays as it is."""
    spectrum = np.fft.rfft(draw.standard_normal(len(waveform)))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    pink = np.fft.irfft(spectrum, len(waveform))
    power = np.mean(waveform.astype(np.float64) ** 2)
    return waveform + pink * np.sqrt(power / np.mean(pink**2) / 10 ** (snr_db / 10))


def absorption_db_per_m(frequency_hz: np.ndarray) -> np.ndarray:
    """What air at 20 °C, 70 % humidity and 101.325 kPa takes from a pure tone (ISO 9613-1:1993, eq. 3 to 5)."""
    kelvin = 293.15
    vapour = 70 * 10 ** (-6.8346 * (273.16 / kelvin) ** 1.261 + 4.6151)  # molar concentration, %
    oxygen = 24 + 4.04e4 * vapour * (0.02 + vapour) / (0.391 + vapour)  # relaxation frequencies, Hz
    nitrogen = 9 + 280 * vapour
    squared = np.asarray(frequency_hz, dtype=np.float64) ** 2
    by_oxygen = 0.01275 * np.exp(-2239.1 / kelvin) / (oxygen + squared / oxygen)
    by_nitrogen = 0.1068 * np.exp(-3352.0 / kelvin) / (nitrogen + squared / nitrogen)
    return 8.686 * squared * (1.84e-11 + by_oxygen + by_nitrogen)


def distance(waveform: np.ndarray, rate_hz: int, metres: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: as from `metres` away instead of NEAR_M: spherical spreading, absorption by air, and a wood's reverberation."""
    length = len(waveform)
    frequency = np.fft.rfftfreq(2 * length, 1 / rate_hz)  # twice as long: filtering must not wrap around
    loss_db = 20 * np.log10(metres / NEAR_M) + absorption_db_per_m(frequency) * (metres - NEAR_M)
    direct = np.fft.irfft(np.fft.rfft(waveform, 2 * length) * 10 ** (-loss_db / 20), 2 * length)[:length]
    seconds = np.arange(round(REVERBERATION_S * rate_hz)) / rate_hz
    tail = draw.standard_normal(len(seconds)) * 10 ** (-3 * seconds / REVERBERATION_S)
    tail *= metres / CRITICAL_M / np.linalg.norm(tail)
    return direct + fftconvolve(direct, tail)[:length]


def band(waveform: np.ndarray, rate_hz: int, highest_hz: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: a microphone that passes nothing above `highest_hz` (Butterworth, 48 dB per octave)."""
    return sosfilt(butter(8, highest_hz, fs=rate_hz, output="sos"), waveform) if highest_hz < rate_hz / 2 else waveform


def resampling(waveform: np.ndarray, rate_hz: int, lower_hz: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: recorded at `lower_hz` samples a second, brought back to the model's rate."""
    if lower_hz >= rate_hz:
        return waveform
    back = resample(resample(waveform, rate_hz, int(lower_hz)), int(lower_hz), rate_hz)
    return np.pad(back, (0, max(0, len(waveform) - len(back))))[: len(waveform)]


def codec(waveform: np.ndarray, rate_hz: int, compression: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: through Ogg Vorbis, `compression` from 0 (best) to 1 (smallest)."""
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform, rate_hz, format="OGG", subtype="VORBIS", compression_level=compression)
    buffer.seek(0)
    back = soundfile.read(buffer, dtype="float32")[0]
    return np.pad(back, (0, max(0, len(waveform) - len(back))))[: len(waveform)]


def clipping(waveform: np.ndarray, rate_hz: int, share: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: cut at `share` of its peak, and as loud as before."""
    limit = share * np.abs(waveform).max()
    return np.clip(waveform, -limit, limit) / share


def gain(waveform: np.ndarray, rate_hz: int, decibel: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: louder or softer; what goes beyond full scale is cut."""
    return np.clip(waveform * 10 ** (decibel / 20), -1, 1)


def shift(waveform: np.ndarray, rate_hz: int, share: float, draw: np.random.Generator) -> np.ndarray:
    """[T]: later by a share of the clip; its end comes to stand at the beginning."""
    return np.roll(waveform, round(share * len(waveform)))


@dataclass(frozen=True)
class Condition:
    """An alteration at levels from mild to harsh; `x` says what a level is."""

    alter: Callable[[np.ndarray, int, float, np.random.Generator], np.ndarray]
    x: str
    levels: tuple[float, ...]


CONDITIONS = {
    "noise": Condition(noise, "SNR in dB", (20, 10, 5, 0, -5)),
    "distance": Condition(distance, "metres", (20, 40, 80, 160)),
    "band": Condition(band, "highest Hz", (12000, 8000, 4000, 2000)),
    "resampling": Condition(resampling, "samples a second", (32000, 22050, 16000, 8000)),
    "codec": Condition(codec, "Ogg Vorbis compression", (0.25, 0.5, 0.75, 1.0)),
    "clipping": Condition(clipping, "share of the peak", (0.5, 0.25, 0.1, 0.05)),
    "louder": Condition(gain, "gain in dB", (6, 12, 24)),
    "softer": Condition(gain, "gain in dB", (-6, -12, -24)),
    "time shift": Condition(shift, "share of the clip", (0.05, 0.1, 0.25, 0.5)),
}


def scores(context: Context) -> list[Score]:
    """One score per origin of test_seen; primary is the mean area under the curves, a perfect one being 1."""
    return [one for origin in context.origins("test_seen") if (one := _score(context, origin)) is not None]


def draw_of(seed: int, *names: object) -> np.random.Generator:
    """The random numbers of one clip under one condition: the same whatever else is altered."""
    digest = hashlib.sha256("|".join(map(str, (seed, *names))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))


def area(values: np.ndarray) -> np.ndarray:
    """Mean height of the curve through `values` [levels, ...], evenly spaced: its area by trapezoids over a width of 1."""
    return (values[:-1] + values[1:]).mean(axis=0) / 2


def chosen(clips: list[Pair], most: int, seed: int) -> list[Pair]:
    """The first clip of at most `most` recordings, drawn by seed."""
    first = {clip.recording_id: clip for clip in reversed(clips)}
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(first))[:most]
    names = sorted(first)
    return [first[names[one]] for one in sorted(order)]


def _score(context: Context, origin: str) -> Score | None:
    params = context.params
    classes = species_of(context.clips("train", origin))
    asked = context.asked("test_seen", origin)
    clips = chosen([clip for clip in asked if clip.scientific_name in classes], params.altered_recordings, params.seed)
    names = sorted(classes)
    if not clips or len(names) < 2:
        return None
    texts = context.embedder.text([prompt(params.prompt_template, classes[name]) for name in names])
    target = np.array([names.index(clip.scientific_name) for clip in clips])

    def hits(sounds: Iterator[np.ndarray]) -> np.ndarray:
        return metrics.top_k_hits(context.embedder.audio(sounds) @ texts.T, target, 1).astype(float)

    clean = hits(from_flac(context.shards.read(clip)) for clip in clips)
    curves, areas = {}, {}
    for name, condition in CONDITIONS.items():
        found = [hits(_altered(context, clips, name, level)) for level in condition.levels]
        areas[name] = area(np.stack([clean, *found]))  # [n]
        points = zip(("unaltered", *condition.levels), (clean, *found), strict=True)
        heights = [[level, float(one.mean())] for level, one in points]
        curves[name] = {"x": condition.x, "points": heights, "chance": 1 / len(names)}
    per_item = np.mean(list(areas.values()), axis=0)
    return score(
        context,
        task=TASK,
        origin=origin,
        protocol="robustness",
        measured={"area": float(per_item.mean()), "unaltered_top1": float(clean.mean())}
        | {f"{name} area": float(one.mean()) for name, one in areas.items()},
        primary="area",
        chance=1 / len(names),
        per_item=per_item,
        classes=names,
        others={"chance": {"area": 1 / len(names)}},
        n_skipped=len({clip.recording_id for clip in asked}) - len(clips),
        notes=f"One clip of each of {len(clips)} recordings. The area under a curve is its mean height, levels evenly spaced, the "
        f"unaltered clips first; the value is the mean over {len(CONDITIONS)} curves.",
        ids=[clip.recording_id for clip in clips],
        curves=curves,
    )


def _altered(context: Context, clips: list[Pair], name: str, level: float) -> Iterator[np.ndarray]:
    rate_hz = context.embedder.log_mel.sample_rate_hz
    for clip in clips:
        draw = draw_of(context.params.seed, name, level, clip.clip_id)
        altered = CONDITIONS[name].alter(from_flac(context.shards.read(clip)), rate_hz, level, draw)
        yield altered.astype(np.float32)
