"""A made-up field season: long recordings of three sites with known events of the simulated world's species.

Shapes: T samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import soundfile

from biolingual.archives.simulated_voices import Species, far_away, generator, pink_noise, roster, sing

RATE_HZ = 48000
SEED = 2026  # the simulated world's: its voices are what the demo model has heard
# The first species of each group that the demo model was trained on, and company for them, near kin included.
ASKED = ("Dusky Velar", "Round Glock", "Summer Zizz", "Forest Mugo", "Swift Nightling")
OTHERS = ("Pale Velar", "Night Bellwink", "Tree Plinker", "Field Frick", "Steppe Barkan", "Common Pipil")
SITES = ("MARSH01", "RIDGE02", "WOOD03")
NOISE_SAMPLES = 1 << 21
NOISE_LEVEL = 0.005
BEGIN = datetime(2026, 5, 1, 4, 0)


@dataclass(frozen=True)
class Event:
    """One animal for a while: in which file, from when to when, in seconds."""

    file: str
    species: str
    start_s: float
    end_s: float


def _event(species: Species, number: int, duration_s: float, draw: np.random.Generator) -> np.ndarray:
    """[T] of one animal at some distance, of unit power."""
    sound, _ = sing(SEED, species, 0, f"field-{number % 7}", duration_s, RATE_HZ, draw)
    heard = far_away(sound, float(draw.uniform(10, 60)), RATE_HZ)
    return heard / np.sqrt((heard**2).mean())


def _recording(
    minutes: float, calling: list[Species], begin: int, draw: np.random.Generator
) -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """(float32 [T], events without file): the animals in random order, never two at once, 8 to 28 dB over pink noise."""
    total = round(minutes * 60 * RATE_HZ)
    noise = pink_noise(NOISE_SAMPLES, draw).astype(np.float32) * NOISE_LEVEL
    shifts = draw.integers(NOISE_SAMPLES, size=-(-total // NOISE_SAMPLES))
    out = np.concatenate([np.roll(noise, shift) for shift in shifts])[:total]
    events = []
    slot_s = minutes * 60 / len(calling)
    for place, which in enumerate(draw.permutation(len(calling))):
        species = calling[which]
        duration_s = float(draw.uniform(3.0, 6.0))
        start_s = place * slot_s + float(draw.uniform(0, slot_s - duration_s))
        sound = _event(species, begin + place, duration_s, generator(SEED, "field event", begin, place))
        level = NOISE_LEVEL * 10 ** (float(draw.uniform(8, 28)) / 20)
        first = round(start_s * RATE_HZ)
        out[first : first + len(sound)] += (level * sound[: total - first]).astype(np.float32)
        events.append((species.common_name, start_s, start_s + duration_s))
    return np.clip(out, -1, 1), events


def write(
    folder: Path, recordings: int = 6, minutes: float = 30.0, events_each: int = 24, seed: int = 5
) -> list[Event]:
    """Write the season as SITE/SITE_YYYYMMDD_HHMMSS.wav with AudioMoth's comment; returns every event.

    Each of ASKED calls events_each times in all, each of OTHERS a third as often, dealt over the recordings in turn.
    """
    by_name = {one.common_name: one for one in roster()}
    dealt: list[list[Species]] = [[] for _ in range(recordings)]
    calls = [name for name in ASKED for _ in range(events_each)]
    calls += [name for name in OTHERS for _ in range(max(1, events_each // 3))]
    for number, name in enumerate(calls):
        dealt[number % recordings].append(by_name[name])
    events, count = [], 0
    for number, calling in enumerate(dealt):
        site = SITES[number % len(SITES)]
        began = BEGIN + timedelta(days=number // len(SITES), hours=4 * (number % len(SITES)))
        name = f"{site}/{site}_{began:%Y%m%d_%H%M%S}.wav"
        sound, found = _recording(minutes, calling, count, generator(SEED, "field", number))
        count += len(calling)
        (folder / site).mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(folder / name, "w", RATE_HZ, 1, "PCM_16", format="WAV") as file:
            file.comment = (
                f"Recorded at {began:%H:%M:%S %d/%m/%Y} (UTC) by AudioMoth 24E1440360{number:06X} at medium gain while "
                "battery was 4.1V and temperature was 15.2C."
            )
            file.write(sound)
        events += [Event(name, *one) for one in found]
    return events
