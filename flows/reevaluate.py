"""New dumps: for each a candidate version, its diff, and the released model scored on it. Nothing is trained, nothing is merged."""

from __future__ import annotations

import logging
from pathlib import Path

from prefect import flow, get_run_logger
from prefect.states import Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.policy import THREADS
from flows.watch import FILE, Seen, look


@flow(name="reevaluate", task_runner=ThreadPoolTaskRunner(max_workers=THREADS), log_prints=True)
def reevaluate(watch: str = str(FILE), pretrain_if_advised: bool = False):
    """Look into every watched place; each new dump ends as a branch dump/<name> with its verdict, or as a reason why not."""
    from flows import report
    from flows.doctor import heal

    logger = get_run_logger()
    for line in heal():
        logger.warning(line)
    failed = []
    for seen in look(Path(watch)):
        if seen.state != "new":
            level = logging.INFO if seen.state in ("known", "unfinished") else logging.WARNING
            logger.log(level, "%s: %s: %s", seen.name, seen.state, seen.reason)
            report.tell(seen)
            continue
        try:
            evaluate_candidate(seen, pretrain_if_advised)
        except Exception as error:  # the next dump is still looked at; the flow ends red
            logger.exception("%s: no candidate", seen.name)
            failed.append(f"{seen.name}: {str(error).splitlines()[0]}")
    return Failed(message="; ".join(failed)) if failed else None


def evaluate_candidate(seen: Seen, pretrain_if_advised: bool) -> dict:
    """Build the candidate of one dump and return its verdict; the branch holds everything."""
    from flows import candidate, report
    from flows.dvc_graph import arms
    from flows.pipeline import run_arms, run_graph

    logger = get_run_logger()
    commit, called = candidate.base()
    logger.info("%s: candidate from %s", seen.name, called)
    with candidate.worktree(seen.name, commit) as root:
        values = candidate.parameters(root)
        candidate.prepare(root, seen, values["evaluate"]["model"])
        graph = arms(root=root)
        build = [f"ingest@{seen.name}", f"caption@{seen.name}", "assemble", "validate"]
        _all_well(run_arms([arm for arm in graph if arm.name in build], root))
        result = candidate.gate(root)
        if result["gate"]:
            _all_well(run_arms([arm for arm in graph if arm.stage in ("embed", "evaluate")], root))
            result |= candidate.judge(root, seen.name, logger.info)
        if result["retrain_advised"] and pretrain_if_advised:
            _all_well(run_graph(root=root, allow_missing=True))
        result["base"] = called
        result["commit"] = candidate.conclude(root, seen.name, result, logger.info)
    report.publish(seen, result)
    logger.info("%s: %s. %s", seen.name, result["verdict"], candidate.summary(result).replace("\n", " "))
    return result


def _all_well(futures) -> None:
    """Raise the first failure among tasks that have all ended."""
    for future in futures if isinstance(futures, list) else []:
        future.result()
