"""The Ray Train job: some workers, one global batch, checkpoints that a later run resumes from. The only ray.train."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from biolingual.loss import rows_of
from biolingual.parallel import Machine
from biolingual.storage import arrow_filesystem, exists, is_remote, open_url, patiently, remove
from biolingual.training.batches import Prefetched
from biolingual.training.job import Job, check_workers, near, placed
from biolingual.training.learner import STATE, Clock, Learner

WAIT_S = 1800  # for nodes to join a cluster
GRACE_S = 25  # from SIGTERM to the end at the latest: Kubernetes kills after 30
RESIZE_S = 300  # between looks for further nodes; a resize goes back to the last checkpoint
RESTARTS = 5  # of the worker group within a run; nodes that are drained are not counted
KEPT = 2  # checkpoints with the lowest held-out loss, besides the latest


def fit(job: Job, machine: Machine, storage: Path, name: str) -> dict:
    """Run the job to its last step and return its final state {model, history, watched, ...}.

    A run of the same storage and name that was cut off is resumed from its last checkpoint. With `machine.ray_storage` the
    inputs and checkpoints lie there, so that no node needs another's disk. RuntimeError when the CPUs or GPUs that the
    workers ask for do not come; ValueError when the workers outnumber the batch, or for what a worker says of its input;
    SystemExit(143) when SIGTERM stopped the run, after a checkpoint.
    """
    import ray
    from ray.train import TrainingFailedError

    check_workers(job, machine.train_workers)
    job, folder = placed(job, machine, storage)
    connect(machine)
    wait_for_resources(machine, machine.min_train_workers or machine.train_workers)
    try:
        with stoppable(job.stop):
            result = _trainer(job, machine, folder, name).fit()
        with result.checkpoint.as_directory() as folder:
            state = torch.load(Path(folder) / STATE, weights_only=True, map_location="cpu")
        if state["step"] < job.pretrain.steps:
            print(f"pretrain: stopped by SIGTERM at step {state['step']}, with a checkpoint. The same command goes on.")
            raise SystemExit(128 + signal.SIGTERM)
        return state | {"ray_job_id": ray.get_runtime_context().get_job_id()}
    except TrainingFailedError as error:
        raise cause_of(error) from error
    finally:
        ray.shutdown()


def _trainer(job: Job, machine: Machine, folder: str, name: str):
    from ray.train import CheckpointConfig, FailureConfig, LoggingConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchConfig, TorchTrainer

    filesystem, path = arrow_filesystem(folder)
    least, most = machine.min_train_workers, machine.train_workers
    return TorchTrainer(
        work,
        train_loop_config=job.config(),
        scaling_config=ScalingConfig(
            num_workers=(least, most) if 0 < least < most else most,
            use_gpu=machine.use_gpu,
            elastic_resize_monitor_interval_s=RESIZE_S,
        ),
        run_config=RunConfig(
            name=name,
            storage_path=path,
            storage_filesystem=filesystem,
            checkpoint_config=CheckpointConfig(
                num_to_keep=KEPT, checkpoint_score_attribute="valid_loss", checkpoint_score_order="min"
            ),
            failure_config=FailureConfig(max_failures=RESTARTS),
            logging_config=LoggingConfig(log_level="ERROR"),
        ),
        torch_config=TorchConfig(backend="nccl" if machine.use_gpu else "gloo"),
    )


def connect(machine: Machine) -> None:
    """Join the cluster, or start a Ray here."""
    import ray

    ray.init(
        # Not None: that would join whatever Ray somebody else runs on this machine.
        address=machine.ray_address or "local",
        ignore_reinit_error=True,
        logging_level="warning",
        runtime_env=_runtime_env(machine),
    )


def wait_for_resources(machine: Machine, workers: int, limit_s: float = WAIT_S) -> None:
    """Return once `workers` workers have a place; meanwhile a line each half minute says what is missing.

    A placement group asks for it, so that a cluster that grows with its work grows. RuntimeError after `limit_s`, and at
    once for a Ray of this machine alone, which never grows.
    """
    import ray
    from ray.util.placement_group import placement_group, remove_placement_group

    resource = "GPU" if machine.use_gpu else "CPU"
    asked = f"{workers} training worker{'s need' if workers > 1 else ' needs'} {workers} {resource}s"
    remedy = "Set BIOLINGUAL_TRAIN_WORKERS, or join more nodes."
    if not machine.ray_address and (have := int(ray.cluster_resources().get(resource, 0))) < workers:
        raise RuntimeError(f"{asked}, Ray has {have}. {remedy}")
    group = placement_group([{"CPU": 1, resource: 1}] * workers)
    deadline = time.monotonic() + limit_s
    try:
        while not group.wait(min(30.0, max(0.1, deadline - time.monotonic()))):
            total, free = ray.cluster_resources().get(resource, 0), ray.available_resources().get(resource, 0)
            seen = f"{asked}; the cluster has {total:.0f}, {free:.0f} of them free"
            if time.monotonic() >= deadline:
                raise RuntimeError(f"{seen}, after {limit_s:.0f} s. {remedy}")
            print(f"pretrain: waiting: {seen}", flush=True)
    finally:
        remove_placement_group(group)


@contextlib.contextmanager
def stoppable(stop: str) -> Iterator[None]:
    """SIGTERM asks the workers, through the file or object `stop`, for a checkpoint and an end; it comes within GRACE_S."""
    late = threading.Timer(GRACE_S, os._exit, [128 + signal.SIGTERM])
    late.daemon = True

    def ask() -> None:
        with open_url(stop, "wb") as file:
            file.write(b"stop")

    def on_signal(*_: object) -> None:
        print("pretrain: SIGTERM: writing a checkpoint", flush=True)
        threading.Thread(target=ask, daemon=True).start()
        if not late.is_alive():  # a second SIGTERM changes nothing
            late.start()

    remove(stop)
    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield
    finally:
        late.cancel()
        signal.signal(signal.SIGTERM, before)
        remove(stop)


def cause_of(error: Exception) -> Exception:
    """What a worker says of its input, without Ray's layers; the error itself where the machinery failed."""
    for failure in getattr(error, "worker_failures", {}).values():
        cause = getattr(failure, "_base_exc", failure)
        if isinstance(cause, ValueError | FileNotFoundError | FloatingPointError):
            return ValueError(str(cause))
    return error


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
    """One worker's life: build, resume, step, report."""
    from ray import train
    from ray.train.torch import get_device

    quiet()
    job, context = Job.from_config(config), train.get_context()
    rank, workers = context.get_world_rank(), context.get_world_size()
    torch.set_num_threads(job.threads)
    torch.manual_seed(job.pretrain.seed)
    with tempfile.TemporaryDirectory(prefix="inputs-") as folder:
        own = near(job, folder)
        learner = Learner(own, *own.batches(), get_device())
    checkpoint = train.get_checkpoint()
    with checkpoint.as_directory() if checkpoint else contextlib.nullcontext() as folder:
        learner.begin(folder and Path(folder))
    if learner.done:  # cut off between its last checkpoint and its end
        _report(train, rank, learner)
        return
    size, state, drained = learner.state["global_batch_size"], learner.state, False
    state["workers"], mine = workers, rows_of(rank, workers, size, job.pretrain.parts)
    batches = Prefetched(learner.train.stream(size, state["step"], mine), mine.stop - mine.start)
    clock = Clock(state, batches)
    for number, batch in batches:
        measured = learner.step(batch, number)
        clock.tick()
        line = number % job.pretrain.log_every == 0
        if rank == 0 and (line or learner.done):
            print(clock.line(measured, job.pretrain.steps), flush=True)
        due = learner.done or state["step"] % job.pretrain.checkpoint_every == 0
        stop = learner.agreed(rank == 0 and (line or not is_remote(job.stop)) and exists(job.stop))
        leaving = line and not drained and train.get_preemption_info() is not None  # all workers are told the same
        if due or stop or leaving:
            drained = drained or leaving
            if due and rank == 0:
                learner.watch()
            _report(train, rank, learner)
            clock.resume()
        if learner.done or stop:
            return


def _report(train, rank: int, learner: Learner) -> None:
    """Rank 0's checkpoint, uploaded beside the training, tried again where the store fails."""
    if rank != 0:
        train.report(learner.metrics(), checkpoint=None, checkpoint_upload_mode=train.CheckpointUploadMode.ASYNC)
        return
    folder = Path(tempfile.mkdtemp(prefix="checkpoint-"))
    learner.save(folder)
    storage = train.get_context().get_storage()
    train.report(
        learner.metrics(),
        checkpoint=train.Checkpoint.from_directory(folder),
        checkpoint_upload_mode=train.CheckpointUploadMode.ASYNC,  # removes `folder` in the end
        checkpoint_upload_fn=lambda made, name: patiently(lambda: storage.persist_current_checkpoint(made, name)),
    )
