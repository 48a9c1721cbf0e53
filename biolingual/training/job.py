"""A training job as plain data: its params, where its inputs lie, and how they come to where the workers are."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from biolingual.frontend import LogMel
from biolingual.parallel import Machine
from biolingual.params import FrontendParams, IngestParams, ModelParams, PretrainParams
from biolingual.records import Pair
from biolingual.shard_reader import Shards
from biolingual.storage import is_remote, list_files, open_url, put, remove_tree
from biolingual.tabular import rows
from biolingual.training.batches import PairBatches
from biolingual.training.selection import training_pairs

SECTIONS = {"pretrain": PretrainParams, "model": ModelParams, "frontend": FrontendParams, "ingest": IngestParams}


@dataclass(frozen=True)
class Job:
    """Everything a worker needs, as plain data. `stop`: a file or object that asks for a checkpoint and an end; "" = none."""

    pretrain: PretrainParams
    model: ModelParams
    frontend: FrontendParams
    ingest: IngestParams
    pairs: str
    shards: Shards
    tokenizer: str
    threads: int
    readers: int = 2
    stop: str = ""

    def config(self) -> dict:
        """For Ray's `train_loop_config`."""
        values = {
            name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in vars(self).items()
        }
        return values | {"shards": vars(self.shards)}

    @classmethod
    def from_config(cls, config: dict) -> Job:
        values = {name: SECTIONS[name](**value) if name in SECTIONS else value for name, value in config.items()}
        return cls(**values | {"shards": Shards(**config["shards"])})

    @property
    def log_mel(self) -> LogMel:
        return LogMel.from_params(self.frontend, self.ingest.sample_rate_hz, self.ingest.clip_duration_s)

    def vocab_size(self) -> int:
        return len(json.loads((Path(self.tokenizer) / "tokenizer.json").read_text())["model"]["vocab"])

    def batches(self) -> tuple[PairBatches, PairBatches]:
        """The readers of the training and the validation split; pairs and tokenizer lie here."""
        from transformers import RobertaTokenizer

        tokenizer = RobertaTokenizer.from_pretrained(self.tokenizer)
        pairs = rows(Path(self.pairs), Pair)
        own = (self.shards, self.log_mel, tokenizer, self.model.max_tokens, self.pretrain, self.readers)
        train = PairBatches(training_pairs(pairs, self.pretrain), *own)
        return train, PairBatches([pair for pair in pairs if pair.split == "valid"], *own)


def check_workers(job: Job, workers: int) -> None:
    """ValueError unless every worker can have a part of the global batch: the worker count never changes the batch."""
    pairs = len(training_pairs(rows(Path(job.pairs), Pair), job.pretrain))
    size = min(job.pretrain.global_batch_size, pairs)
    if size < 2:
        raise ValueError(
            f"the dataset has {pairs or 'no'} pair in its training split. Add a dump, or lower assemble.test_share."
        )
    parts = job.pretrain.parts
    if parts and size % parts:
        raise ValueError(
            f"a global batch of {size} has no {parts} equal parts. Set pretrain.parts to a divisor of it, or to 0."
        )
    if parts and workers > parts:
        raise ValueError(
            f"{workers} workers cannot share {parts} parts of a batch: some would have nothing. "
            f"Set BIOLINGUAL_TRAIN_WORKERS to at most {parts}, or raise pretrain.parts."
        )
    if workers > size:
        raise ValueError(
            f"{workers} workers cannot share a global batch of {size}: some would have nothing. "
            f"Set BIOLINGUAL_TRAIN_WORKERS to at most {size}."
        )


def placed(job: Job, machine: Machine, storage: Path) -> tuple[Job, str]:
    """(the job with its inputs where every node can read them, the folder of Ray's checkpoints)."""
    if not machine.ray_storage:
        folder = str(storage.resolve())
        return replace(job, stop=f"{folder}/stop"), folder
    folder = f"{machine.ray_storage.rstrip('/')}/{storage.name}"
    put(Path(job.pairs), f"{folder}/inputs/pairs.parquet")
    for relative, path in list_files(job.tokenizer):
        put(Path(path), f"{folder}/inputs/tokenizer/{relative}")
    inputs = {"pairs": f"{folder}/inputs/pairs.parquet", "tokenizer": f"{folder}/inputs/tokenizer"}
    return replace(job, **inputs, stop=f"{folder}/stop"), folder


def near(job: Job, folder: str) -> Job:
    """The job with its inputs as local files, copied into `folder` where they lie elsewhere."""
    return replace(job, pairs=str(here(job.pairs, folder)), tokenizer=str(here(job.tokenizer, folder)))


def here(url: str, folder: str) -> Path:
    """A file or folder of the job as a local path: itself, or a copy in `folder` if it lies elsewhere."""
    if not is_remote(url):
        return Path(url.removeprefix("file://"))
    target = Path(folder) / url.rsplit("/", 1)[-1]
    for relative, address in list_files(url):
        path = target if relative == target.name else target / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        with open_url(address) as source, open(path, "wb") as copy:
            shutil.copyfileobj(source, copy)
    return target


def discard(machine: Machine, storage: Path) -> None:
    """Remove a finished run's inputs and checkpoints, wherever they lie."""
    remove_tree(str(storage))
    if machine.ray_storage:
        remove_tree(f"{machine.ray_storage.rstrip('/')}/{storage.name}")
