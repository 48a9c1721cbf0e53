"""A made-up world with the dumps that archives would make of it: the offline default, and the source of known truth.

`World(seed, n)` holds n recordings of the first dumps. Its species are invented (tables/simulated-1.csv). Any recording
depends on the seed and its own number alone, so a larger world begins with the smaller one. The world is frozen: every
number measured on it stands on these draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from biolingual.archives.simulated_formats import write_inaturalist, write_xeno_canto
from biolingual.archives.simulated_museums import NOT_WATKINS, write_animal_sound_archive, write_watkins
from biolingual.archives.simulated_recording import Planned, audio_file
from biolingual.archives.simulated_voices import (
    CALL_TYPES,
    Species,
    far_away,
    generator,
    pink_noise,
    roster,
    sing,
)
from biolingual.parallel import Machine, map_ordered

PER_VISIT = 3  # recordings of one recordist on one day
SECOND_DUMP_SHARE = 0.15
MUSEUM_SHARE = 0.1  # each of the optional dumps, beside the first ones
MUSEUM_FIRST = {"animal_sound_archive": 1_000_000, "watkins": 2_000_000}  # recordings far from all others
RECORDISTS = tuple(
    f"{first} {last}"
    for first in ("Ada", "Bruno", "Chiara", "José", "Émile", "Farah", "Goran", "Hana", "Ivo", "Jorunn")
    for last in ("Marr", "Núñez", "O'Tool")
)
SITES = tuple(
    (f"{kind} {name}", country, round(-38 + 7.3 * i % 97 - 20, 3), round(-140 + 23.7 * i % 280, 3))
    for i, (kind, name, country) in enumerate(
        (kind, name, country)
        for country in ("Veldonia", "Harrowmark", "Isle of Quen", "Tarnovia")
        for kind, name in (
            ("Bois d'", "Aixe"),
            ("Lake", "Orrin"),
            ("Pass of", "Kell"),
            ("Delta", "Minas"),
            ("Ridge", "Tolva"),
            ("Old", "Quarry"),
        )
    )
)
WRITERS = {
    "xeno_canto": write_xeno_canto,
    "inaturalist": write_inaturalist,
    "animal_sound_archive": write_animal_sound_archive,
    "watkins": write_watkins,
}
DIRT = (  # each at least once in a dump, and once more for every 200 recordings
    "no_derivatives",
    "no_licence",
    "truncated",
    "html_page",
    "silent",
    "mystery",
    "hybrid",
    "withheld",
    "duplicate",
)


class World:
    """The simulated world. seed: draws everything; n: recordings in the first dumps together."""

    def __init__(self, seed: int, n: int):
        self.seed = seed
        self.n = n

    @cached_property
    def first(self) -> list[Planned]:
        """The recordings of the first dumps, of species whose first_dump is 1."""
        return self._plan(0, self.n, [species for species in roster() if species.first_dump == 1])

    @cached_property
    def second(self) -> list[Planned]:
        """What the second Xeno-canto dump adds: later recordings, two further species among them."""
        extra = max(2 * PER_VISIT, round(self.n * SECOND_DUMP_SHARE))
        new = [species for species in roster() if species.first_dump == 2]
        return [
            item if item.archive == "xeno_canto" else _moved(item)
            for item in self._plan(self.n, self.n + extra, [*roster(), *new, *new])
        ]

    def dumps(self) -> dict[str, list[Planned]]:
        """Dump name -> its recordings. The second Xeno-canto dump overlaps the first by a tenth, as a re-harvest does."""
        xeno_canto = [item for item in self.first if item.archive == "xeno_canto"]
        copies = [item for item in xeno_canto if item.dirt == "duplicate"]
        return {
            "xeno_canto-2026-01": xeno_canto,
            "inaturalist-2026-01": [item for item in self.first if item.archive == "inaturalist"] + copies,
            "xeno_canto-2026-02": [item for item in xeno_canto if not item.dirt][::10] + self.second,
            **{f"{archive}-2026-01": self._museum(archive) for archive in MUSEUM_FIRST},
        }

    def _museum(self, archive: str) -> list[Planned]:
        """The recordings of an optional dump: WAVs; Watkins' of mammals alone."""
        start = MUSEUM_FIRST[archive]
        watkins = archive == "watkins"
        species = [one for one in roster() if one.first_dump == 1 and (one.group == "mammal" or not watkins)]
        return [
            replace(
                item, archive=archive, extension="wav", dirt="" if watkins and item.dirt in NOT_WATKINS else item.dirt
            )
            for item in self._plan(start, start + max(len(DIRT) + 3, round(self.n * MUSEUM_SHARE)), species)
        ]

    def write(self, dump: str, folder: Path, machine: Machine) -> int:
        """Write a dump in its archive's true format into `folder`; returns the number of recordings.

        ValueError for a name that is not one of `dumps()`.
        """
        dumps = self.dumps()
        if dump not in dumps:
            raise ValueError(f"simulate.dumps: {dump!r} is not one of {sorted(dumps)}.")
        WRITERS[dump.partition("-")[0]](dumps[dump], map_ordered(audio_file, dumps[dump], machine), folder)
        return len(dumps[dump])

    def soundscape(self, minutes: float, rate: int = 48000, number: int = 0) -> tuple[np.ndarray, list[dict]]:
        """A field recording [T] of `minutes` and its truth: {start_s, end_s, scientific_name, common_name, behavior}.

        Animals call in bouts of 3 to 8 s, about four a minute, from 10 to 60 m, over pink noise.
        """
        draw = generator(self.seed, "soundscape", number, minutes)
        out = 0.004 * pink_noise(round(minutes * 60 * rate), draw)
        species = [one for one in roster() if one.first_dump == 1]
        events = []
        for _ in range(round(4 * minutes)):
            one, call = species[draw.integers(len(species))], int(draw.integers(2))
            seconds, at = float(draw.uniform(3, 8)), float(draw.uniform(0, max(0.1, minutes * 60 - 8)))
            sound, phrases = sing(self.seed, one, call, f"soundscape {number}", seconds, rate, draw)
            start = round(at * rate)
            sound = far_away(sound, float(draw.uniform(10, 60)), rate)[: len(out) - start]
            out[start : start + len(sound)] += 0.4 * sound
            events += [
                {
                    "start_s": round(at + begin, 3),
                    "end_s": round(at + end, 3),
                    "scientific_name": one.scientific_name,
                    "common_name": one.common_name,
                    "behavior": CALL_TYPES[one.group][call],
                }
                for begin, end in phrases
            ]
        return (out / max(1.0, np.abs(out).max())).astype(np.float32), sorted(
            events, key=lambda event: event["start_s"]
        )

    def tables_only(self, n: int, n_species: int = 28000, n_archives: int = 5) -> Iterator[dict]:
        """n rows of Recording fields without any audio, for tests of the tables at scale: dicts."""
        draw = generator(self.seed, "tables", n)
        species = (draw.pareto(1.0, n) * n_species / 50).astype(int) % n_species
        visits = draw.integers(0, max(1, n // PER_VISIT), n)
        archives = draw.integers(0, n_archives, n)
        for i in range(n):
            site = SITES[visits[i] % len(SITES)]
            genus = f"Simgenus{species[i] // 4}".capitalize()
            yield {
                "recording_id": f"simulated:archive{archives[i]}:{i:08d}",
                "origin": "simulated",
                "dump": f"archive{archives[i]}-2026-01",
                "archive": f"archive{archives[i]}",
                "scientific_name": f"{genus} species{species[i]}",
                "common_name": f"Simulated Animal {species[i]}",
                "genus": genus,
                "family": f"Simfamily{species[i] // 40}idae",
                "rank": "species",
                "behavior": ("song", "call")[i % 2],
                "recorded_by": f"Recordist {visits[i] % 5000}",
                "license": ("CC BY-NC-SA 4.0", "CC BY-NC 4.0", "CC0 1.0")[i % 3],
                "country": site[1],
                "locality_coarse": site[0],
                "latitude": site[2],
                "longitude": site[3],
                "event_date": f"20{visits[i] % 25:02d}-{visits[i] % 12 + 1:02d}-{visits[i] % 28 + 1:02d}",
                "duration_s": 3.0,
                "audio_sha256": f"{i:064x}",
            }

    def _plan(self, start: int, stop: int, species: list[Species]) -> list[Planned]:
        dirty = self._dirty(start, stop)
        return [self._planned(i, species, dirty.get(i, "")) for i in range(start, stop)]

    def _dirty(self, start: int, stop: int) -> dict[int, str]:
        order = start + generator(self.seed, "dirt", start, stop).permutation(stop - start)
        times = max(1, (stop - start) // 200)
        return {int(i): kind for i, kind in zip(order, DIRT * times, strict=False)}

    def _planned(self, i: int, species: list[Species], dirt: str) -> Planned:
        visit = generator(self.seed, "visit", i // PER_VISIT)
        draw = generator(self.seed, "recording", i)
        # Species come in shuffled rounds, so each is recorded equally often and on many different visits.
        rounds = generator(self.seed, "round", i // len(species)).permutation(len(species))
        site = SITES[visit.integers(len(SITES))]
        in_xeno_canto = visit.random() < 0.6 or dirt in ("mystery", "hybrid", "withheld", "duplicate", "no_derivatives")
        day = np.datetime64("2023-01-01") + int(visit.integers(900))
        recordist = RECORDISTS[visit.integers(len(RECORDISTS))]
        chosen = species[rounds[i % len(species)]]
        other = species[draw.integers(len(species))]
        # No ogg: its encoder writes a random stream number, and a dump must have the same bytes every time.
        formats, shares = (
            (("mp3", "wav", "WAV", "flac"), (0.38, 0.25, 0.07, 0.30))
            if in_xeno_canto
            else (("mp3", "wav"), (0.35, 0.65))
        )
        return Planned(
            index=i,
            archive="xeno_canto" if in_xeno_canto else "inaturalist",
            species=chosen,
            call=int(draw.random() < 0.4),
            recordist=recordist,
            date=str(day),
            time=f"{visit.integers(4, 22):02d}:{draw.integers(60):02d}",
            locality=site[0],
            country=site[1],
            latitude=site[2],
            longitude=site[3],
            duration_s=float(round(draw.uniform(1.6, 4.4), 2)),
            distance_m=float(round(np.exp(draw.uniform(np.log(8), np.log(90))), 1)),
            snr_db=float(round(draw.uniform(8, 28), 1)),
            noise=str(draw.choice(["", "", "stream", "wind", "hum"])),
            background=other if draw.random() < 0.2 and other is not chosen else None,
            sex=str(draw.choice(["male", "female", ""])),
            life_stage=str(draw.choice(["adult", "adult", "juvenile", ""])),
            sample_rate_hz=int(draw.choice([44100, 48000])),
            extension=str(draw.choice(formats, p=shares)),
            licence=str(draw.choice(["by-nc-sa", "by-nc", "by", "zero"], p=[0.5, 0.25, 0.15, 0.1])),
            dirt=dirt,
            seed=self.seed,
        )


def _moved(item: Planned) -> Planned:
    """The same recording on Xeno-canto's shelf: the second dump has no iNaturalist side."""
    return Planned(**{**vars(item), "archive": "xeno_canto"})
