"""A dump becomes recordings and reasons, none lost, the same bytes each time."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from biolingual import fingerprints
from biolingual.archives.simulated import Planned, World
from biolingual.audio import from_flac
from biolingual.duplicates import Duplicate, duplicates
from biolingual.ingestion import ingest, verified
from biolingual.parallel import Machine
from biolingual.params import DumpRow, IngestParams
from biolingual.records import Clip, Recording, Rejected
from biolingual.shard_reader import Shards
from biolingual.storage import digest, file_digests
from biolingual.tabular import read_json, rows
from tests.archives.made_dumps import REASONS as OF_ANY_DUMP

WORLD = World(7, 30)
DUMPS = ("xeno_canto-2026-01", "inaturalist-2026-01")
REASONS = {**OF_ANY_DUMP, "withheld": "withheld"}
PARAMS = IngestParams(
    sample_rate_hz=48000,
    clip_duration_s=2,
    max_clips_per_recording=2,
    min_duration_s=0.1,
    silence_dbfs=-70.0,
    truncated_share=0.5,
    allow_noncommercial=True,
    allow_noderivatives=False,
    shard_size_mb=1,
)


def row_of(dump: str, **changes: str) -> DumpRow:
    values = {"archive": dump.partition("-")[0], "origin": "simulated", "source": "", "digest": ""}
    return DumpRow(**{**values, "checklist": "simulated-1", "default_license": "", **changes})


def run(dump: str, source: Path, out: Path, workers: int = 1, **changes: str) -> dict:
    """Ingest a dump into out/manifests and out/sounds."""
    machine = Machine(workers=workers)
    row = row_of(dump, **changes)
    return ingest(dump, row, PARAMS, str(source), out / "manifests" / dump, out / "sounds" / dump, machine)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """The two first dumps of a small world, each in a folder of its name."""
    folder = tmp_path_factory.mktemp("dumps")
    for dump in DUMPS:
        WORLD.write(dump, folder / dump, Machine(workers=1))
    return folder


@pytest.fixture(scope="module")
def house(world, tmp_path_factory) -> Path:
    """What ingest makes of them: manifests/<dump> and sounds/<dump>."""
    folder = tmp_path_factory.mktemp("house")
    for dump in DUMPS:
        run(dump, world / dump, folder)
    return folder


def recordings(house: Path, dump: str) -> dict[str, Recording]:
    return {one.recording_id: one for one in rows(house / "manifests" / dump / "recordings.parquet", Recording)}


def rejected(house: Path, dump: str) -> dict[str, Rejected]:
    return {one.recording_id: one for one in rows(house / "manifests" / dump / "rejected.parquet", Rejected)}


def clips(house: Path, dump: str) -> list[Clip]:
    return rows(house / "manifests" / dump / "clips.parquet", Clip)


def id_of(item: Planned, dump: str) -> str:
    if dump.startswith("xeno_canto"):
        return f"simulated:xeno_canto:XC{100000 + item.index}"
    return f"simulated:inaturalist:sound-{500000 + item.index}"


@pytest.mark.parametrize("dump", DUMPS)
def test_every_input_record_ends_as_a_recording_or_as_a_reason(house, dump):
    taken, refused = recordings(house, dump), rejected(house, dump)
    assert not set(taken) & set(refused)
    assert set(taken) | set(refused) == {id_of(item, dump) for item in WORLD.dumps()[dump]}


@pytest.mark.parametrize("dump", DUMPS)
def test_every_piece_of_dirt_is_refused_for_its_reason_and_nothing_else_is(house, dump):
    expected = {id_of(item, dump): REASONS[item.dirt] for item in WORLD.dumps()[dump] if item.dirt in REASONS}
    assert expected and {name: one.reason for name, one in rejected(house, dump).items()} == expected


def test_all_kinds_of_dirt_were_met():
    assert {item.dirt for dump in DUMPS for item in WORLD.dumps()[dump]} == {"", "duplicate", *REASONS}


def test_a_rejected_row_says_where_and_what_was_found(house):
    by_reason = {one.reason: one for one in rejected(house, DUMPS[0]).values()}
    one = by_reason["licence_no_derivatives"]
    assert (one.dump, one.stage) == (DUMPS[0], "ingest")
    assert one.detail == "licence as given: https://creativecommons.org/licenses/by-nc-nd/4.0/"
    assert "declared" in by_reason["truncated"].detail


@pytest.mark.parametrize("dump", DUMPS)
def test_a_recording_tells_the_world_it_was_made_from(house, dump):
    taken = recordings(house, dump)
    for item in WORLD.dumps()[dump]:
        if item.dirt in REASONS:
            continue
        one = taken[id_of(item, dump)]
        assert (one.scientific_name, one.common_name) == (item.species.scientific_name, item.species.common_name)
        assert (one.family, one.rank, one.checklist) == (item.species.family, "species", "simulated")
        assert (one.origin, one.dump, one.archive) == ("simulated", dump, dump.partition("-")[0])
        assert (one.recorded_by, one.event_date, one.behavior) == (item.recordist, item.date, item.behavior)
        assert (one.source_sample_rate_hz, one.channels) == (item.sample_rate_hz, 1)
        assert one.duration_s == pytest.approx(item.duration_s, abs=0.1)


def test_licences_are_normalised_and_kept_as_given(house):
    for one in recordings(house, DUMPS[1]).values():
        assert one.license.startswith("CC") and one.license_source.startswith("http://creativecommons.org/")


def test_the_copy_in_the_other_archive_is_taken_and_has_the_same_audio(house):
    (copy,) = [item for item in WORLD.first if item.dirt == "duplicate"]
    one, other = (recordings(house, dump)[id_of(copy, dump)] for dump in DUMPS)
    assert one.audio_sha256 == other.audio_sha256


@pytest.mark.parametrize("dump", DUMPS)
def test_every_clip_is_found_at_its_address_and_has_its_length(house, dump):
    taken = recordings(house, dump)
    for clip in clips(house, dump):
        waveform = from_flac(Shards(str(house / "sounds")).read(SimpleNamespace(dump=dump, **vars(clip))))
        assert len(waveform) == round(clip.duration_s * PARAMS.sample_rate_hz)
        assert 0 <= clip.offset_s <= clip.offset_s + clip.duration_s <= taken[clip.recording_id].duration_s + 0.001


@pytest.mark.parametrize("dump", DUMPS)
def test_every_recording_has_one_or_two_clips_named_after_it(house, dump):
    named = [clip.clip_id for clip in clips(house, dump)]
    assert len(named) == len(set(named))
    for recording_id in recordings(house, dump):
        own = [clip.clip_id for clip in clips(house, dump) if clip.recording_id == recording_id]
        assert own in ([f"{recording_id}#0"], [f"{recording_id}#0", f"{recording_id}#1"])


@pytest.mark.parametrize("dump", DUMPS)
def test_the_counts_are_those_of_the_tables(house, dump):
    counts = read_json(house / "manifests" / dump / "ingest.json")
    taken = recordings(house, dump)
    assert counts["recordings"] == len(taken) and counts["rejected"] == len(rejected(house, dump))
    assert counts["clips"] == len(clips(house, dump))
    assert counts["hours"] == pytest.approx(sum(one.duration_s for one in taken.values()) / 3600, abs=1e-4)


@pytest.mark.parametrize("dump", DUMPS)
def test_every_recording_has_its_fingerprint(house, dump):
    found = fingerprints.read(house / "manifests" / dump / "fingerprints.parquet")
    assert list(found) == list(recordings(house, dump)) and all(len(words) > 20 for words in found.values())


def test_the_copy_in_the_other_archive_is_found_by_its_fingerprint_alone(house):
    (copy,) = [item for item in WORLD.first if item.dirt == "duplicate"]
    taken = [one for dump in DUMPS for one in recordings(house, dump).values()]
    words = {}
    for dump in DUMPS:
        words |= fingerprints.read(house / "manifests" / dump / "fingerprints.parquet")
    found = duplicates([replace(one, audio_sha256="") for one in taken], words)
    expected = Duplicate(id_of(copy, DUMPS[1]), id_of(copy, DUMPS[0]), "fingerprint")
    assert found == [expected]


@pytest.mark.parametrize("dump", DUMPS)
def test_every_shard_is_pinned_by_its_hashes(house, dump):
    shards = read_json(house / "manifests" / dump / "ingest.json")["shards"]
    assert len(shards) > 1  # of 1 MB each
    found = {name: file_digests(str(house / "sounds" / dump / name)) for name in shards}
    assert shards == {name: sha for name, (sha, _) in found.items()}
    assert {(clip.shard, clip.shard_sha256, clip.shard_md5) for clip in clips(house, dump)} == {
        (name, *hashes) for name, hashes in found.items()
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_a_second_run_with_any_number_of_workers_gives_the_same_bytes(house, world, tmp_path, workers):
    dump = DUMPS[0]
    run(dump, world / dump, tmp_path, workers=workers)
    assert files(tmp_path / "manifests" / dump) == files(house / "manifests" / dump)
    assert files(tmp_path / "sounds" / dump) == files(house / "sounds" / dump)


def test_nothing_but_the_shards_and_the_manifest_is_written(house):
    assert sorted(path.name for path in (house / "sounds").iterdir()) == sorted(DUMPS)
    assert sorted(files(house / "manifests" / DUMPS[0])) == [
        "clips.parquet",
        "fingerprints.parquet",
        "ingest.json",
        "recordings.parquet",
        "rejected.parquet",
    ]


def test_a_dump_that_changed_since_it_was_added_is_refused_with_both_digests(world, tmp_path):
    with pytest.raises(ValueError, match=r"has changed since it was added \(sha256:\w+, params\.yaml says sha256:0\)"):
        run(DUMPS[0], world / DUMPS[0], tmp_path, digest="sha256:0")
    assert list(tmp_path.iterdir()) == []


def test_a_dump_with_its_digest_is_taken(world):
    source = str(world / DUMPS[1])
    assert verified("d", row_of(DUMPS[1], digest=digest(source)), source) == (source, digest(source))


def test_a_dump_that_is_not_there_says_what_to_do(tmp_path):
    with pytest.raises(ValueError, match=r"dump d: .*nowhere does not exist\. Fix `source` in params\.yaml or restore"):
        verified("d", row_of(DUMPS[0]), str(tmp_path / "nowhere"))


def test_a_json_of_a_dump_leads_to_where_it_lies(world, tmp_path):
    (tmp_path / "d.json").write_text(json.dumps({"source": str(world / DUMPS[1])}))
    assert verified("d", row_of(DUMPS[1]), str(tmp_path / "d.json"))[0] == str(world / DUMPS[1])


def test_the_dump_of_another_archive_leaves_nothing_behind(world, tmp_path):
    with pytest.raises(ValueError, match=r"has no pages/\*\.json"):
        run(DUMPS[0], world / DUMPS[1], tmp_path)
    assert files(tmp_path) == {}


@pytest.fixture
def broken(world, tmp_path) -> Path:
    """A dump whose second page is an error answer."""
    source = tmp_path / "broken"
    shutil.copytree(world / DUMPS[0], source)
    (source / "pages" / "page-0002.json").write_text('{"message": "quota exceeded"}')
    return source


def test_a_dump_that_fails_while_it_is_read_gives_no_manifest_and_no_sounds(broken, tmp_path):
    with pytest.raises(ValueError, match="is an error answer, not a page: quota exceeded"):
        run(DUMPS[0], broken, tmp_path / "out")
    assert not (tmp_path / "out/manifests").exists() and not (tmp_path / "out/sounds" / DUMPS[0]).exists()


def test_a_dump_that_fails_leaves_what_a_former_run_made(house, broken, tmp_path):
    shutil.copytree(house, tmp_path / "out")
    with pytest.raises(ValueError, match="quota exceeded"):
        run(DUMPS[0], broken, tmp_path / "out")
    for part in (f"manifests/{DUMPS[0]}", f"sounds/{DUMPS[0]}"):
        assert files(tmp_path / "out" / part) == files(house / part)


def own_folder(folder: Path, lines: list[str], sounds: dict[str, np.ndarray]) -> Path:
    """A user's folder: metadata.csv of `file,species,label,license` and WAVs of 8 kHz."""
    folder.mkdir()
    (folder / "metadata.csv").write_text("\n".join(["file,species,label,license", *lines]) + "\n")
    for name, samples in sounds.items():
        soundfile.write(folder / name, samples, 8000)
    return folder


def noise(seconds: float) -> np.ndarray:
    return 0.1 * np.random.Generator(np.random.PCG64(1)).standard_normal(round(seconds * 8000))


def outcomes(folder: Path, out: Path) -> tuple[dict[str, Recording], list[tuple[str, str]]]:
    """({id: recording}, [(id, reason)]) of a user's folder without a checklist."""
    run("mine", folder, out, archive="folder", origin="real", checklist="")
    refused = rows(out / "manifests" / "mine" / "rejected.parquet", Rejected)
    return recordings(out, "mine"), [(one.recording_id, one.reason) for one in refused]


def test_a_users_recordings_are_named_after_their_dump_and_file(tmp_path):
    folder = own_folder(tmp_path / "in", ["a.wav,Turdus merula,,CC0"], {"a.wav": noise(1)})
    taken, refused = outcomes(folder, tmp_path)
    assert (list(taken), refused) == (["folder:mine/a.wav"], [])
    assert taken["folder:mine/a.wav"].scientific_name == "Turdus merula"


def test_a_file_is_refused_for_what_is_wrong_with_it(tmp_path):
    lines = [f"{name}.wav,Turdus merula,,CC0" for name in ("blip", "none", "gone")]
    lines += ["no-name.wav,,,CC0", "no-licence.wav,Turdus merula,,?"]
    lengths_s = {"blip": 0.05, "no-name": 1, "no-licence": 1, "extra": 1}
    sounds = {f"{name}.wav": noise(seconds) for name, seconds in lengths_s.items()}
    folder = own_folder(tmp_path / "in", lines, sounds)
    (folder / "none.wav").write_bytes(b"")
    taken, refused = outcomes(folder, tmp_path)
    assert taken == {}
    assert refused == [
        ("folder:mine/blip.wav", "too_short"),
        ("folder:mine/extra.wav", "no_metadata_row"),
        ("folder:mine/gone.wav", "audio_missing"),
        ("folder:mine/no-licence.wav", "licence_missing_or_unknown"),
        ("folder:mine/no-name.wav", "name_missing"),
        ("folder:mine/none.wav", "empty_file"),
    ]


def test_a_common_name_alone_is_a_name(tmp_path):
    folder = own_folder(tmp_path / "in", ["a.wav,,bat,CC0"], {"a.wav": noise(1)})
    (one,) = outcomes(folder, tmp_path)[0].values()
    assert (one.common_name, one.scientific_name, one.rank) == ("bat", "", "")


def test_the_second_row_of_one_file_is_a_duplicate(tmp_path):
    lines = ["a.wav,Turdus merula,,CC0", "a.wav,Parus major,,CC0"]
    taken, refused = outcomes(own_folder(tmp_path / "in", lines, {"a.wav": noise(1)}), tmp_path)
    assert (len(taken), refused) == (1, [("folder:mine/a.wav", "duplicate_id_in_dump")])


def test_of_a_long_recording_the_liveliest_windows_are_kept(tmp_path):
    samples = 0.001 * noise(10)
    samples[4 * 8000 : 5 * 8000] = noise(1)
    folder = own_folder(tmp_path / "in", ["a.wav,Turdus merula,,CC0"], {"a.wav": samples})
    outcomes(folder, tmp_path)
    best = max(clips(tmp_path, "mine"), key=lambda clip: clip.activity)
    assert best.offset_s <= 4 and best.offset_s + best.duration_s >= 5 and best.duration_s == 2
