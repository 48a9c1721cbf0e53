"""Tables of a dataset that has no sounds: as many recordings, species and archives as asked for, as ingest and caption write them.

Made column by column with numpy, so that a million rows take seconds; one part in a hundred is dirt (duplicates, cuts).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from biolingual.records import Caption, Clip, Recording
from biolingual.tabular import schema, write_json, write_table

ARCHIVES = ("xeno_canto", "inaturalist", "animal_sound_archive", "watkins", "audioset")
LICENCES = ("CC BY-NC-SA 4.0", "CC BY-NC 4.0", "CC BY 4.0", "CC0 1.0")
SYLLABLES = ("ba", "co", "di", "fu", "ga", "lo", "mi", "nu", "po", "ra", "se", "ti", "vo", "xa", "zu", "ke")
PER_SHARD = 2000
DUPLICATES, CUTS = 0.01, 0.01


def write(folder: Path, recordings: int, species: int = 28_000, archives: int = 5, seed: int = 0) -> list[str]:
    """manifests/ and captions/ of one dump of each archive; returns the dumps' names."""
    names = []
    shares = np.diff(np.round(np.linspace(0, 1, archives + 1) * recordings).astype(int))
    for number, (archive, count) in enumerate(zip(ARCHIVES[:archives], shares, strict=True)):
        names.append(f"{archive}-2026-01")
        _dump(folder, names[-1], archive, int(count), species, np.random.Generator(np.random.PCG64([seed, number])))
    return names


def _dump(folder: Path, name: str, archive: str, count: int, species: int, draw: np.random.Generator) -> None:
    taxon = np.minimum((draw.pareto(0.6, count) * 3).astype(np.int64), species - 1)  # few species are common
    taxon = np.where(draw.random(count) < 0.5, taxon, draw.integers(0, species, count))
    ids = texts(f"{archive}:XC{{}}" if archive == "xeno_canto" else f"{archive}:{{}}", np.arange(count))
    genus, epithet = syllables(np.arange(species) // 5, 4), syllables(np.arange(species) * 7 + 3, 3)
    genera = np.char.capitalize(genus)
    scientific = np.char.add(np.char.add(genera, " "), epithet)
    common = np.char.add(np.char.add(np.char.capitalize(epithet), " "), np.char.capitalize(genus))
    family = np.char.add(np.char.capitalize(syllables(np.arange(species) // 60, 3)), "idae")
    sounds = digests(archive, np.arange(count), 64)
    copied = draw.random(count) < DUPLICATES
    sounds[copied] = digests(ARCHIVES[0], draw.integers(0, count, copied.sum()), 64)
    known = draw.random(count) < 0.9
    people = np.where(known, texts("Recordist {}", draw.integers(0, max(5, count // 60), count)), "")
    cut = (draw.random(count) < CUTS) & known
    sources = np.where(cut, texts("tape-{}", draw.integers(0, max(1, count // 200), count)), "")
    day = draw.integers(0, 3650, count)
    columns = {
        "recording_id": ids,
        "origin": np.full(count, "real"),
        "dump": np.full(count, name),
        "archive": np.full(count, archive),
        "scientific_name": scientific[taxon],
        "source_name": scientific[taxon],
        "common_name": common[taxon],
        "genus": genera[taxon],
        "family": family[taxon],
        "order": np.full(count, "Passeriformes"),
        "class_": np.full(count, "Aves"),
        "rank": np.full(count, "species"),
        "checklist": np.full(count, "made-up"),
        "recorded_by": people,
        "license": np.array(LICENCES)[draw.integers(0, 4, count)],
        "country": texts("Country {}", draw.integers(0, 200, count)),
        "event_date": (np.datetime64("2014-01-01") + day).astype(str),
        "source_recording": sources,
        "audio_sha256": sounds,
        "url": np.char.add("https://example.org/sounds/", digests(archive, np.arange(count), 12)),
    }
    numbers = {
        "latitude": draw.uniform(-60, 70, count).round(4),
        "longitude": draw.uniform(-180, 180, count).round(4),
        "duration_s": draw.uniform(2, 90, count).round(2),
        "source_sample_rate_hz": np.array([44100, 48000])[draw.integers(0, 2, count)],
    }
    manifests = folder / "manifests" / name
    write_table(filled(schema(Recording), count, {**columns, **numbers}), manifests / "recordings.parquet")
    write_table(_clips(ids, name), manifests / "clips.parquet")
    write_table(_captions(ids, common[taxon], scientific[taxon]), folder / "captions" / f"{name}.parquet")
    told = {"archive": archive, "origin": "real", "digest": "", "recordings": count, "rejected": 0}
    write_json(told, manifests / "ingest.json")


def _clips(ids: np.ndarray, name: str) -> pa.Table:
    count, shard = len(ids), np.arange(len(ids)) // PER_SHARD
    columns = {
        "clip_id": np.char.add(ids, "#0"),
        "recording_id": ids,
        "duration_s": np.full(count, 10.0),
        "shard": np.char.add(np.char.add("shard-", np.char.zfill(shard.astype(str), 5)), ".tar"),
        "shard_sha256": digests(name, shard, 64),
        "shard_md5": digests(name, shard, 32),
        "byte_offset": np.arange(count) % PER_SHARD * 500_000 + 512,
        "byte_length": np.full(count, 400_000),
        "activity": np.full(count, 0.5),
    }
    return filled(schema(Clip), count, columns)


def _captions(ids: np.ndarray, common: np.ndarray, scientific: np.ndarray) -> pa.Table:
    texts_ = [np.char.add("The sound of a ", common), np.char.add("The song of ", scientific)]
    columns = {
        "recording_id": np.repeat(ids, 2),
        "kind": np.tile(["common", "scientific"], len(ids)),
        "text": np.char.add(np.stack(texts_, axis=1).reshape(-1), "."),
        "status": np.full(2 * len(ids), "ok"),
        "captioner": np.full(2 * len(ids), "template"),
    }
    return filled(schema(Caption), 2 * len(ids), columns)


def filled(expected: pa.Schema, count: int, columns: dict[str, np.ndarray]) -> pa.Table:
    """A table of a noun's schema; what is not given is unknown."""
    arrays = []
    for field in expected:
        if field.name in columns:
            arrays.append(pa.array(columns[field.name], field.type))
        elif pa.types.is_list(field.type):
            arrays.append(pa.ListArray.from_arrays(pa.array(np.zeros(count + 1, np.int32)), pa.array([], pa.string())))
        elif field.nullable:
            arrays.append(pa.nulls(count, field.type))
        else:
            blank = pa.scalar("", field.type) if pa.types.is_string(field.type) else pa.scalar(0, field.type)
            arrays.append(pa.repeat(blank, count))
    return pa.Table.from_arrays(
        [one.cast(field.type) for one, field in zip(arrays, expected, strict=True)], schema=expected
    )


def texts(form: str, numbers: np.ndarray) -> np.ndarray:
    before, _, after = form.partition("{}")
    return np.char.add(np.char.add(before, numbers.astype(str)), after)


def digests(salt: str, numbers: np.ndarray, length: int) -> np.ndarray:
    """Hexadecimal text that looks like a hash, one for each number."""
    start = np.uint64(sum(ord(letter) << (8 * (at % 7)) for at, letter in enumerate(salt)))
    state, parts = numbers.astype(np.uint64) + start, []
    for _ in range(-(-length // 16)):
        state = state * np.uint64(6364136223846793005) + np.uint64(1442695040888963407)
        mixed = state ^ (state >> np.uint64(29))
        parts.append(np.frombuffer(mixed.astype(">u8").tobytes().hex().encode(), "S16"))
    whole = parts[0]
    for part in parts[1:]:
        whole = np.char.add(whole, part)
    return whole.astype(str).astype(f"U{length}")


def syllables(numbers: np.ndarray, length: int) -> np.ndarray:
    words, rest = np.full(len(numbers), "", dtype=f"U{2 * length}"), numbers.copy()
    for _ in range(length):
        words = np.char.add(np.array(SYLLABLES)[rest % len(SYLLABLES)], words)
        rest = rest // len(SYLLABLES)
    return words
