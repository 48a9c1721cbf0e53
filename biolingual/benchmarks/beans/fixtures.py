"""Tiny made-up stand-ins of the twelve sets, each in its true layout, with classes that can be told apart by ear.

Their scores are named fixture_<task>: they show that the code runs, and say nothing about animals. Same seed, same bytes.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import soundfile

from biolingual.benchmarks.beans.layout import FIXTURE_MARK
from biolingual.benchmarks.beans.sets import SPLITS, SoundSet, sound_set
from biolingual.tabular import write_json

CLASSES = 4  # or as many as the set has
CLIPS = {"train": 5, "valid": 2, "test": 3}  # of each class: 40 clips
FILES = {"train": 3, "valid": 1, "test": 4}
WINDOWS = 5  # of each file of a detection set: 40 windows
NOISE = 0.01


def write(task: str, folder: Path, seed: int, clips: dict[str, int] | None = None) -> Path:
    """Write the stand-in of `task` to `folder`; `clips`: how many of each class (or files) in each split. Returns the folder."""
    row = sound_set(task)
    draw = np.random.Generator(np.random.PCG64([seed, *task.encode()]))
    (folder / "audio").mkdir(parents=True, exist_ok=True)
    write_json({"task": task, "seed": seed}, folder / FIXTURE_MARK)
    for split in SPLITS:
        if row.kind == "classification":
            _clips(row, folder, split, (clips or CLIPS)[split], draw)
        else:
            _files(row, folder, split, (clips or FILES)[split], draw)
    return folder


def call(kind: int, seconds: float, sample_rate_hz: int, draw: np.random.Generator) -> np.ndarray:
    """float64 [T]: the voice of class `kind`. 0 low tone, 1 rising sweep, 2 pulses of noise, 3 high trill; each a little varied."""
    time = np.arange(round(seconds * sample_rate_hz)) / sample_rate_hz
    vary = draw.uniform(0.95, 1.05)
    if kind == 0:
        sound = np.sin(2 * np.pi * 500 * vary * time)
    elif kind == 1:
        sound = np.sin(2 * np.pi * (700 * vary * time + 1800 * time**2 / (2 * max(seconds, 0.1))))
    elif kind == 2:
        sound = draw.standard_normal(len(time)) * (np.sin(2 * np.pi * 8 * vary * time) > 0)
    else:
        sound = np.sin(2 * np.pi * 3500 * vary * time) * (0.5 + 0.5 * np.sin(2 * np.pi * 25 * time))
    return 0.3 * sound * draw.uniform(0.5, 1.0)


def _clips(row: SoundSet, folder: Path, split: str, clips: int, draw: np.random.Generator) -> None:
    lines = []
    for number in range(clips * CLASSES):
        kind = number % CLASSES
        seconds = row.max_duration_s * draw.uniform(0.5, 1.1)  # shorter ones end in zeros, longer ones are cut
        path = f"audio/{split}-{number}.wav"
        sound = call(kind, seconds, row.sample_rate_hz, draw)
        _save(folder / path, sound, row.sample_rate_hz, draw)
        lines.append((f"data/{row.name}/{path}", row.labels[kind]))
    with (folder / row.files.format(split=split)).open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["", "path", "label"])  # pandas' index has no name
        writer.writerows([number, *line] for number, line in enumerate(lines))


def _files(row: SoundSet, folder: Path, split: str, files: int, draw: np.random.Generator) -> None:
    lines = []
    width, shift = row.window_width_s, row.window_shift_s
    for number in range(files):
        length = width + (WINDOWS - 1) * shift
        sound = np.zeros(round(length * row.sample_rate_hz))
        annotations, at = [], draw.uniform(0, shift / 2)
        while at < length:
            end = min(length, at + shift * draw.uniform(0.4, 0.8))
            # One class alone would be everywhere: what else sounds is not annotated.
            kind = int(draw.integers(CLASSES)) if len(row.labels) > 1 else 2 * int(draw.integers(2))
            voice = call(kind, end - at, row.sample_rate_hz, draw)
            start = round(at * row.sample_rate_hz)
            sound[start : start + len(voice)] += voice[: len(sound) - start]
            if kind < len(row.labels):
                annotations.append({"st": round(at, 3), "ed": round(end, 3), "label": _typed(row.labels[kind])})
            at = end + shift * draw.uniform(0.6, 1.6)
        path = f"audio/{split}-{number}.wav"
        _save(folder / path, sound, row.sample_rate_hz, draw)
        lines.append({"path": f"data/{row.name}/{path}", "length": length, "annotations": annotations})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / row.files.format(split=split)).write_text(text, encoding="utf-8")


def _typed(label: str) -> int | str:
    return int(label) if label.isdecimal() else label


def _save(path: Path, sound: np.ndarray, sample_rate_hz: int, draw: np.random.Generator) -> None:
    noisy = sound + NOISE * draw.standard_normal(len(sound))
    soundfile.write(path, np.clip(noisy, -1, 1), sample_rate_hz, subtype="PCM_16")
