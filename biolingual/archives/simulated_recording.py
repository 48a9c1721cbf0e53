"""One recording of the simulated world: everything the archives' pages say of it, its sound and its file's bytes."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
import soundfile

from biolingual.archives.simulated_voices import CALL_TYPES, Species, far_away, generator, pink_noise, sing, voice

NOISES = {
    "": "",
    "stream": "A stream in the background.",
    "wind": "Gusts of wind.",
    "hum": "A low hum from a generator.",
}


@dataclass(frozen=True)
class Planned:
    """One recording before it is synthesised: everything the archives' pages say of it."""

    index: int
    archive: str
    species: Species
    call: int
    recordist: str
    date: str
    time: str
    locality: str
    country: str
    latitude: float
    longitude: float
    duration_s: float
    distance_m: float
    snr_db: float
    noise: str
    background: Species | None
    sex: str
    life_stage: str
    sample_rate_hz: int
    extension: str
    licence: str
    dirt: str
    seed: int

    @property
    def behavior(self) -> str:
        return CALL_TYPES[self.species.group][self.call]

    @property
    def remarks(self) -> str:
        """Free text with audible facts that no structured field holds."""
        v = voice(self.seed, self.species, self.call)
        pace = "fast" if v.note_s + v.gap_s < 0.12 else "slow" if v.note_s + v.gap_s > 0.25 else "steady"
        contour = {
            "rise": "rising notes",
            "fall": "falling notes",
            "chevron": "notes that rise and fall",
            "warble": "warbled notes",
            "flat": "pure, level notes",
            "pulsed": "rasping, pulsed notes",
        }[v.shape]
        where = "very close" if self.distance_m < 15 else "far off" if self.distance_m > 60 else "at middle distance"
        lines = [f"A {pace} series of {contour}, the animal {where}."]
        if self.noise:
            lines.append(NOISES[self.noise])
        if self.background is not None:
            lines.append(f"{self.background.common_name} in the background.")
        return "\r\n".join(lines)


def waveform(item: Planned) -> np.ndarray:
    """The recording's samples, float64 [T], peak <= 1."""
    draw = generator(item.seed, "sound", item.index)
    rate = item.sample_rate_hz
    if item.dirt == "silent":
        return np.zeros(round(item.duration_s * rate))
    day = (item.recordist, item.date)
    sound, _ = sing(item.seed, item.species, item.call, day, item.duration_s, rate, draw)
    sound = far_away(sound, item.distance_m, rate)
    power = (sound**2).mean() + 1e-12
    noise = pink_noise(len(sound), draw)
    t = np.arange(len(sound)) / rate
    if item.noise == "stream":
        noise += 0.5 * draw.standard_normal(len(sound))
    elif item.noise == "wind":
        noise *= 1 + 2 * np.sin(2 * np.pi * draw.uniform(0.2, 0.6) * t + draw.uniform(0, 6)) ** 2
    elif item.noise == "hum":
        noise += np.sin(2 * np.pi * 100 * t) + 0.5 * np.sin(2 * np.pi * 200 * t)
    mix = sound + noise * np.sqrt(power / (noise**2).mean()) * 10 ** (-item.snr_db / 20)
    if item.background is not None:
        other, _ = sing(item.seed, item.background, 0, day, item.duration_s, rate, draw)
        mix += other * np.sqrt(power / ((other**2).mean() + 1e-12)) * 10 ** (-12 / 20)
    return mix * draw.uniform(0.2, 0.8) / np.abs(mix).max()


def audio_file(item: Planned) -> bytes:
    """The recording as its file's bytes, dirt included."""
    if item.dirt == "html_page":
        return b"<!DOCTYPE html>\n<html><head><title>503 Service Unavailable</title></head><body>Try later.</body></html>\n"
    container, subtype = {
        "mp3": ("MP3", "MPEG_LAYER_III"),
        "wav": ("WAV", "PCM_16"),
        "WAV": ("WAV", "PCM_24"),
        "flac": ("FLAC", "PCM_16"),
    }[item.extension]
    buffer = io.BytesIO()
    soundfile.write(buffer, waveform(item), item.sample_rate_hz, format=container, subtype=subtype)
    data = buffer.getvalue()
    return data[: len(data) // 5] if item.dirt == "truncated" else data
