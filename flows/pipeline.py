"""One Prefect task for each DVC arm: siblings side by side, nothing downstream of a failure."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable
from pathlib import Path

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import wait
from prefect.runtime import flow_run, task_run
from prefect.states import Completed

from biolingual.processes import end_with_parent
from flows import journal
from flows.doctor import heal
from flows.dvc_graph import RUNNING, Arm, DvcError, arms, end, repro, stale
from flows.policy import PARALLEL_ARMS, policy_of

SLOTS = threading.BoundedSemaphore(PARALLEL_ARMS)  # threads that wait for another arm take none


def run_graph(target: str | None = None, only: tuple[str, ...] = (), root: Path = Path(), allow_missing: bool = False):
    """Bring the graph (up to `target`; of the stages in `only`) up to date. One `dvc status` decides; if all is, nothing starts.

    Returns what the flow must return, so that one failed arm fails it. `allow_missing`: data of unchanged arms may be
    elsewhere, as on a machine that streams audio from the remote.
    """
    logger = get_run_logger()
    if os.environ.get("PREFECT__FLOW_RUN_ID"):  # a worker started this process: it ends with the worker
        end_with_parent()
    for line in heal(root):
        logger.warning(line)
    changed = {name for name in stale(target, root, allow_missing) if not only or name.split("@")[0] in only}
    if not changed:
        return Completed(message=f"{target or 'the graph'} is up to date: no stage was started")
    planned: list[Arm] = []
    for arm in arms(target, root):
        if only and arm.stage not in only:
            continue
        if arm.name in changed or {one.name for one in planned} & set(arm.upstream):
            planned.append(arm)
    logger.info("to look at: %s", ", ".join(arm.name for arm in planned))
    return run_arms(planned, root, allow_missing)


def run_arms(planned: Iterable[Arm], root: Path = Path(), allow_missing: bool = False) -> list:
    """Submit arms in their order, each after its upstream ones among them; returns the futures when all have ended."""
    futures: dict = {}
    cancelled = threading.Event()  # nothing is started or tried again
    try:
        for arm in planned:
            policy = policy_of(arm.stage)
            run = task(
                reproduce,
                name=arm.stage,
                task_run_name=arm.name,
                retries=policy.retries,
                retry_delay_seconds=policy.retry_delay_s,
                retry_condition_fn=lambda *_: not cancelled.is_set(),
                tags=[arm.stage, *policy.tags],
                cache_policy=NO_CACHE,
            )
            before = [futures[name] for name in arm.upstream if name in futures]
            futures[arm.name] = run.submit(arm.name, str(root), allow_missing, cancelled, wait_for=before)
        wait(list(futures.values()))
    except BaseException:  # a cancelled or interrupted flow: the threads wait on these processes
        cancelled.set()
        end(list(RUNNING))
        heal(root)
        raise
    return list(futures.values())


def reproduce(arm: str, root: str, allow_missing: bool, cancelled: threading.Event) -> str:
    """Bring one arm up to date; its log streams into Prefect's. DvcError where it failed, or `cancelled` came before its slot."""
    with SLOTS, journal.timed() as clock:
        if cancelled.is_set():  # while this arm waited for its slot
            raise DvcError(f"{arm} was not started: the flow was cancelled")
        # The timeout is ours: Prefect's cannot end a task that waits for a process.
        timeout_s = policy_of(arm.split("@")[0]).timeout_s
        ran = repro(arm, get_run_logger().info, Path(root), allow_missing, timeout_s)
    if ran:
        journal.write(
            Path(root),
            arm,
            seconds=clock.seconds,
            flow_run_id=flow_run.id,
            flow_run=flow_run.name,
            task_run_id=task_run.id,
        )
    return arm
