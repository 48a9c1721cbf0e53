"""The sounds of the simulated world: parametric songs and calls of invented species, with noise and distance.

Shapes: T samples. Every number is drawn from the generator that the caller passes, so equal seeds give equal samples.
"""

from __future__ import annotations

import csv
import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

CALL_TYPES = {  # group -> (behaviour, behaviour): each a voice of its own
    "bird": ("song", "alarm call"),
    "frog": ("advertisement call", "release call"),
    "insect": ("calling song", "courtship song"),
    "mammal": ("contact call", "alarm bark"),
    "bat": ("echolocation", "social call"),
}
RANGES_HZ = {  # group -> base frequency of its voices
    "bird": (1500, 7500),
    "frog": (350, 3200),
    "insect": (3500, 12000),
    "mammal": (220, 2200),
    "bat": (6000, 12500),
}
SHAPES = {  # group -> note shapes; one is drawn for each voice
    "bird": ("rise", "fall", "chevron", "warble", "flat"),
    "frog": ("flat", "rise", "pulsed"),
    "insect": ("pulsed", "flat", "warble"),
    "mammal": ("fall", "chevron", "flat"),
    "bat": ("fall", "rise"),
}


@dataclass(frozen=True)
class Species:
    """A row of the simulation's checklist. first_dump: 1, or 2 for a species first heard in the second dump."""

    scientific_name: str
    common_name: str
    group: str
    family: str
    genus: str
    first_dump: int
    position: int  # in its group, spreads the base frequencies


@dataclass(frozen=True)
class Voice:
    """One call type of one species."""

    behavior: str
    shape: str
    base_hz: float
    range_octaves: float
    note_s: float
    gap_s: float
    notes: int
    phrase_gap_s: float
    harmonics: int
    warble_hz: float
    step: float  # frequency ratio from one note to the next


@cache
def roster() -> tuple[Species, ...]:
    """All species of tables/simulated-1.csv in order."""
    with (files("biolingual") / "tables" / "simulated-1.csv").open(encoding="utf-8") as lines:
        found = list(csv.DictReader(lines))
    positions: dict[str, int] = {}
    species = []
    for row in found:
        position = positions[row["group"]] = positions.get(row["group"], -1) + 1
        species.append(
            Species(
                row["scientific_name"],
                row["common_name"],
                row["group"],
                row["family"],
                row["genus"],
                int(row["first_dump"]),
                position,
            )
        )
    return tuple(species)


def generator(seed: int, *what: object) -> np.random.Generator:
    """A random generator that depends on the seed and on what it is for, and on nothing else."""
    words = hashlib.sha256(repr((seed, *what)).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(words[:16], "big")))


def voice(seed: int, species: Species, call: int) -> Voice:
    """Call type 0 or 1 of a species; the two differ in shape, pitch and rhythm."""
    draw = generator(seed, "voice", species.scientific_name, call)
    members = sum(other.group == species.group for other in roster())
    low, high = RANGES_HZ[species.group]
    # Base frequencies are spread evenly (in octaves) over the group, the second call type half a turn away.
    place = (species.position + 0.5 * members * call + draw.uniform(-0.3, 0.3)) % members / members
    shapes = SHAPES[species.group]
    return Voice(
        behavior=CALL_TYPES[species.group][call],
        shape=shapes[(species.position * 2 + call * 3 + int(draw.integers(2))) % len(shapes)],
        base_hz=float(low * (high / low) ** place),
        range_octaves=float(draw.uniform(0.15, 0.8)),
        note_s=float(np.exp(draw.uniform(np.log(0.03), np.log(0.28)))),
        gap_s=float(np.exp(draw.uniform(np.log(0.015), np.log(0.15)))),
        notes=int(draw.integers(2, 14)) if call == 0 else int(draw.integers(1, 5)),
        phrase_gap_s=float(draw.uniform(0.15, 0.6)),
        harmonics=int(draw.integers(2, 7)) if species.group in ("mammal", "frog") else int(draw.integers(1, 4)),
        warble_hz=float(draw.uniform(15, 70)),
        step=float(np.exp(draw.uniform(-0.09, 0.09))),
    )


def note(v: Voice, seconds: float, base_hz: float, rate: int) -> np.ndarray:
    """One note, [T]: its contour is `v.shape`, its harmonics fall by half each, none above 0.45 of the rate."""
    t = np.arange(max(8, round(seconds * rate))) / rate
    x = t / t[-1]
    octaves = {
        "flat": 0 * x,
        "pulsed": 0 * x,
        "rise": v.range_octaves * x,
        "fall": v.range_octaves * (1 - x),
        "chevron": v.range_octaves * (1 - np.abs(2 * x - 1)),
        "warble": v.range_octaves / 4 * np.sin(2 * np.pi * v.warble_hz * t),
    }[v.shape]
    frequency = base_hz * 2.0**octaves
    phase = 2 * np.pi * np.cumsum(frequency) / rate
    out = np.zeros_like(t)
    for k in range(1, v.harmonics + 1):
        if frequency.max() * k < 0.45 * rate:
            out += 0.5 ** (k - 1) * np.sin(k * phase)
    if v.shape == "pulsed":
        out *= (np.sin(2 * np.pi * v.warble_hz * t) > 0).astype(float)
    edge = np.minimum(1.0, np.minimum(x, 1 - x) / 0.15)
    return out * np.sin(np.pi / 2 * edge) ** 2


def phrase(v: Voice, pitch: float, tempo: float, rate: int, draw: np.random.Generator) -> np.ndarray:
    """One phrase, [T]: the voice's notes with an individual's pitch and tempo, and a little looseness of its own."""
    parts = []
    base = v.base_hz * pitch
    for _ in range(v.notes):
        parts.append(note(v, v.note_s / tempo * draw.uniform(0.92, 1.08), base * draw.uniform(0.985, 1.015), rate))
        parts.append(np.zeros(round(v.gap_s / tempo * draw.uniform(0.85, 1.15) * rate)))
        base *= v.step
    return np.concatenate(parts)


def pink_noise(samples: int, draw: np.random.Generator) -> np.ndarray:
    """Unit-power noise, [T], with power falling as 1/f above 100 Hz."""
    spectrum = np.fft.rfft(draw.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples, 1 / 48000)
    shaped = np.fft.irfft(spectrum / np.sqrt(np.maximum(frequency, 100.0)), samples)
    return shaped / np.sqrt((shaped**2).mean())


def far_away(sound: np.ndarray, distance_m: float, rate: int) -> np.ndarray:
    """[T] as heard from a distance: 6 dB less for each doubling from 10 m, high frequencies lost to the air."""
    spectrum = np.fft.rfft(sound)
    frequency = np.fft.rfftfreq(len(sound), 1 / rate)
    absorbed_db = 0.006 * distance_m * (frequency / 4000.0) ** 1.5  # rough fit of ISO 9613-1 at 20 C, 70 % humidity
    return (
        np.fft.irfft(spectrum * 10 ** (-np.minimum(absorbed_db, 60.0) / 20), len(sound)) * 10.0 / max(distance_m, 10.0)
    )


def sing(
    seed: int, species: Species, call: int, individual: object, duration_s: float, rate: int, draw: np.random.Generator
) -> tuple[np.ndarray, list[tuple[float, float]]]:
    """One animal for `duration_s`: samples [T] with peak <= 1, and the (start, end) in seconds of each phrase."""
    v = voice(seed, species, call)
    own = generator(seed, "individual", species.scientific_name, individual)
    pitch, tempo = np.exp(own.normal(0, 0.03)), np.exp(own.normal(0, 0.08))
    out = np.zeros(round(duration_s * rate))
    events = []
    at = round(draw.uniform(0, 0.3) * rate)
    while at < len(out) - rate // 10:
        sound = phrase(v, pitch, tempo, rate, draw)[: len(out) - at]
        out[at : at + len(sound)] += sound
        events.append((at / rate, (at + len(sound)) / rate))
        at += len(sound) + round(v.phrase_gap_s / tempo * draw.uniform(0.6, 1.6) * rate)
    return out / max(1.0, np.abs(out).max()), events
