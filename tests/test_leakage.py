"""Planted leaks: the same sound by id, audio, another codec, a trim, a gain, and the same recordist's day, each is found."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from biolingual import assembly, fingerprints
from biolingual.audio import Sound, decode, sound_sha256
from biolingual.dataset.clean import both, dirty
from biolingual.dataset.firewall import alike, compare
from biolingual.dataset.overlaps import Overlap, read_items, within
from biolingual.records import BenchmarkItem, Pair, Recording, Rejected
from biolingual.tabular import read_json, rows, table, write_json, write_rows
from tests.made_pairs import pair
from tests.small_world import run
from tests.sound_variants import VARIANTS, cut, quieter
from tests.test_assembly import MANY, PARAMS, date_in, dump, recording, taken

RATE = 48000
CHANGED = {
    "same audio": lambda sound: sound,
    "another codec": VARIANTS["Vorbis middle"],
    "trimmed by 0.5 s": lambda sound: cut(sound, 0.5),
    "12 dB lower": quieter,
}


def sound(seed: int) -> Sound:
    """Five seconds of chirps over noise."""
    draw = np.random.Generator(np.random.PCG64(seed))
    at = np.arange(5 * RATE) / RATE
    tones = sum(
        np.sin(2 * np.pi * (f + 900 * np.sin(at * w)) * at) for f, w in draw.uniform((500, 1), (4000, 6), (4, 2))
    )
    pcm = np.round((0.1 * tones + 0.05 * draw.standard_normal(len(at))) * 32767)
    return Sound((pcm / 32767).astype(np.float32), RATE, 1)


def item(name: str, **fields: object) -> BenchmarkItem:
    return BenchmarkItem(task="cbi", item_id=f"cbi:{name}", split="test", labels=["a"], **fields)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory) -> tuple[Path, dict[str, Sound]]:
    """A folder benchmarks/ of six items, with the fingerprints of four; and our recordings' sounds."""
    folder = tmp_path_factory.mktemp("benchmarks")
    ours = {name: sound(seed) for seed, name in enumerate(CHANGED)}
    theirs = {name: CHANGED[name](one) for name, one in ours.items()}
    items = [item(name, audio_sha256=sound_sha256(one)) for name, one in theirs.items()]
    items.append(item("same id", source_id="xeno_canto:XC99"))
    items.append(item("same recordist and day", recorded_by=" ada  MARR", event_date="2024-05-01T06:10"))
    write_rows(items, BenchmarkItem, folder / "cbi.parquet")
    prints = [(f"cbi:{name}", fingerprints.fingerprint(one.waveform, RATE)) for name, one in theirs.items()]
    fingerprints.write(prints, folder / "fingerprints/cbi.parquet")
    return folder, ours


@pytest.fixture(scope="module")
def found(benchmark, tmp_path_factory):
    """(what met, the recordings): six that leak and two that do not."""
    folder, ours = benchmark
    many = [
        recording(name, archive="folder", audio_sha256=sound_sha256(one), recorded_by="") for name, one in ours.items()
    ]
    many.append(recording("same id", recording_id="xeno_canto:XC99"))
    many.append(recording("same recordist and day", archive="folder", recorded_by="Ada Marr"))
    strangers = [recording("stranger", archive="folder", recorded_by="Ada Marr", event_date="2024-05")]
    strangers.append(recording("other id", recording_id="xeno_canto:XC9", recorded_by="Bo"))
    manifest = tmp_path_factory.mktemp("manifest")
    prints = [(f"folder:{name}", fingerprints.fingerprint(one.waveform, RATE)) for name, one in ours.items()]
    prints.append(("folder:stranger", fingerprints.fingerprint(sound(77).waveform, RATE)))
    fingerprints.write(prints, manifest / "fingerprints.parquet")
    return compare(table([*many, *strangers], Recording), [manifest], folder, by_fingerprint=True), many


def test_each_planted_leak_is_found_by_its_key_and_nothing_else(found):
    met = {(one.item_id.removeprefix("cbi:"), one.key) for one in found[0].rows}
    by_print = {(name, "fingerprint") for name in CHANGED}
    assert met == {
        *by_print,
        ("same audio", "audio"),
        ("same id", "source_id"),
        ("same recordist and day", "recordist_day"),
    }
    assert all(one.recording_id.split(":")[-1] in ("XC99", one.item_id.removeprefix("cbi:")) for one in found[0].rows)


def test_what_leaks_leaves_train_with_its_reason_and_the_card_says_what_was_compared(found):
    met, many = found
    made = assembly.assemble([dump("d", *many)], PARAMS, met.rows)
    told = met.summary(made.rejected)["cbi"]
    left = {row["recording_id"] for row in made.rejected.to_pylist() if row["reason"] == "benchmark_overlap"}
    drawn = {
        one.recording_id
        for one in many
        if assembly.assemble([dump("d", one)], PARAMS).splits().keys() & {"train", "valid"}
    }
    assert left == drawn and told["left"] == len(left) > 3
    assert told["items"] == 6 and told["compared"] == {"source_id": 1, "audio": 4, "recordist_day": 1, "fingerprint": 4}
    assert told["found"] == {"source_id": 1, "audio": 1, "fingerprint": 4, "recordist_day": 1}


def test_a_cut_of_a_benchmarks_source_is_found_by_the_source(benchmark):
    one = recording("cut", archive="folder", source_recording="xeno_canto:XC99")
    assert [row.key for row in compare(table([one], Recording), [], benchmark[0], by_fingerprint=True).rows] == [
        "source_id"
    ]


def test_a_simulated_recording_is_compared_by_the_id_it_would_have(benchmark):
    one = recording("XC99", recording_id="simulated:xeno_canto:XC99", origin="simulated")
    assert len(compare(table([one], Recording), [], benchmark[0], by_fingerprint=True).rows) == 1


def test_without_manifests_nothing_is_compared(tmp_path):
    assert read_items(tmp_path).num_rows == 0
    assert compare(table([recording("1")], Recording), [], tmp_path, by_fingerprint=True).rows == []


def test_a_manifest_that_is_none_is_refused_by_name(tmp_path):
    write_rows([], Recording, tmp_path / "birds.parquet")
    with pytest.raises(ValueError, match=r"birds.parquet does not hold BenchmarkItem rows"):
        read_items(tmp_path)


def test_a_copy_in_another_codec_is_a_duplicate_across_dumps(benchmark, tmp_path):
    _, ours = benchmark
    one = ours["another codec"]
    copies = {"folder:a": one, "inaturalist:7": VARIANTS["Opus"](one)}
    prints = [(name, fingerprints.fingerprint(part.waveform, part.sample_rate_hz)) for name, part in copies.items()]
    fingerprints.write(prints, tmp_path / "fingerprints.parquet")
    two = [recording("a", archive="folder"), recording("7", archive="inaturalist")]
    like = alike(table(two, Recording), [tmp_path], by_fingerprint=True)
    made = assembly.assemble([dump("d", *two)], PARAMS, [], like)
    assert [one["reason"] for one in made.rejected.to_pylist()] == ["duplicate_fingerprint"]


def test_own_tests_say_how_many_share_a_recordists_day_with_train():
    train = recording("1", event_date=date_in("train"), locality_coarse="Here")
    days = [recording(f"t{n}", event_date=date_in("train"), locality_coarse=f"Place {n}") for n in range(40)]
    made = assembly.assemble([dump("d", train, *days)], PARAMS)
    told = within(made.recordings)["test_seen"]
    assert told["recordings"] == told["recordist_day"] > 0 and told["audio"] == told["source_id"] == 0


@settings(max_examples=25, deadline=None)
@given(dumps=st.permutations(MANY), leaks=st.sets(st.sampled_from(range(12)), max_size=6))
def test_a_benchmark_takes_from_train_and_moves_nothing(dumps, leaks):
    met = [
        Overlap(
            recording_id=f"{('xeno_canto', 'inaturalist')[n % 2]}:{n}",
            task="t",
            item_id="t:1",
            item_split="test",
            key="audio",
        )
        for n in leaks
    ]
    made = assembly.assemble(dumps, PARAMS, met)
    before = taken(rows(assembly.assemble(dumps, PARAMS).pairs(), Pair))
    after = taken(rows(made.pairs(), Pair))
    assert after.items() <= before.items()
    left = {(one.recording_id, one.reason) for one in rows(made.rejected, Rejected)}
    assert not {one.recording_id for one in met} & {
        name for name, split in after.items() if split in ("train", "valid")
    }
    assert {(name, "benchmark_overlap") for name in before.keys() - after.keys()} <= left


def test_the_command_that_writes_a_manifest_writes_its_fingerprints_too(tmp_path):
    (tmp_path / "set/audio").mkdir(parents=True)
    for split in ("train", "valid", "test"):
        one = sound(len(split))
        soundfile.write(tmp_path / f"set/audio/{split}.wav", one.waveform, RATE, subtype="PCM_16")
        (tmp_path / f"set/{split}.csv").write_text(f"path,label\naudio/{split}.wav,a\n")
    root = Path(__file__).resolve().parents[1]
    words = ["--task", "own", "--data", str(tmp_path / "set"), "--manifest", str(tmp_path / "out/own.parquet")]
    done = run(root, sys.executable, "-m", "stages.benchmark", *words)
    assert done.returncode == 0, done.stderr
    (item_of_test,) = [one for one in rows(tmp_path / "out/own.parquet", BenchmarkItem) if one.split == "test"]
    prints = fingerprints.read(tmp_path / "out/fingerprints/own.parquet")
    own = decode((tmp_path / "set/audio/test.wav").read_bytes())
    assert np.array_equal(prints[item_of_test.item_id], fingerprints.fingerprint(own.waveform, RATE))


def test_json_of_the_card_is_plain(found, tmp_path):
    write_json({"benchmarks": found[0].summary(assembly.assemble([], PARAMS).rejected)}, tmp_path / "card.json")
    assert read_json(tmp_path / "card.json")["benchmarks"]["cbi"]["left"] == 0


def test_a_score_is_given_over_all_items_and_over_the_clean_ones():
    import pyarrow as pa

    day = {"recorded_by": "Ada", "event_date": date_in("train")}
    pairs = [
        pair("x:1", split="train", **day),
        pair("x:2", split="test_seen", **day),
        pair("x:3", split="test_seen", recorded_by="Bo", event_date="2024-01-01"),
    ]
    met = [Overlap(recording_id="x:1", task="cbi", item_id="cbi:a.wav", item_split="test", key="audio")]
    unclean = dirty(table(pairs, Pair), table(met, Overlap))
    assert unclean == {"x:2", "cbi:a.wav"}
    names = ["x:2#0", "x:3", "cbi:a.wav", "cbi:b.wav"]
    items = pa.table({"origin": ["real"] * 4, "item": names, "unit": names, "value": [1.0, 0.0, 1.0, 0.5]})
    assert both(items, unclean) == {"real": {"all": 0.625, "clean": 0.25, "n": 4, "n_clean": 2}}
