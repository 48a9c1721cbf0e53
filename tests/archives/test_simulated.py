"""The made-up world: who is in it, that it is frozen, and that its dirt and its truth are there."""

import dataclasses
import json
import zipfile
from collections import Counter, defaultdict

import numpy as np
import pytest

from biolingual.archives.simulated import DIRT, World
from biolingual.archives.simulated_recording import audio_file, waveform
from biolingual.archives.simulated_voices import roster, voice
from biolingual.audio import UndecodableError, decode
from biolingual.parallel import Machine
from biolingual.records import Recording
from biolingual.storage import digest

FULL = World(2026, 1600)
NOT_CLEAN = ("dirt", "archive", "extension")  # what the dirt decides of a recording


def named(name: str) -> list:
    return FULL.dumps()[name]


def test_the_roster_has_36_species_and_2_that_only_the_second_dump_brings():
    assert Counter(species.first_dump for species in roster()) == {1: 36, 2: 2}
    assert len({species.scientific_name for species in roster()}) == 38


def test_every_species_of_the_first_dumps_is_heard_on_eight_recordist_days_or_more():
    days = defaultdict(set)
    for item in FULL.first:
        if not item.dirt:
            days[item.species.scientific_name].add((item.recordist, item.date))
    assert len(days) == 36 and min(map(len, days.values())) >= 8


def test_the_first_dumps_share_the_recordings_and_nothing_is_lost():
    indices = [item.index for item in named("xeno_canto-2026-01") + named("inaturalist-2026-01")]
    copies = sum(item.dirt == "duplicate" for item in FULL.first)
    assert set(indices) == set(range(1600)) and len(indices) == 1600 + copies


@pytest.mark.parametrize("kind", DIRT)
def test_the_dirt_is_in_the_world_once_for_every_200_recordings(kind):
    assert Counter(item.dirt for item in FULL.first)[kind] == 1600 // 200


def test_a_small_world_holds_every_kind_of_dirt():
    assert {item.dirt for item in World(7, 30).first} == {"", *DIRT}


def test_the_second_dump_overlaps_the_first_and_brings_new_species():
    first, second = named("xeno_canto-2026-01"), named("xeno_canto-2026-02")
    overlap = {item.index for item in first} & {item.index for item in second}
    new = {item.species.scientific_name for item in second} - {item.species.scientific_name for item in first}
    assert 0.05 < len(overlap) / len(first) < 0.15
    assert new == {"Ululoma levis", "Ziza autumnalis"}


def test_a_larger_world_begins_with_the_smaller_one_apart_from_dirt():
    smaller, larger = World(7, 60).first, World(7, 130).first
    unchanged = {name: None for name in NOT_CLEAN}
    for one, other in zip(smaller, larger, strict=False):
        if not one.dirt and not other.dirt:
            assert one == other
        assert dataclasses.replace(one, **unchanged) == dataclasses.replace(other, **unchanged)


def test_another_seed_is_another_world():
    one, other = World(1, 20).first, World(2, 20).first
    assert [item.recordist for item in one] != [item.recordist for item in other]
    assert voice(1, roster()[0], 0) != voice(2, roster()[0], 0)


@pytest.mark.parametrize("dump", World(3, 24).dumps())
def test_the_same_seed_writes_the_same_bytes(dump, tmp_path):
    for name in ("one", "two"):
        World(3, 24).write(dump, tmp_path / name, Machine(workers=1))
    assert digest(str(tmp_path / "one")) == digest(str(tmp_path / "two"))


def test_the_zip_does_not_tell_when_it_was_written(tmp_path):
    World(3, 12).write("inaturalist-2026-01", tmp_path, Machine(workers=1))
    with zipfile.ZipFile(tmp_path / "gbif-observations-dwca.zip") as archive:
        assert {info.date_time for info in archive.infolist()} == {(2026, 1, 5, 0, 0, 0)}


def test_the_same_recording_has_the_same_bytes_in_every_format():
    extensions = {item.extension for item in FULL.first}
    for extension in extensions:
        item = next(item for item in FULL.first if not item.dirt and item.extension == extension)
        assert audio_file(item) == audio_file(item)
    assert extensions == {"mp3", "wav", "WAV", "flac"}


def test_a_dump_that_the_world_does_not_hold_is_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match=r"'watkins-2031-01' is not one of \['animal_sound_archive-2026-01', 'inat"):
        World(3, 12).write("watkins-2031-01", tmp_path, Machine(workers=1))


def test_a_recording_holds_its_sound_at_its_rate_and_length():
    item = next(item for item in FULL.first if not item.dirt and item.extension == "flac")
    sound = decode(audio_file(item))
    assert sound.sample_rate_hz == item.sample_rate_hz
    assert sound.duration_s == pytest.approx(item.duration_s, abs=0.001)
    assert 0.19 < np.abs(sound.waveform).max() < 0.81


def dirty(kind: str):
    return next(item for item in FULL.first if item.dirt == kind)


def test_a_silent_recording_is_digital_silence():
    assert not waveform(dirty("silent")).any()


def test_an_html_page_stands_where_the_sound_should():
    with pytest.raises(UndecodableError, match="html_page"):
        decode(audio_file(dirty("html_page")))


def test_a_truncated_file_is_a_fifth_of_the_whole():
    item = dirty("truncated")
    whole = audio_file(dataclasses.replace(item, dirt=""))
    assert audio_file(item) == whole[: len(whole) // 5]


def test_a_duplicate_has_the_same_bytes_in_both_archives(tmp_path):
    world = World(7, 30)
    (copy,) = [item for item in world.first if item.dirt == "duplicate"]
    for dump in ("xeno_canto-2026-01", "inaturalist-2026-01"):
        world.write(dump, tmp_path / dump, Machine(workers=1))
    one = tmp_path / f"xeno_canto-2026-01/audio/XC{100000 + copy.index}.{copy.extension}"
    other = tmp_path / f"inaturalist-2026-01/sounds/{500000 + copy.index}.{copy.extension}"
    assert one.read_bytes() == other.read_bytes()


def test_the_pages_are_numbered_and_say_how_many_there_are(tmp_path):
    World(3, 12).write("xeno_canto-2026-01", tmp_path, Machine(workers=1))
    page = json.loads((tmp_path / "pages/page-0001.json").read_text(encoding="utf-8"))
    assert (page["page"], page["numPages"]) == (1, 1)
    assert int(page["numRecordings"]) == len(page["recordings"]) == len(World(3, 12).dumps()["xeno_canto-2026-01"])


@pytest.fixture(scope="module")
def soundscape() -> tuple[np.ndarray, list[dict]]:
    return World(7, 30).soundscape(1.0, rate=16000)


def test_the_events_of_a_soundscape_lie_inside_it_in_order_of_time(soundscape):
    samples, events = soundscape
    assert samples.shape == (60 * 16000,) and samples.dtype == np.float32 and np.abs(samples).max() <= 1
    assert all(0 <= event["start_s"] < event["end_s"] <= 60 for event in events)
    assert [event["start_s"] for event in events] == sorted(event["start_s"] for event in events)


def test_the_events_of_a_soundscape_name_species_of_the_first_dumps(soundscape):
    known = {(species.scientific_name, species.common_name) for species in roster() if species.first_dump == 1}
    named = {(event["scientific_name"], event["common_name"]) for event in soundscape[1]}
    assert len(named) > 1 and named <= known


def test_a_soundscape_is_louder_where_its_truth_says_that_something_calls(soundscape):
    samples, events = soundscape
    calling = np.zeros(len(samples), dtype=bool)
    for event in events:
        calling[round(event["start_s"] * 16000) : round(event["end_s"] * 16000)] = True
    assert (samples[calling] ** 2).mean() > 4 * (samples[~calling] ** 2).mean()


def test_each_soundscape_of_a_world_has_its_number(soundscape):
    again, _ = World(7, 30).soundscape(1.0, rate=16000)
    other, _ = World(7, 30).soundscape(1.0, rate=16000, number=1)
    assert np.array_equal(again, soundscape[0]) and not np.array_equal(other, soundscape[0])


def test_tables_only_gives_rows_that_are_recordings():
    rows = [Recording(**row) for row in World(2026, 1600).tables_only(1000)]
    assert len({row.recording_id for row in rows}) == len({row.audio_sha256 for row in rows}) == 1000
    assert all(row.origin == "simulated" and row.recording_id.startswith("simulated:") for row in rows)
    assert len({row.scientific_name for row in rows}) > 100
