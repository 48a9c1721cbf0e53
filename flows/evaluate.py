"""Scores of the model that stands, on the dataset that stands: nothing is trained."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.pipeline import run_graph
from flows.policy import THREADS


@flow(name="evaluate", task_runner=ThreadPoolTaskRunner(max_workers=THREADS), log_prints=True)
def evaluate(allow_missing: bool = False):
    """Run the arms `embed` and `evaluate`, whatever is stale before them."""
    return run_graph(only=("embed", "evaluate"), allow_missing=allow_missing)
