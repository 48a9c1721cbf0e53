"""One Prefect task for each DVC arm: siblings side by side, nothing downstream of a failure."""

from __future__ import annotations

from prefect import get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import PrefectFuture, wait

from flows.dvc_graph import arms, repro
from flows.policy import policy_of


def reproduce(arm: str) -> str:
    """Bring one arm up to date; its log streams into Prefect's."""
    repro(arm, get_run_logger().info)
    return arm


def run_graph(target: str | None = None) -> list[PrefectFuture]:
    """Submit every arm up to `target` and wait; returns the futures, so that one failure fails the flow that returns them."""
    futures: dict[str, PrefectFuture] = {}
    for arm in arms(target):
        policy = policy_of(arm.stage)
        run = task(
            reproduce,
            name=arm.stage,
            task_run_name=arm.name,
            retries=policy.retries,
            retry_delay_seconds=policy.retry_delay_s,
            timeout_seconds=policy.timeout_s,
            tags=[arm.stage, *policy.tags],
            cache_policy=NO_CACHE,
        )
        futures[arm.name] = run.submit(arm.name, wait_for=[futures[name] for name in arm.upstream])
    wait(list(futures.values()))
    return list(futures.values())
