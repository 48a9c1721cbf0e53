"""The Ray Train job: N workers, one global batch, checkpoints that a later run resumes from."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from biolingual.frontend import LogMel
from biolingual.model import build
from biolingual.parallel import Machine
from biolingual.params import FrontendParams, IngestParams, ModelParams, PretrainParams
from biolingual.records import Pair, rows
from biolingual.shard_reader import Shards
from biolingual.shards import global_batches
from biolingual.storage import arrow_filesystem, is_remote, list_files, open_url, put, remove_tree
from biolingual.training import loop
from biolingual.training.batches import PairBatches

STATE = "state.pt"


@dataclass(frozen=True)
class Job:
    """Everything a worker needs, as plain data."""

    pretrain: PretrainParams
    model: ModelParams
    frontend: FrontendParams
    ingest: IngestParams
    pairs: str
    shards: Shards
    tokenizer: str
    threads: int

    def config(self) -> dict:
        """For Ray's `train_loop_config`."""
        values = {
            name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in vars(self).items()
        }
        return values | {"shards": vars(self.shards)}

    @classmethod
    def from_config(cls, config: dict) -> Job:
        sections = {
            "pretrain": PretrainParams,
            "model": ModelParams,
            "frontend": FrontendParams,
            "ingest": IngestParams,
        }
        values = {name: sections[name](**value) if name in sections else value for name, value in config.items()}
        return cls(**values | {"shards": Shards(**config["shards"])})

    def without_augmentation(self) -> Job:
        return replace(self, pretrain=self.pretrain.model_copy(update={"augment_roll": False, "augment_gain_db": 0.0}))

    @property
    def log_mel(self) -> LogMel:
        return LogMel.from_params(self.frontend, self.ingest.sample_rate_hz, self.ingest.clip_duration_s)


def fit(job: Job, machine: Machine, storage: Path, name: str) -> dict:
    """Run the job to its last step and return its final state {model, history, ...}.

    A run of the same storage and name that was cut off is resumed from its last checkpoint. With `machine.ray_storage` the
    inputs and checkpoints lie there, so that no node needs another's disk. RuntimeError when fewer CPUs or GPUs exist than
    the workers ask for; ValueError when the workers do not divide the global batch.
    """
    import ray
    from ray.train import CheckpointConfig, FailureConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    check_division(job, machine.train_workers)
    job, folder = placed(job, machine, storage)
    filesystem, path = arrow_filesystem(folder)
    ray.init(
        # Not None: that would join whatever Ray somebody else runs on this machine.
        address=machine.ray_address or "local",
        ignore_reinit_error=True,
        logging_level="warning",
        runtime_env=_runtime_env(machine),
    )
    resource = "GPU" if machine.use_gpu else "CPU"
    have = int(ray.cluster_resources().get(resource, 0))
    if have < machine.train_workers:
        raise RuntimeError(
            f"{machine.train_workers} training workers need {machine.train_workers} {resource}s, Ray has {have}. "
            "Set BIOLINGUAL_TRAIN_WORKERS, or join more nodes."
        )
    trainer = TorchTrainer(
        work,
        train_loop_config=job.config(),
        scaling_config=ScalingConfig(num_workers=machine.train_workers, use_gpu=machine.use_gpu),
        run_config=RunConfig(
            name=name,
            storage_path=path,
            storage_filesystem=filesystem,
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            failure_config=FailureConfig(max_failures=2),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
        torch_config=TorchConfig(backend="nccl" if machine.use_gpu else "gloo"),
    )
    try:
        result = trainer.fit()
        with result.checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / STATE, weights_only=True)
        return state | {"ray_job_id": ray.get_runtime_context().get_job_id()}
    finally:
        ray.shutdown()


def check_division(job: Job, workers: int) -> None:
    """ValueError unless every worker can take an equal share of the global batch: the worker count never changes the batch."""
    pairs = sum(pair.split == "train" for pair in rows(Path(job.pairs), Pair))
    size = min(job.pretrain.global_batch_size, pairs)
    if size == 0:
        raise ValueError("the dataset has no pair in its training split. Add a dump, or lower assemble.test_share.")
    if size % workers:
        fitting = [number for number in range(1, size + 1) if size % number == 0]
        raise ValueError(
            f"{workers} workers cannot share a global batch of {size} equally. "
            f"Set BIOLINGUAL_TRAIN_WORKERS to one of {', '.join(map(str, fitting))}."
        )


def placed(job: Job, machine: Machine, storage: Path) -> tuple[Job, str]:
    """(the job with its inputs where every node can read them, the folder of Ray's checkpoints)."""
    if not machine.ray_storage:
        return job, str(storage.resolve())
    folder = f"{machine.ray_storage.rstrip('/')}/{storage.name}"
    put(Path(job.pairs), f"{folder}/inputs/pairs.parquet")
    for relative, path in list_files(job.tokenizer):
        put(Path(path), f"{folder}/inputs/tokenizer/{relative}")
    return replace(job, pairs=f"{folder}/inputs/pairs.parquet", tokenizer=f"{folder}/inputs/tokenizer"), folder


def discard(machine: Machine, storage: Path) -> None:
    """Remove a finished run's inputs and checkpoints, wherever they lie."""
    remove_tree(str(storage))
    if machine.ray_storage:
        remove_tree(f"{machine.ray_storage.rstrip('/')}/{storage.name}")


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


def _runtime_env(machine: Machine) -> dict:
    """How Ray starts a worker: quiet, and on a cluster with this very code. S3's endpoint and keys are the node's environment."""
    import biolingual

    found = {"worker_process_setup_hook": quiet, "env_vars": {"RAY_TRAIN_ENABLE_PRINT_PATCH": "0"}}
    return found | ({"py_modules": [str(Path(biolingual.__file__).parent)]} if machine.ray_address else {})


def quiet() -> None:
    """Ray Train's own narration off, so that a terminal shows the progress lines; warnings of others stay.

    LoggingConfig covers the controller; this covers its helpers (one warns each second), and once more each worker, since
    Ray sets a worker's loggers anew after this hook.
    """
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    logging.getLogger().setLevel(logging.WARNING)


def work(config: dict) -> None:
    """One worker's life: build, resume, step, report. The only user of ray.train's worker functions."""
    from ray import train
    from ray.train.torch import get_device

    quiet()
    job = Job.from_config(config)
    params = job.pretrain
    rank, workers = train.get_context().get_world_rank(), train.get_context().get_world_size()
    torch.set_num_threads(job.threads)
    torch.manual_seed(params.seed)
    with tempfile.TemporaryDirectory(prefix="inputs-") as folder:
        near = replace(job, pairs=str(here(job.pairs, folder)), tokenizer=str(here(job.tokenizer, folder)))
        (batches, valid), vocab_size = _batches(near), _vocab_size(near)
    size = min(params.global_batch_size, len(batches.pairs))
    device = get_device()  # the worker's GPU, or the CPU
    model = build(job.model, job.frontend.mel_bins, vocab_size).to(device)
    optimiser = loop.optimizer(model, params)
    state = _resumed(train.get_checkpoint(), model, optimiser)
    if state is None:
        calibration = next(global_batches(len(batches.pairs), params.batch_norm_clips, params.seed))[1]
        loop.freeze_batch_norm(model, batches.mels(calibration))
        state = {"step": 0, "history": [], "seconds": 0.0}
    loop.train_mode(model)
    local = size // workers
    started = time.monotonic() - state["seconds"]
    for number, indices in global_batches(len(batches.pairs), size, params.seed, state["step"]):
        mine = indices[rank * local : (rank + 1) * local]
        batch = batches.batch(mine, number, rank * local).to(device)
        measured = loop.step(model, optimiser, batch, number, params)
        done = number + 1
        if number % params.log_every == 0 or done == params.steps:
            state["history"].append(measured)
            if rank == 0:
                rate = done * size / (time.monotonic() - started)
                print(f"step {done}/{params.steps}  loss {measured['loss']:.4f}  {rate:.0f} pairs/s", flush=True)
        if done % params.checkpoint_every == 0 or done == params.steps:
            state |= {"step": done, "seconds": time.monotonic() - started, "global_batch_size": size}
            if done == params.steps:
                state["valid_loss"] = loop.held_out_loss(model, valid, size)
            _report(train, rank, model, optimiser, state)
            loop.train_mode(model)
        if done == params.steps:
            return


def _batches(job: Job) -> tuple[PairBatches, PairBatches]:
    from transformers import RobertaTokenizer

    tokenizer = RobertaTokenizer.from_pretrained(job.tokenizer)
    pairs = rows(Path(job.pairs), Pair)
    return tuple(
        PairBatches(
            [pair for pair in pairs if pair.split == split],
            job.shards,
            job.log_mel,
            tokenizer,
            job.model.max_tokens,
            job.pretrain,
        )
        for split, job in (("train", job), ("valid", job.without_augmentation()))
    )


def _vocab_size(job: Job) -> int:
    return len(json.loads((Path(job.tokenizer) / "tokenizer.json").read_text())["model"]["vocab"])


def _resumed(checkpoint, model, optimiser) -> dict | None:
    if checkpoint is None:
        return None
    with checkpoint.as_directory() as folder:
        state = torch.load(Path(folder) / STATE, weights_only=True, map_location="cpu")
    model.load_state_dict(state.pop("model"))
    optimiser.load_state_dict(state.pop("optimizer"))
    return state


def _report(train, rank: int, model, optimiser, state: dict) -> None:
    metrics = {"step": state["step"], "loss": state["history"][-1]["loss"]}
    if rank != 0:
        train.report(metrics, checkpoint=None)
        return
    folder = Path(tempfile.mkdtemp(prefix="checkpoint-"))
    try:
        weights = {name: value.cpu() for name, value in model.state_dict().items()}
        torch.save({**state, "model": weights, "optimizer": optimiser.state_dict()}, folder / STATE)
        train.report(metrics, checkpoint=train.Checkpoint.from_directory(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
