"""Reads a folder in the layout of BEANS: CSV lists of labelled clips, JSON lines of annotated files, or ESC-10's list of folds.

Shapes: n units, C classes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biolingual.benchmarks.beans.sets import SPLITS, SoundSet, sound_set, with_own_values
from biolingual.benchmarks.beans.windows import Annotation, labels_in, window_starts

FIXTURE_MARK = "fixture.json"  # a folder that holds this was made by fixtures.py


@dataclass(frozen=True)
class Listed:
    """A line of a list: a clip with its one label, or a file with its annotations."""

    file: str  # as listed
    split: str  # train | valid | test, or the number of a fold
    where: str  # "train.csv line 3"
    label: str = ""
    length_s: float = 0.0
    annotations: tuple[Annotation, ...] = ()

    @property
    def labels(self) -> list[str]:
        return [self.label] if self.label else [one.label for one in self.annotations]


@dataclass(frozen=True)
class Unit:
    """What has one prediction: a clip from its beginning, or a window of a file."""

    file: str
    path: str
    start_s: float
    split: str
    group: str  # units of one source recording stand or fall together in a bootstrap


@dataclass(frozen=True)
class Fold:
    """Rows to learn from, to choose on, and to score."""

    train: np.ndarray
    valid: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Data:
    """A set as it lies in a folder. `name` is the score's: the set's own only where every published count is met."""

    row: SoundSet
    name: str
    origin: str
    classes: list[str]
    units: list[Unit]
    truth: np.ndarray  # bool [n, C]; exactly one per row in classification
    folds: list[Fold]
    folder: Path


def read(task: str, folder: Path) -> Data:
    """The set `task` as it lies in `folder`. ValueError or FileNotFoundError: one line with file, line and remedy."""
    row = sound_set(task)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not a folder. Give to --data the one that holds the lists. {row.get}")
    if (folder / "set.yaml").is_file():
        row = with_own_values(row, folder / "set.yaml")
    listed = list(_folds(row, folder) if row.folds else _splits(row, folder))
    classes = _classes(row, listed)
    name, origin = _name(row, folder, listed)
    if name == row.name:
        classes = list(row.labels)
    units, truth = _units(row, folder, listed, classes)
    if not units:
        raise ValueError(f"{folder}: every file is shorter than a window, so there is nothing to score.")
    return Data(row, name, origin, classes, units, truth, _fold_rows(row, units), folder)


def counts(row: SoundSet, listed: list[Listed]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """(clips or files, windows) of each split or fold."""
    splits = [str(fold + 1) for fold in range(row.folds)] or SPLITS
    items = tuple(sum(one.split == split for one in listed) for split in splits)
    if row.kind == "classification":
        return items, ()
    width, shift = row.window_width_s, row.window_shift_s
    windows = tuple(
        sum(len(window_starts(one.length_s, width, shift)) for one in listed if one.split == split) for split in splits
    )
    return items, windows


def _name(row: SoundSet, folder: Path, listed: list[Listed]) -> tuple[str, str]:
    if (folder / FIXTURE_MARK).is_file():
        return f"fixture_{row.name}", "fixture"
    if not row.labels or row.name.startswith("own"):
        return f"own_{folder.resolve().name}", "real"
    items, windows = counts(row, listed)
    known = [*zip(row.items, items, strict=False), *zip(row.windows, windows, strict=False)]
    met = all(published in (None, found) for published, found in known)
    # Fewer classes than published are an easier task; an annotated class may be missing by chance, a foreign one may not.
    labels, published_labels = {label for one in listed for label in one.labels}, set(row.labels)
    same = labels == published_labels if row.kind == "classification" else labels <= published_labels
    same = same or bool(row.unknown_label)
    as_published = met and same and not (folder / "set.yaml").is_file()
    return (row.name if as_published else f"own_{row.name}"), "real"


def _classes(row: SoundSet, listed: list[Listed]) -> list[str]:
    """The classes of a folder: those of the set that its training lists hold, or its own where it shares none with the set."""
    trained = {label for one in listed if one.split != "test" and one.split != "valid" for label in one.labels}
    known = set(row.labels)
    own = not trained & known and not row.unknown_label
    for one in listed:
        for label in one.labels:
            if own and label not in trained:
                raise ValueError(
                    f"{one.where}: label {label!r} is in no training row. Add training sounds of it, or take this row out."
                )
            if not own and label not in known and not row.unknown_label:
                raise ValueError(
                    f"{one.where}: label {label!r} is unknown to {row.name}. Known: {_some(row.labels)}. "
                    "Correct the row; for classes of your own give --task own or own-detection."
                )
    if own:
        return sorted(trained)
    kept = trained | {label for one in listed for label in one.labels}
    absorbed = {row.unknown_label} if kept - known else set()
    return [label for label in row.labels if label in kept | absorbed]


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels[:12]) + (f" ... ({len(labels)})" if len(labels) > 12 else "")


def _units(row: SoundSet, folder: Path, listed: list[Listed], classes: list[str]) -> tuple[list[Unit], np.ndarray]:
    column = {label: number for number, label in enumerate(classes)}
    units, truth = [], []
    for one in listed:
        path, group = str(find_audio(folder, one)), row.source_of(one.file) or one.file
        if row.kind == "classification":
            pieces = [(0.0, {one.label})]
        else:
            width = row.window_width_s
            starts = window_starts(one.length_s, width, row.window_shift_s)
            pieces = [(start, labels_in(start, start + width, one.annotations)) for start in starts]
        for start, labels in pieces:
            units.append(Unit(one.file, path, start, one.split, group))
            flags = np.zeros(len(classes), dtype=bool)
            flags[[column.get(label, column.get(row.unknown_label)) for label in labels]] = True
            truth.append(flags)
    return units, np.array(truth).reshape(len(units), len(classes))


def _fold_rows(row: SoundSet, units: list[Unit]) -> list[Fold]:
    split = np.array([unit.split for unit in units])
    if not row.folds:
        parts = [np.flatnonzero(split == name) for name in SPLITS]
        empty = [name for name, part in zip(SPLITS, parts, strict=True) if not len(part)]
        if empty:
            raise ValueError(
                f"{row.name}: the list of {empty[0]} gives nothing to score. All of {', '.join(SPLITS)} are needed."
            )
        return [Fold(*parts)]
    folds = [str(number + 1) for number in range(row.folds)]
    chosen_on = [*folds[1:], folds[0]]
    return [
        Fold(
            np.flatnonzero((split != test) & (split != valid)),
            np.flatnonzero(split == valid),
            np.flatnonzero(split == test),
        )
        for test, valid in zip(folds, chosen_on, strict=True)
    ]


def find_audio(folder: Path, one: Listed) -> Path:
    """The file that a list names: its path, or an end of that path, below the folder or its audio/. FileNotFoundError if none."""
    parts = Path(one.file).parts
    for first in range(len(parts)):
        for base in (folder, folder / "audio"):
            path = base.joinpath(*[part for part in parts[first:] if part != "/"])
            if path.is_file():
                return path.resolve()
    raise FileNotFoundError(f"{one.where}: {one.file} is neither in {folder} nor in {folder / 'audio'}. Put it there.")


def _splits(row: SoundSet, folder: Path) -> Iterator[Listed]:
    ending = "csv" if row.kind == "classification" else "jsonl"
    for split in SPLITS:
        names = list(dict.fromkeys([f"{split}.{ending}", row.files.format(split=split)]))
        found = [folder / sub / name for name in names for sub in ("", "meta", "data/metadata")]
        path = next((path for path in found if path.is_file()), None)
        if path is None:
            wanted = "columns path,label" if ending == "csv" else "a line {path, length, annotations} for each file"
            raise FileNotFoundError(f"{folder} has no {' or '.join(names)}. Write it there, with {wanted}.")
        yield from (_csv if ending == "csv" else _json_lines)(path, split)


def _folds(row: SoundSet, folder: Path) -> Iterator[Listed]:
    path = folder / row.files
    if not path.is_file():
        raise FileNotFoundError(f"{folder} has no {row.files}. {row.get}")
    yield from _csv(path, "", label="category", fold="fold")


def _csv(path: Path, split: str, label: str = "label", fold: str = "") -> Iterator[Listed]:
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.DictReader(lines)
        for column in ("path", label, *([fold] if fold else [])):
            if column not in (reader.fieldnames or []):
                have = ", ".join(name for name in reader.fieldnames or [] if name) or "none"
                raise ValueError(f"{path} has no column {column!r} (it has: {have}). Name the columns path,label.")
        for number, line in enumerate(reader, start=2):
            where = f"{path} line {number}"
            if not line["path"] or not (line[label] or "").strip():
                raise ValueError(f"{where}: path or {label} is empty. Fill it in, or take the row out.")
            yield Listed(line["path"], line[fold] if fold else split, where, label=line[label].strip())


def _json_lines(path: Path, split: str) -> Iterator[Listed]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        where = f"{path} line {number}"
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            annotations = tuple(
                Annotation(float(one["st"]), float(one["ed"]), str(one["label"])) for one in row["annotations"]
            )
            yield Listed(row["path"], split, where, length_s=float(row["length"]), annotations=annotations)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{where} is not {{path, length, annotations: [{{st, ed, label}}]}} ({type(error).__name__}: {error}). "
                "Times are seconds."
            ) from error
