"""One sound in two archives is one recording with all its names; a cut is none."""

import numpy as np
import pytest

from biolingual.duplicates import Duplicate, duplicates, sound_id, taxon_links
from biolingual.fingerprints import RATE_HZ, fingerprint
from biolingual.records import Recording


def recording(recording_id: str, **fields) -> Recording:
    given = {"origin": "real", "dump": "d", "archive": recording_id.partition(":")[0], "duration_s": 5.0}
    return Recording(recording_id=recording_id, **{**given, **fields})


def noise(seconds: float, seed: int) -> np.ndarray:
    draw = np.random.Generator(np.random.PCG64(seed))
    return (0.1 * draw.standard_normal(round(seconds * RATE_HZ))).astype(np.float32)


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (recording("xeno_canto:XC254462"), "xeno_canto:254462"),
        (recording("simulated:xeno_canto:XC100001"), "xeno_canto:100001"),
        (recording("folder:mine/birds/XC254462 - Lazuli Bunting.mp3"), "xeno_canto:254462"),
        (recording("folder:birdclef/XC254462.ogg"), "xeno_canto:254462"),
        (recording("darwin_core:1", url="https://xeno-canto.org/254462"), "xeno_canto:254462"),
        (recording("darwin_core:1", url="https://www.xeno-canto.org/254462/download"), "xeno_canto:254462"),
        (recording("darwin_core:1", url="//xeno-canto.org/sounds/uploaded/ABCDEFGHIJ/XC9-a.mp3"), "xeno_canto:9"),
        (recording("animalspeak_release:7", source_recording="xeno_canto:XC9"), "xeno_canto:9"),
        (recording("inaturalist:sound-389104"), "inaturalist:389104"),
        (recording("darwin_core:1", url="https://www.inaturalist.org/sounds/389104"), "inaturalist:389104"),
        (
            recording("darwin_core:1", url="https://static.inaturalist.org/sounds/17376.m4a?1516933705"),
            "inaturalist:17376",
        ),
        (recording("folder:insectset/IN110939569_389104.wav"), "inaturalist:389104"),
        # An observation is no sound: one has many.
        (recording("darwin_core:1", url="https://www.inaturalist.org/observations/110939569"), ""),
        (recording("folder:mine/EXC254462.wav"), ""),
        (recording("folder:mine/2023-05-01.wav", url="https://example.org/254462"), ""),
        (recording("watkins:9220100Q"), ""),
    ],
)
def test_the_archives_own_sound_id_is_read_from_wherever_it_stands(one, expected):
    assert sound_id(one) == expected


def test_the_id_comes_before_the_audio_and_the_audio_before_the_fingerprint():
    sound = fingerprint(noise(5, 1), RATE_HZ)
    original = recording("xeno_canto:XC1", audio_sha256="a")
    copies = [
        recording("darwin_core:x", url="https://xeno-canto.org/1", audio_sha256="a"),
        recording("folder:m/copy.wav", audio_sha256="a"),
        recording("folder:m/other.mp3", audio_sha256="b"),
        recording("folder:m/stranger.mp3", audio_sha256="c"),
    ]
    words = {one.recording_id: sound for one in [original, *copies[:3]]}
    words["folder:m/stranger.mp3"] = fingerprint(noise(5, 2), RATE_HZ)
    assert duplicates([original, *copies], words) == [
        Duplicate("darwin_core:x", "xeno_canto:XC1", "sound_id"),
        Duplicate("folder:m/copy.wav", "xeno_canto:XC1", "audio"),
        Duplicate("folder:m/other.mp3", "xeno_canto:XC1", "fingerprint"),
    ]


def test_who_comes_first_is_kept_whatever_the_order():
    sounds = [recording("watkins:1", audio_sha256="a"), recording("folder:m/1.wav", audio_sha256="a")]
    assert [(one.recording_id, one.of) for one in duplicates(sounds, {})] == [("folder:m/1.wav", "watkins:1")]
    assert [(one.recording_id, one.of) for one in duplicates(sounds[::-1], {})] == [("watkins:1", "folder:m/1.wav")]


def test_the_copy_of_a_copy_points_at_the_first():
    first = recording("xeno_canto:XC1", audio_sha256="a")
    second = recording("darwin_core:x", url="https://xeno-canto.org/1", audio_sha256="b")
    third = recording("folder:m/b.wav", audio_sha256="b")
    found = duplicates([first, second, third], {})
    assert [(one.recording_id, one.of, one.reason) for one in found] == [
        ("darwin_core:x", "xeno_canto:XC1", "sound_id"),
        ("folder:m/b.wav", "xeno_canto:XC1", "audio"),
    ]


def test_a_cut_under_the_id_of_the_whole_is_no_copy_and_neither_are_two_cuts():
    whole = recording("xeno_canto:XC7", duration_s=60.0)
    cuts = [
        recording(f"folder:m/XC7-{i}.wav", duration_s=3.0 + i / 10, source_recording="xeno_canto:XC7") for i in (1, 2)
    ]
    assert duplicates([whole, *cuts], {}) == [] == duplicates([*cuts, whole], {})


def test_a_part_of_a_tape_is_told_as_such_with_its_place_and_stays():
    tape = noise(30, 3)
    words = {
        "watkins:1": fingerprint(tape, RATE_HZ),
        "folder:m/1.wav": fingerprint(tape[8 * RATE_HZ : 12 * RATE_HZ], RATE_HZ),
    }
    (found,) = duplicates([recording(name) for name in words], words)
    assert found == Duplicate("folder:m/1.wav", "watkins:1", "overlap", 1.0, 8.0)
    assert not found.same


def test_a_kept_recording_keeps_every_name_it_was_given_anywhere():
    given = [
        recording("xeno_canto:XC1", scientific_name="Accipiter gentilis", checklist="ioc", audio_sha256="a"),
        recording("darwin_core:x", scientific_name="Astur gentilis", checklist="col", audio_sha256="a"),
        recording("inaturalist:sound-3", scientific_name="Accipiter gentilis", checklist="ioc", audio_sha256="a"),
        recording("inaturalist:sound-4", scientific_name="Parus major", audio_sha256="b"),
    ]
    links = taxon_links(given, duplicates(given, {}))
    assert {name: [(one.scientific_name, one.recording_id) for one in found] for name, found in links.items()} == {
        "xeno_canto:XC1": [("Accipiter gentilis", "xeno_canto:XC1"), ("Astur gentilis", "darwin_core:x")],
        "inaturalist:sound-4": [("Parus major", "inaturalist:sound-4")],
    }
