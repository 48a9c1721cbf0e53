"""What is withdrawn is gone from manifest and shards, with its reason, and no other shard changes a byte."""

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from biolingual.ingestion import ingest
from biolingual.parallel import Machine
from biolingual.params import DumpRow
from biolingual.recheck import recheck
from biolingual.records import Clip, Recording, Rejected
from biolingual.shard_reader import Shards
from biolingual.shards import ShardWriter
from biolingual.tabular import rows
from biolingual.tombstones import SteadyShards, add, read

ROOT = Path(__file__).resolve().parents[1]
ROW = DumpRow(archive="folder", origin="real", source="", digest="", checklist="", default_license="own")


@pytest.fixture(scope="module")
def sounds(tmp_path_factory):
    """Forty-eight sounds of one clip each, 0.19 MB a clip: eight shards of a megabyte."""
    folder = tmp_path_factory.mktemp("sounds")
    for number in range(48):
        noise = 0.3 * np.random.default_rng(number).standard_normal(2 * 48000)
        soundfile.write(folder / f"{number:02d}.wav", noise.clip(-1, 1), 48000)
    lines = "".join(f"{number:02d}.wav,Turdus merula\n" for number in range(48))
    (folder / "metadata.csv").write_text(f"file,species\n{lines}")
    return folder


@pytest.fixture(scope="module")
def run(sounds, tmp_path_factory, params):
    """Ingests with these ids withdrawn; returns (counts, folder of the manifest, folder of the shards)."""
    small = params.ingest.model_copy(update={"shard_size_mb": 1})

    def act(*withdrawn):
        out = tmp_path_factory.mktemp("out")
        add(out / "d.csv", withdrawn, "2026-11-21", "asked for by the recordist")
        counts = ingest("d", ROW, small, str(sounds), out / "m", out / "s" / "d", Machine(workers=1), out / "d.csv")
        return counts, out / "m", out / "s"

    return act


@pytest.fixture(scope="module")
def before(run):
    return run()


def shards_of(manifests, identity):
    return {clip.shard for clip in rows(manifests / "clips.parquet", Clip) if clip.recording_id == identity}


@pytest.mark.parametrize("numbers", [[0], [7], [47], [4, 30], list(range(5, 20))])
def test_only_the_shards_that_held_the_clips_change(run, before, numbers):
    gone = [f"folder:d/{number:02d}.wav" for number in numbers]
    counts, manifests, _ = run(*gone)
    held = set().union(*(shards_of(before[1], one) for one in gone))
    old, new = before[0]["shards"], counts["shards"]
    assert set(old) == set(new) and len(old) == 8
    assert {name for name in old if old[name] != new[name]} == held
    assert counts["recordings"] == 48 - len(gone)
    assert {one.recording_id for one in rows(manifests / "recordings.parquet", Recording)}.isdisjoint(gone)


def test_the_reason_stands_in_the_manifest_and_the_sound_in_no_shard(run):
    _, manifests, shards = run("folder:d/07.wav")
    (row,) = rows(manifests / "rejected.parquet", Rejected)
    assert (row.recording_id, row.reason) == ("folder:d/07.wav", "withdrawn")
    assert row.detail == "2026-11-21: asked for by the recordist"
    clips = rows(manifests / "clips.parquet", Clip)
    assert len(clips) == 47 and all(clip.recording_id != row.recording_id for clip in clips)
    stored = []
    for path in (shards / "d").iterdir():
        with tarfile.open(path) as tar:
            stored += tar.getnames()
    assert len(stored) == 47 and f"{hashlib.sha256(b'folder:d/07.wav#0').hexdigest()[:24]}.flac" not in stored


def test_the_clips_that_stay_are_found_where_the_manifest_says(run, sounds, params):
    _, manifests, shards = run("folder:d/07.wav", "folder:d/08.wav")
    small = params.ingest.model_copy(update={"shard_size_mb": 1})
    assert recheck("d", ROW, small, str(sounds), manifests, Shards(str(shards)), 48) == (48, "")


def test_an_id_that_the_dump_does_not_hold_is_an_error_not_a_silence(run):
    with pytest.raises(ValueError, match=r"d\.csv names folder:d/77\.wav, which dump d does not hold"):
        run("folder:d/07.wav", "folder:d/77.wav")


def test_a_shard_whose_every_clip_is_withdrawn_keeps_its_place(tmp_path):
    plain, steady = ShardWriter(tmp_path / "a", 3000), SteadyShards(tmp_path / "b", 3000)
    for name in "abcdef":
        plain.add(name, b"x" * 600)
        steady.leave_out(600) if name in "cd" else steady.add(name, b"x" * 600)
    old, new = plain.close(), steady.close()
    assert [name for name in old if old[name] != new[name]] == ["shard-00001.tar"] and set(old) == set(new)


def test_without_tombstones_shards_are_as_they_always_were(tmp_path):
    plain, steady = ShardWriter(tmp_path / "a", 5000), SteadyShards(tmp_path / "b", 5000)
    members = [(plain.add(str(one), b"x" * 300 * one), steady.add(str(one), b"x" * 300 * one)) for one in range(1, 30)]
    assert all(first == second for first, second in members) and plain.close() == steady.close()


def test_an_empty_file_withdraws_nothing_and_a_second_request_adds_no_second_row(tmp_path):
    (tmp_path / "d.csv").write_text("")
    assert read(tmp_path / "d.csv") == {}
    assert add(tmp_path / "d.csv", ["a", "b", "a"], "2026-11-21", 'he said "no", so') == ["a", "b"]
    assert add(tmp_path / "d.csv", ["b", "c"], "2026-11-22", "again") == ["c"]
    assert read(tmp_path / "d.csv") == {
        "a": '2026-11-21: he said "no", so',
        "b": '2026-11-21: he said "no", so',
        "c": "2026-11-22: again",
    }


@pytest.mark.parametrize("text", ["id,date\na,b\n", "recording_id,withdrawn_on,reason\n,2026,x\n", "a\nb\n"])
def test_another_table_is_told_from_a_list_of_tombstones(tmp_path, text):
    (tmp_path / "d.csv").write_text(text)
    with pytest.raises(ValueError, match=r"d\.csv"):
        read(tmp_path / "d.csv")


def test_the_command_takes_only_ids_of_the_dump(tmp_path, run, before):
    (tmp_path / "data/manifests").mkdir(parents=True)
    (tmp_path / "data/manifests/d").symlink_to(before[1])

    def withdraw(*words):
        done = subprocess.run(
            [sys.executable, "-m", "biolingual.cli", "withdraw", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    code, told = withdraw("d", "folder:d/07.wav", "--reason", "asked for")
    assert code == 0 and "dvc repro ingest@d" in told
    assert list(read(tmp_path / "tombstones/d.csv")) == ["folder:d/07.wav"]
    code, told = withdraw("d", "folder:d/99.wav", "--reason", "asked for")
    assert code == 1 and "folder:d/99.wav" in told and told.count("\n") == 1


@pytest.mark.slow
def test_in_the_graph_a_withdrawal_runs_one_ingest_and_rewrites_one_shard(tmp_path):
    from tests.small_world import SMALL, clone, dvc
    from tests.small_world import run as run_in

    project = clone(tmp_path / "project", {**SMALL, "ingest": {"shard_size_mb": 1}})
    arms = ["ingest@xeno_canto-2026-01", "ingest@inaturalist-2026-01"]
    dvc(project, "repro", *arms)
    manifests = project / "data/manifests/xeno_canto-2026-01"
    before = json.loads((manifests / "ingest.json").read_text())["shards"]
    clip = rows(manifests / "clips.parquet", Clip)[0]
    words = ["withdraw", "xeno_canto-2026-01", clip.recording_id, "--reason", "asked for by the recordist"]
    done = run_in(project, sys.executable, "-m", "biolingual.cli", *words)
    assert done.returncode == 0, done.stderr
    assert list(json.loads(dvc(project, "status", "--json", *arms))) == arms[:1]
    dvc(project, "repro", *arms)
    after = json.loads((manifests / "ingest.json").read_text())["shards"]
    assert len(before) > 2 and [name for name in before if before[name] != after.get(name)] == [clip.shard]
    assert clip.recording_id in {one.recording_id for one in rows(manifests / "rejected.parquet", Rejected)}


def test_a_tombstone_makes_the_ingest_of_its_dump_stale_and_no_other():
    from ruamel.yaml import YAML

    graph = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    users = [name for name, stage in graph.items() if "tombstones" in json.dumps(stage)]
    deps = [dep for dep in graph["ingest"]["do"]["deps"] if "tombstones/" in dep]
    assert users == ["ingest"] and deps == ["tombstones/${key}.csv"]
    dumps = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["dumps"]
    assert all((ROOT / f"tombstones/{name}.csv").is_file() for name in dumps)
