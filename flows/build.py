"""From dumps to a validated AnimalSpeak version."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.pipeline import run_graph
from flows.policy import PARALLEL_ARMS


@flow(name="build", task_runner=ThreadPoolTaskRunner(max_workers=PARALLEL_ARMS), log_prints=True)
def build():
    """Run every arm up to the gate."""
    return run_graph("validate")
