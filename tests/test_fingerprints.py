"""A fingerprint survives what happens to sounds between archives, and tells apart what only sounds alike."""

import numpy as np
import pytest

from biolingual.fingerprints import HOP_S, RATE_HZ, Index, fingerprint, read, write
from tests import sound_variants
from tests.sound_variants import VARIANTS, measure, real, simulated


@pytest.fixture(scope="module")
def world():
    return simulated(40)


def noise(seconds: float, seed: int = 1, rate: int = RATE_HZ) -> np.ndarray:
    return (0.1 * np.random.Generator(np.random.PCG64(seed)).standard_normal(round(seconds * rate))).astype(np.float32)


def indexed(**sounds: np.ndarray) -> Index:
    index = Index()
    for name, sound in sounds.items():
        index.add(name, fingerprint(sound, RATE_HZ))
    return index


def test_there_is_one_word_for_each_hop_and_none_for_a_blip():
    assert len(fingerprint(noise(2.0), RATE_HZ)) == round((2.0 - 0.189) / HOP_S)
    assert len(fingerprint(noise(0.1), RATE_HZ)) == 0
    assert fingerprint(noise(1), RATE_HZ).dtype == np.uint32


def test_equal_sounds_have_equal_words_and_a_long_one_is_worked_on_in_blocks():
    sound = noise(60)
    whole = fingerprint(sound, RATE_HZ)
    assert np.array_equal(whole, fingerprint(sound.copy(), RATE_HZ))
    assert np.array_equal(whole[:40], fingerprint(sound[: 3 * RATE_HZ], RATE_HZ)[:40])
    assert np.array_equal(whole[1600:1640], fingerprint(sound[40 * RATE_HZ : 43 * RATE_HZ], RATE_HZ)[:40])


def test_a_gain_changes_no_word():
    sound = noise(3)
    assert np.array_equal(fingerprint(sound, RATE_HZ), fingerprint(sound * np.float32(0.25), RATE_HZ))


def test_a_match_says_where_the_sound_begins():
    index = indexed(tape=noise(30, 1), other=noise(30, 2))
    (cut,) = index.matches(fingerprint(noise(30, 1)[12 * RATE_HZ : 15 * RATE_HZ], RATE_HZ))
    assert (cut.id, cut.score, cut.offset_s) == ("tape", 1.0, 12.0)
    (whole,) = indexed(cut=noise(30, 1)[12 * RATE_HZ : 15 * RATE_HZ]).matches(fingerprint(noise(30, 1), RATE_HZ))
    assert (whole.id, whole.offset_s) == ("cut", -12.0)


def test_silence_and_strangers_match_nothing():
    index = indexed(noise=noise(5, 1), silence=np.zeros(5 * RATE_HZ, dtype=np.float32))
    assert index.matches(fingerprint(noise(5, 2), RATE_HZ)) == []
    assert index.matches(fingerprint(np.zeros(5 * RATE_HZ, dtype=np.float32), RATE_HZ)) == []
    assert Index().matches(fingerprint(noise(5), RATE_HZ)) == []


def test_a_sound_added_after_a_question_is_found():
    index = indexed(one=noise(2, 1))
    assert [match.id for match in index.matches(fingerprint(noise(2, 2), RATE_HZ))] == []
    index.add("two", fingerprint(noise(2, 2), RATE_HZ))
    assert [match.id for match in index.matches(fingerprint(noise(2, 2), RATE_HZ))] == ["two"]


def test_the_index_finds_what_comparing_every_pair_at_every_shift_finds(world):
    words = {name: fingerprint(one.waveform, one.sample_rate_hz) for name, one in world.items()}
    index = Index()
    for name, own in words.items():
        index.add(name, own)

    def alike(one: np.ndarray, other: np.ndarray) -> bool:
        for shift in range(-len(other) + 8, len(one) - 7):
            low, high = max(0, shift), min(len(one), shift + len(other))
            differ = np.bitwise_count(one[low:high] ^ other[low - shift : high - shift]).sum()
            if 1 - differ / (32 * (high - low)) >= 0.66 + 0.6 / (high - low) ** 0.5:
                return True
        return False

    for name in list(words)[:10]:
        changed = VARIANTS["Vorbis middle"](world[name])
        asked = fingerprint(changed.waveform, changed.sample_rate_hz)
        expected = {other for other, own in words.items() if alike(own, asked)}
        assert {match.id for match in index.matches(asked)} == expected == {name}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_simulated_sound_is_found_again_and_no_other(world, variant):
    table, alike = measure(world, [variant])
    assert alike == []
    assert table[variant]["recall"] >= (0.7 if "worst" in variant else 0.95) and table[variant]["precision"] == 1.0


@pytest.mark.parametrize("variant", ["MP3 middle", "Opus", "0.5 s off the front", "12 dB lower", "22.05 kHz"])
def test_a_real_sound_is_found_again_and_no_other(shared, variant):
    table, _ = measure(real(shared / "recordings", every=16), [variant])
    assert table[variant]["n"] > 20 and table[variant]["recall"] >= 0.9 and table[variant]["precision"] == 1.0


def test_the_printed_table_holds_every_variant(capsys, monkeypatch, world, tmp_path):
    few = dict(list(world.items())[:3])
    monkeypatch.setattr(sound_variants, "simulated", lambda n: few)
    monkeypatch.setattr(sound_variants, "SHARED", tmp_path / "nowhere")
    assert sound_variants.main() == 0
    printed = capsys.readouterr().out
    assert all(variant in printed for variant in VARIANTS) and "real: NOT RUN" in printed


def test_fingerprints_come_back_from_their_file(tmp_path):
    own = {"a": fingerprint(noise(2), RATE_HZ), "b": np.empty(0, dtype=np.uint32)}
    write(list(own.items()), tmp_path / "fingerprints.parquet")
    found = read(tmp_path / "fingerprints.parquet")
    assert list(found) == ["a", "b"] and all(np.array_equal(found[name], own[name]) for name in own)
