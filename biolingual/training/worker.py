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
from biolingual.shards import global_batches
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
    audio_root: str
    tokenizer: str
    threads: int

    def config(self) -> dict:
        """For Ray's `train_loop_config`."""
        return {
            name: value.model_dump() if hasattr(value, "model_dump") else value for name, value in vars(self).items()
        }

    @classmethod
    def from_config(cls, config: dict) -> Job:
        sections = {
            "pretrain": PretrainParams,
            "model": ModelParams,
            "frontend": FrontendParams,
            "ingest": IngestParams,
        }
        return cls(**{name: sections[name](**value) if name in sections else value for name, value in config.items()})

    def without_augmentation(self) -> Job:
        return replace(self, pretrain=self.pretrain.model_copy(update={"augment_roll": False, "augment_gain_db": 0.0}))

    @property
    def log_mel(self) -> LogMel:
        return LogMel.from_params(self.frontend, self.ingest.sample_rate_hz, self.ingest.clip_duration_s)


def fit(job: Job, machine: Machine, storage: Path, name: str) -> dict:
    """Run the job to its last step and return its final state {model, history, ...}.

    A run of the same storage and name that was cut off is resumed from its last checkpoint.
    RuntimeError when fewer CPUs or GPUs exist than the workers ask for.
    """
    import ray
    from ray.train import CheckpointConfig, FailureConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    ray.init(
        address=machine.ray_address or None,
        ignore_reinit_error=True,
        logging_level="warning",
        runtime_env={"worker_process_setup_hook": quiet, "env_vars": {"RAY_TRAIN_ENABLE_PRINT_PATCH": "0"}},
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
            storage_path=str(storage.resolve()),
            checkpoint_config=CheckpointConfig(num_to_keep=2),
            failure_config=FailureConfig(max_failures=2),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
        torch_config=TorchConfig(backend="nccl" if machine.use_gpu else "gloo"),
    )
    try:
        result = trainer.fit()
        with result.checkpoint.as_directory() as folder:
            return torch.load(Path(folder) / STATE, weights_only=True)
    finally:
        ray.shutdown()


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
    batches, valid = _batches(job)
    size = min(params.global_batch_size, len(batches.pairs)) // workers * workers
    device = get_device()  # the worker's GPU, or the CPU
    model = build(job.model, job.frontend.mel_bins, _vocab_size(job)).to(device)
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
            Path(job.audio_root),
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
