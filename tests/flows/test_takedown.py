"""A takedown in a small world with a DVC remote: afterwards no object that can be reached decodes to the withdrawn sounds."""

import io
import json
import sys
import tarfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from biolingual.audio import UndecodableError, decode, sound_sha256
from flows import purge_record, takedown
from tests.small_world import clone, dvc, git, run

TASK = "animalspeak_zero_shot"


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    folder = clone(tmp_path_factory.mktemp("takedown") / "world")
    dvc(folder, "remote", "add", "--default", "store", str(folder.parent / "remote"))
    dvc(folder, "repro", f"evaluate@{TASK}", BIOLINGUAL_TRAIN_WORKERS="1")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "a version")
    git(folder, "tag", "-a", "animalspeak@v0.1.0", "-m", "a version")
    dvc(folder, "push")
    return folder


def recordings(folder: Path) -> list[dict]:
    tables = sorted((folder / "data/manifests").glob("*/recordings.parquet"))
    return [row for one in tables for row in pq.read_table(one).to_pylist()]


def busiest(folder: Path) -> str:
    """Who made the most training recordings."""
    pairs = pq.read_table(folder / "data/animalspeak/pairs.parquet", columns=["recorded_by", "split"]).to_pylist()
    trained = [row["recorded_by"] for row in pairs if row["split"] == "train" and row["recorded_by"]]
    return max(set(trained), key=trained.count)


def sounds_in(data: bytes) -> list[bytes]:
    """The files that bytes hold: a tar's members, or the bytes themselves."""
    if not tarfile.is_tarfile(io.BytesIO(data)):
        return [data]
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return [tar.extractfile(one).read() for one in tar.getmembers()]


def heard(data: bytes) -> str:
    try:
        return sound_sha256(decode(data))
    except (UndecodableError, ValueError):
        return ""


def objects(folder: Path) -> list[Path]:
    """Every object of DVC's cache and of the remote."""
    return [
        path
        for top in (folder / ".dvc/cache/files", folder.parent / "remote/files")
        for path in top.rglob("*")
        if path.is_file()
    ]


def clips_of(folder: Path, who: str) -> set[str]:
    """The decoded hash of every clip that the dataset's dumps hold of somebody."""
    theirs = {row["recording_id"] for row in recordings(folder) if row["recorded_by"] == who}
    found = set()
    for table in sorted((folder / "data/manifests").glob("*/clips.parquet")):
        for row in pq.read_table(table).to_pylist():
            if row["recording_id"] in theirs:
                data = (folder / "data/audio" / table.parent.name / row["shard"]).read_bytes()
                found.add(heard(data[row["byte_offset"] : row["byte_offset"] + row["byte_length"]]))
    return found


def flows(folder: Path, *words: str) -> str:
    done = run(folder, sys.executable, "-m", "flows", *words)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
def test_a_purged_recordist_is_nowhere_and_the_passport_knows_who_had_heard_them(world):
    who = busiest(world)
    theirs = [row for row in recordings(world) if row["recorded_by"] == who]
    wholes = {row["audio_sha256"] for row in theirs}
    ids = {row["recording_id"] for row in theirs}
    withdrawn = clips_of(world, who) | wholes
    before = {heard(one) for path in objects(world) for one in sounds_in(path.read_bytes())}
    assert withdrawn <= before and len(withdrawn) > len(ids)
    model = json.loads((world / "reports/training.json").read_text())["model_sha"]
    version = json.loads((world / "reports/gate.json").read_text())["dataset_sha"]

    dry = flows(world, "dataset", "takedown", "--recordist", who, "--dry-run")
    assert f"{len(ids)} recordings" in dry and "model " in dry and TASK in dry
    assert not git(world, "status", "--porcelain")

    flows(world, "dataset", "takedown", "--recordist", who, "--reason", "asked for it", "--purge", "--yes")
    pairs = pq.read_table(world / "data/animalspeak/pairs.parquet").to_pylist()
    assert (
        pairs and not {row["recording_id"] for row in pairs} & ids and who not in {row["recorded_by"] for row in pairs}
    )
    for table in (world / "data/captions").glob("*.parquet"):
        assert not set(pq.read_table(table)["recording_id"].to_pylist()) & ids
    after = {heard(one) for path in objects(world) for one in sounds_in(path.read_bytes())}
    assert after and not after & withdrawn
    tables = [path for path in objects(world) if path.read_bytes()[:4] == b"PAR1"]
    for path in tables:
        found = pq.read_table(path)
        if {"text", "recording_id"} <= set(found.schema.names):
            assert not set(found["recording_id"].to_pylist()) & ids
    assert who not in (world / "reports/purged.json").read_text()

    told = flows(world, "lineage", f"recordist:{who}")
    assert "purged on" in told and model[:16] in told and TASK in told and version[:16] in told
    assert "purged" in flows(world, "lineage", "animalspeak@v0.1.0")
    assert not git(world, "status", "--porcelain")


def test_one_thing_is_asked_for_at_a_time():
    with pytest.raises(ValueError, match="give one of --recordist NAME, --recording ID and --licence nc"):
        takedown.takedown(takedown.Wanted("Ada", "x:1"), "why", write=False, say=print)


def test_the_record_of_a_purge_answers_by_name_and_by_recording_and_holds_no_name(tmp_path):
    models = [{"model_sha": "m" * 64, "name": "untagged", "how": "trained on it, with 3 of these"}]
    version = {"dataset_sha": "d" * 64, "label": "animalspeak@v0.1.0", "splits": {"train": 3}, "models": models}
    version["scores"] = [{"name": "zero_shot on real sounds", "model_sha": "m" * 64}]
    purge_record.add("recordist", "Ada Marr", ["x:1"], [version], "2026-11-21", tmp_path)
    assert "Ada" not in (tmp_path / purge_record.FILE).read_text()
    assert purge_record.of("Ada", tmp_path) is None
    for name, kind in (("Ada Marr", "recordist"), ("x:1", "recording")):
        found = purge_record.of(name, tmp_path)
        assert found.kind == kind and [one.kind for one in found.all()] == [kind, "version", "model", "score"]
        assert "purged on 2026-11-21; recordings by split: train 3" in found.links[0].note
