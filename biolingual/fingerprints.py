"""Knows a sound again after another codec, a trim, a change of level or of rate: acoustic fingerprints and their index.

    words = fingerprint(waveform, sample_rate_hz)  # uint32 [F]: 32 bits for each 25 ms; equal sounds, equal words
    index = Index()
    index.add("xeno_canto:XC1", words)             # as many as there are, then ask
    index.matches(other)                           # [Match(id, score, offset_s)], best first; the sound itself included

A word holds the signs of the differences of band energies over frequency and time (Haitsma and Kalker, "A highly robust
audio fingerprinting system", ISMIR 2002, eq. 1), here of logarithmic energies, so that neither gain nor a filter changes
them, and over 100 ms. The index finds candidates by equal keys (one byte of four words) and proves each by the share of equal
bits over the whole overlap. Of sounds longer than 5 s it keeps a quarter of the keys, drawn by their hash, which holds a
million recordings of 20 s in 10 GB of memory.

Shapes: T samples, F words (frames), K keys, N words of all sounds of an index.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import soxr
from scipy import fft

from biolingual.tabular import read_table, write_table

RATE_HZ = 16000
WINDOW = 1024  # samples: 64 ms
HOP = 400  # samples: 25 ms
HOP_S = HOP / RATE_HZ
SUMMED = 3  # frames: as much as one window of 0.12 s, for half the work
LAG = 4  # frames between the two energies of a difference
BANDS = 33  # 32 differences between neighbours
LOW_HZ, HIGH_HZ = 300, 7000
BLOCK = 64  # frames transformed at once: what a core's cache holds
EDGES = np.round(np.geomspace(LOW_HZ, HIGH_HZ, BANDS + 1) * WINDOW / RATE_HZ).astype(int)
HANN = np.hanning(WINDOW).astype(np.float32)

LEAST_WORDS = 8  # of overlap: 0.39 s of sound
# Strangers of one species reach 0.74 over 21 words and 0.67 over 110; chance spreads as 1 / sqrt(words).
LEAST_SCORE, SHORT_SCORE = 0.66, 0.6
KEY_STEP = 2  # words between the bytes of a key
KEY_SPAN = 3 * KEY_STEP + 1  # words a key reads over
LONG_WORDS = 200  # from here on, 5 s, the index keeps
KEPT_SHARE = 4  # one key in so many
COMMON = 1000  # a key that so many places share tells nothing
PROVEN = 64  # candidates compared bit by bit
SCHEMA = pa.schema([pa.field("recording_id", pa.string()), pa.field("fingerprint", pa.binary())])


class Match(NamedTuple):
    """score: share of equal bits over the overlap. offset_s: where in the indexed sound the asked one begins; may be < 0."""

    id: str
    score: float
    offset_s: float


def fingerprint(waveform: np.ndarray, sample_rate_hz: int) -> np.ndarray:
    """Mono [T] -> uint32 [F]: F = (seconds - 0.189) / 0.025. Empty below 0.22 s; 0 is the word of digital silence."""
    sound = soxr.resample(waveform, sample_rate_hz, RATE_HZ, quality="LQ") if sample_rate_hz != RATE_HZ else waveform
    return words_of(band_powers(np.asarray(sound, dtype=np.float32)))


def band_powers(sound: np.ndarray) -> np.ndarray:
    """[T] at RATE_HZ -> float32 [frames, BANDS]; whole windows alone."""
    if len(sound) < WINDOW:
        return np.zeros((0, BANDS), dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, WINDOW)[::HOP]
    powers = np.empty((len(frames), BANDS), dtype=np.float32)
    for start in range(0, len(frames), BLOCK):
        spectrum = fft.rfft(frames[start : start + BLOCK] * HANN, overwrite_x=True)[:, EDGES[0] : EDGES[-1]]
        parts = spectrum.view(np.float32)  # real, imaginary, real ...
        powers[start : start + BLOCK] = np.add.reduceat(np.square(parts), 2 * (EDGES[:-1] - EDGES[0]), axis=1)
    return powers


def words_of(powers: np.ndarray) -> np.ndarray:
    """Powers [frames, BANDS] -> uint32 [frames - SUMMED + 1 - LAG]; the lowest pair of bands is the highest bit."""
    count = len(powers) - SUMMED + 1
    if count <= LAG:
        return np.empty(0, dtype=np.uint32)
    slope = np.diff(np.log(sum(powers[step : step + count] for step in range(SUMMED)) + 1e-12), axis=1)
    bits = slope[LAG:] > slope[:-LAG]  # [F, 32]
    return np.packbits(bits, axis=1).view(">u4").astype(np.uint32).reshape(-1)


class Index:
    """Sounds by their keys. Sorted when first asked after an `add`: add all, then ask."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.parts: list[np.ndarray] = []
        self.starts = self.words = self.keys = self.places = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def add(self, id: str, words: np.ndarray) -> None:
        """Put one fingerprint in."""
        self.ids.append(id)
        self.parts.append(np.asarray(words, dtype=np.uint32))

    def matches(self, words: np.ndarray) -> list[Match]:
        """All indexed sounds that share 0.4 s or more in which enough of the bits are equal, best first."""
        words = np.asarray(words, dtype=np.uint32)
        self._sort()
        best: dict[str, Match] = {}
        for shift in self._candidates(words):
            found = self._proven(words, int(shift))
            if found and (found.id not in best or found.score > best[found.id].score):
                best[found.id] = found
        return sorted(best.values(), key=lambda match: (-match.score, match.id))

    def _sort(self) -> None:
        if len(self.starts) == len(self.parts):
            return
        lengths = np.array([len(part) for part in self.parts], dtype=np.int64)
        self.starts = np.cumsum(lengths) - lengths
        self.words = np.concatenate(self.parts)
        found = [_thinned(*keys_of(part)) if len(part) > LONG_WORDS else keys_of(part) for part in self.parts]
        keys = np.concatenate([keys for keys, _ in found])
        places = np.concatenate([at + start for (_, at), start in zip(found, self.starts, strict=True)])
        order = np.argsort(keys, kind="stable")
        self.keys = keys[order]
        self.places = places.astype(np.uint32 if len(self.words) < 1 << 32 else np.int64)[order]

    def _candidates(self, words: np.ndarray) -> np.ndarray:
        """Where the asked sound may begin among all words (int64), the most often named places first."""
        keys, at = keys_of(words, flipped=True)
        low, high = np.searchsorted(self.keys, keys, "left"), np.searchsorted(self.keys, keys, "right")
        count = high - low
        hit = (count > 0) & (count <= COMMON)
        low, count, at = low[hit], count[hit], at[hit]
        each = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)  # 0..count-1 of every hit
        shifts = self.places[np.repeat(low, count) + each].astype(np.int64) - np.repeat(at, count)
        found, votes = np.unique(shifts, return_counts=True)
        return found[np.argsort(-votes, kind="stable")][:PROVEN]

    def _proven(self, words: np.ndarray, shift: int) -> Match | None:
        # The sound whose words lie under the middle of the asked one; a sound may begin before the indexed one does.
        for number in self._owners(shift, len(words)):
            start, part = int(self.starts[number]), self.parts[number]
            offset = shift - start
            low, high = max(0, -offset), min(len(words), len(part) - offset)
            if high - low < LEAST_WORDS:
                continue
            asked, own = words[low:high], part[low + offset : high + offset]
            live = (asked != 0) & (own != 0)
            if (n := int(live.sum())) >= LEAST_WORDS:
                score = 1 - int(np.bitwise_count(asked[live] ^ own[live]).sum()) / (32 * n)
                if score >= LEAST_SCORE + SHORT_SCORE / n**0.5:
                    return Match(self.ids[number], round(score, 4), round(offset * HOP_S, 3))
        return None

    def _owners(self, shift: int, length: int) -> range:
        low = int(np.searchsorted(self.starts, shift, "right")) - 1
        high = int(np.searchsorted(self.starts, shift + length, "left"))
        return range(max(0, low), high)


def keys_of(words: np.ndarray, flipped: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """(keys uint32 [K], frame of each [K]): byte b of the words n, n + 2, n + 4, n + 6 (KEY_STEP), for all b and n.

    flipped: also all keys that differ in one bit. None is taken that reads silence.
    """
    count = len(words) - KEY_SPAN + 1
    if count <= 0:
        return np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int64)
    four = np.stack([words[KEY_STEP * step : KEY_STEP * step + count] for step in range(4)])  # [4, count]
    at = np.flatnonzero((four != 0).all(axis=0))
    octets = four[:, at].astype(">u4", order="C").view(np.uint8).reshape(4, -1, 4)  # [word, frame, byte]
    keys = np.ascontiguousarray(octets.transpose(2, 1, 0)).view(">u4").reshape(4, -1).astype(np.uint32)  # [byte, frame]
    if flipped:
        flips = np.concatenate([[0], np.uint32(1) << np.arange(32, dtype=np.uint32)]).astype(np.uint32)
        keys = keys[:, :, None] ^ flips  # [byte, frame, 33]
        at = np.repeat(at, len(flips))
    salted = _mixed(keys.reshape(4, -1), np.arange(4, dtype=np.uint32)[:, None])
    return salted.reshape(-1), np.tile(at, 4)


def _thinned(keys: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    kept = keys % KEPT_SHARE == 0
    return keys[kept], at[kept]


def _mixed(keys: np.ndarray, salt: np.ndarray) -> np.ndarray:
    """The finaliser of MurmurHash3 (Appleby, public domain): near keys far apart, another order for each salt."""
    mixed = keys + salt * np.uint32(0x9E3779B9)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        mixed = (mixed ^ (mixed >> np.uint32(shift))) * np.uint32(factor)
    return mixed ^ (mixed >> np.uint32(16))


def write(fingerprints: list[tuple[str, np.ndarray]], path: Path) -> None:
    """fingerprints.parquet: recording_id, fingerprint (the words as little-endian bytes)."""
    columns = {
        "recording_id": [one for one, _ in fingerprints],
        "fingerprint": [words.astype("<u4").tobytes() for _, words in fingerprints],
    }
    write_table(pa.table(columns, schema=SCHEMA), path)


def read(path: Path) -> dict[str, np.ndarray]:
    """{recording_id: words} of a fingerprints.parquet."""
    table = read_table(path)
    return {
        one: np.frombuffer(data, dtype="<u4")
        for one, data in zip(table["recording_id"].to_pylist(), table["fingerprint"].to_pylist(), strict=True)
    }
