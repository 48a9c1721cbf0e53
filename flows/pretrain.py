"""From dumps to a scored, released model: the whole graph."""

from prefect import flow
from prefect.task_runners import ThreadPoolTaskRunner

from flows.pipeline import run_graph
from flows.policy import THREADS


@flow(name="pretrain", task_runner=ThreadPoolTaskRunner(max_workers=THREADS), log_prints=True)
def pretrain(allow_missing: bool = False):
    """Run every arm: what `dvc repro` runs, with retries, limits and a run page."""
    return run_graph(allow_missing=allow_missing)
