"""From dumps to a validated AnimalSpeak version."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.pipeline import run_graph
from flows.policy import THREADS


@flow(name="build", task_runner=ThreadPoolTaskRunner(max_workers=THREADS), log_prints=True)
def build(allow_missing: bool = False):
    """Run every arm up to the gate."""
    return run_graph("validate", allow_missing=allow_missing)
