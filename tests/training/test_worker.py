"""What the training job settles before Ray starts: equal shares of the batch, and inputs where every node reads them."""

from pathlib import Path

import pytest

from biolingual import storage
from biolingual.parallel import Machine
from biolingual.records import Pair, write_rows
from biolingual.shard_reader import Shards
from biolingual.training.worker import Job, check_division, discard, here, placed
from tests.made_pairs import pair


def job(folder: Path, params, train: int = 40, batch: int = 32) -> Job:
    """A job over a dataset of `train` training pairs and some others."""
    pairs = [pair(f"r{number}") for number in range(train)]
    write_rows([*pairs, pair("v", split="valid"), pair("t", split="test_seen")], Pair, folder / "in/pairs.parquet")
    (folder / "in/tokenizer").mkdir(exist_ok=True)
    (folder / "in/tokenizer/tokenizer.json").write_text('{"model": {}}')
    (folder / "in/tokenizer/config.json").write_text("{}")
    return Job(
        pretrain=params.pretrain.model_copy(update={"global_batch_size": batch}),
        model=params.model,
        frontend=params.frontend,
        ingest=params.ingest,
        pairs=str(folder / "in/pairs.parquet"),
        shards=Shards(str(folder / "audio"), ("s3://bucket/files/md5",), "cache", 7),
        tokenizer=str(folder / "in/tokenizer"),
        threads=1,
    )


@pytest.mark.parametrize("workers", [1, 2, 4, 8, 32])
def test_workers_that_divide_the_global_batch_are_taken(tmp_path, params, workers):
    check_division(job(tmp_path, params), workers)


def test_workers_that_do_not_divide_the_global_batch_are_told_which_would(tmp_path, params):
    with pytest.raises(ValueError, match=r"5 workers cannot share a global batch of 12 .* one of 1, 2, 3, 4, 6, 12"):
        check_division(job(tmp_path, params, batch=12), 5)


def test_a_dataset_smaller_than_the_batch_is_itself_the_batch(tmp_path, params):
    check_division(job(tmp_path, params, train=6), 3)
    with pytest.raises(ValueError, match="a global batch of 6 equally"):
        check_division(job(tmp_path, params, train=6), 4)


def test_a_dataset_without_training_pairs_says_what_to_do(tmp_path, params):
    with pytest.raises(ValueError, match=r"no pair in its training split\. Add a dump"):
        check_division(job(tmp_path, params, train=0), 1)


def test_a_job_survives_its_way_to_a_worker_as_plain_data(tmp_path, params):
    one = job(tmp_path, params)
    config = one.config()
    assert all(isinstance(value, (dict, str, int)) for value in config.values())
    assert Job.from_config(config) == one


def test_without_a_cluster_the_inputs_stay_where_they_are(tmp_path, params, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = job(tmp_path, params)
    assert placed(one, Machine(), Path("runs/abc")) == (one, str(tmp_path / "runs/abc"))


@pytest.fixture(params=["s3", "s3/", "folder", "file url"])
def ray_storage(request, tmp_path) -> str:
    """Where a cluster keeps runs: S3, or a disk that every node mounts."""
    if request.param.startswith("s3"):
        return f"{request.getfixturevalue('s3_bucket')}/ray{request.param[2:]}"
    return ("file://" if request.param == "file url" else "") + str(tmp_path / "mounted/ray")


def test_a_clusters_job_reads_copies_of_its_inputs_that_equal_them(tmp_path, params, ray_storage):
    one = job(tmp_path, params)
    moved, folder = placed(one, Machine(ray_storage=ray_storage), tmp_path / "runs/abc")
    assert folder == f"{ray_storage.rstrip('/')}/abc" and moved.pairs.startswith(f"{folder}/inputs/")
    assert moved.shards == one.shards and moved.pretrain == one.pretrain
    assert here(moved.pairs, str(tmp_path / "near")).read_bytes() == Path(one.pairs).read_bytes()
    tokenizer = here(moved.tokenizer, str(tmp_path / "near"))
    assert {path.name: path.read_text() for path in tokenizer.iterdir()} == {
        path.name: path.read_text() for path in Path(one.tokenizer).iterdir()
    }


def test_a_local_input_is_read_where_it_lies(tmp_path):
    assert here(str(tmp_path / "pairs.parquet"), "elsewhere") == tmp_path / "pairs.parquet"


def test_a_finished_run_is_removed_on_both_sides_and_its_neighbour_stays(tmp_path, params, ray_storage):
    one, machine = job(tmp_path, params), Machine(ray_storage=ray_storage)
    folders = {}
    for name in ("abc", "abcd"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        folders[name] = placed(one, machine, tmp_path / "runs" / name)[1]
    discard(machine, tmp_path / "runs/abc")
    assert not (tmp_path / "runs/abc").exists() and (tmp_path / "runs/abcd").is_dir()
    assert list(storage.list_files(folders["abc"])) == [] and len(list(storage.list_files(folders["abcd"]))) == 3


def test_a_run_that_is_gone_is_discarded_without_a_word(tmp_path):
    discard(Machine(), tmp_path / "runs/nothing")
