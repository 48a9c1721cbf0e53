"""What happens to a sound between two archives, and how often its fingerprint is found again: `python -m tests.sound_variants`.

Prints recall and precision for each variant over simulated recordings and, where ../shared lies beside the checkout, over real
ones; never both in one table.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from biolingual.archives.simulated import World
from biolingual.archives.simulated_recording import waveform
from biolingual.audio import Sound, UndecodableError, peak_dbfs
from biolingual.fingerprints import Index, fingerprint
from biolingual.foreign_audio import decode_any

SHARED = Path(__file__).resolve().parents[1] / "../shared/data/recordings"
LONGEST_S = 20
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)


def rated(sound: Sound, rate: int) -> Sound:
    return Sound(soxr.resample(sound.waveform, sound.sample_rate_hz, rate).astype(np.float32), rate, 1)


def encoded(container: str, subtype: str, rates: tuple[int, ...] = (), **options: float) -> Callable[[Sound], Sound]:
    """Through a codec of libsndfile, at 48 kHz where it does not know the sound's own rate."""

    def through(sound: Sound) -> Sound:
        if (rates and sound.sample_rate_hz not in rates) or sound.sample_rate_hz > 96000:
            sound = rated(sound, 48000)
        buffer = io.BytesIO()
        clipped = np.clip(sound.waveform, -1, 1)
        soundfile.write(buffer, clipped, sound.sample_rate_hz, format=container, subtype=subtype, **options)
        return decode_any(buffer.getvalue())

    return through


def aac(sound: Sound) -> Sound:
    """AAC of 64 kbit/s in ADTS, with FFmpeg."""
    import av

    sound = rated(sound, 44100)
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="adts") as container:
        stream = container.add_stream("aac", rate=44100)
        stream.layout, stream.bit_rate = "mono", 64000
        samples = np.clip(sound.waveform, -1, 1)[None]  # [1, T]
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return decode_any(buffer.getvalue())


def cut(sound: Sound, front_s: float, back_s: float = 0.0) -> Sound:
    stop = len(sound.waveform) - round(back_s * sound.sample_rate_hz)
    return Sound(sound.waveform[round(front_s * sound.sample_rate_hz) : stop], sound.sample_rate_hz, 1)


def quieter(sound: Sound, db: float = 12.0) -> Sound:
    """Lower by `db` and rounded to 16 bits, as a file would hold it."""
    pcm = np.round(np.clip(sound.waveform * 10 ** (-db / 20), -1, 1) * 32767)
    return Sound((pcm / 32767).astype(np.float32), sound.sample_rate_hz, 1)


VARIANTS: dict[str, Callable[[Sound], Sound]] = {
    "MP3 best": encoded("MP3", "MPEG_LAYER_III", MP3_RATES, compression_level=0.0),
    "MP3 middle": encoded("MP3", "MPEG_LAYER_III", MP3_RATES, compression_level=0.5),
    "MP3 worst": encoded("MP3", "MPEG_LAYER_III", MP3_RATES, compression_level=0.99),
    "Vorbis middle": encoded("OGG", "VORBIS", compression_level=0.5),
    "Opus": encoded("OGG", "OPUS", OPUS_RATES),
    "AAC 64 kbit/s": aac,
    "0.5 s off the front": lambda sound: cut(sound, 0.5),
    "0.237 s off both ends": lambda sound: cut(sound, 0.237, 0.237),
    "12 dB lower": quieter,
    "22.05 kHz": lambda sound: rated(sound, 22050),
    "8 kHz": lambda sound: rated(sound, 8000),
    "cut, lower, 22.05 kHz, MP3": lambda sound: VARIANTS["MP3 middle"](rated(quieter(cut(sound, 0.5)), 22050)),
}


def simulated(n: int, seed: int = 11) -> dict[str, Sound]:
    """Recordings of a simulated world, without dirt."""
    items = [item for item in World(seed, n).first if not item.dirt]
    return {str(item.index): Sound(waveform(item).astype(np.float32), item.sample_rate_hz, 1) for item in items}


def real(folder: Path, every: int = 1) -> dict[str, Sound]:
    """The real recordings of a second or more that are not silent, at most LONGEST_S of each; every so manieth."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix != ".csv")
    found = {}
    for path in files[::every]:
        try:
            sound = decode_any(path.read_bytes())
        except UndecodableError:
            continue
        if sound.duration_s >= 1 and peak_dbfs(sound.waveform) > -60:
            samples = np.ascontiguousarray(sound.waveform[: LONGEST_S * sound.sample_rate_hz])
            found[str(path.relative_to(folder))] = Sound(samples, sound.sample_rate_hz, 1)
    return found


def measure(sounds: dict[str, Sound], names: list[str]) -> tuple[dict[str, dict[str, float]], list[tuple[str, str]]]:
    """({variant: {n, recall, precision}}, pairs of sounds that match as they are).

    A variant's hit on another sound is wrong unless the two sounds match as they are: cuts of one tape do.
    """
    index = Index()
    words = {name: fingerprint(sound.waveform, sound.sample_rate_hz) for name, sound in sounds.items()}
    for name, own in words.items():
        index.add(name, own)
    alike = {name: {match.id for match in index.matches(own)} for name, own in words.items()}
    table = {}
    for variant in names:
        right = wrong = 0
        for name, sound in sounds.items():
            changed = VARIANTS[variant](sound)
            hits = {match.id for match in index.matches(fingerprint(changed.waveform, changed.sample_rate_hz))}
            right += name in hits
            wrong += len(hits - alike[name] - {name})
        precision = right / (right + wrong) if right + wrong else 0.0
        table[variant] = {"n": len(sounds), "recall": right / len(sounds), "precision": precision}
    return table, sorted((one, other) for one, others in alike.items() for other in others if one < other)


def main() -> int:
    sources = {"simulated": lambda: simulated(200), "real": lambda: real(SHARED, every=2) if SHARED.exists() else {}}
    for origin, sounds_of in sources.items():
        if not (sounds := sounds_of()):
            print(f"{origin}: NOT RUN, {SHARED.name} is not there")
            continue
        table, alike = measure(sounds, list(VARIANTS))
        print(f"{origin}: {len(sounds)} recordings, {len(alike)} pairs of them match as they are", flush=True)
        for variant, row in table.items():
            print(f"  {variant:<28} recall {row['recall']:.3f}  precision {row['precision']:.3f}", flush=True)
        for one, other in alike:
            print(f"  alike: {one} {other}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
