"""Which Prefect run, Ray job and commit made an output: the journal and the releases' provenance, joined by path and md5."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path

from flows.ledger import PROVENANCE, Ledger, Snapshot
from flows.passport.links import TOLD, BrokenChainError, Link

JOURNAL = Path(".runs/journal.jsonl")


class Runs:
    """Finished arms by the outputs they left."""

    def __init__(self, ledger: Ledger):
        self.ledger = ledger

    @cached_property
    def by_output(self) -> dict[tuple[str, str], dict]:
        """{(path, md5): the arm's last recorded run}"""
        lines = [line for one in self.ledger.snapshots for line in (one.json(PROVENANCE) or {}).get("arms", [])]
        for root in {self.ledger.root.resolve(), self.ledger.history.main_tree()}:
            lines += _journal(root / JOURNAL)
        lines.sort(key=lambda line: line["finished"])
        return {(path, md5): line for line in lines for path, md5 in line["outs"].items()}

    def link(self, snapshot: Snapshot, path: str) -> Link:
        """The run behind an output of a snapshot. None recorded is no error: `dvc repro` by hand records none."""
        out = snapshot.lock.out(path)
        line = self.by_output.get((out.path, out.md5))
        if line is None:
            first = self.ledger.first_with(out.md5)
            since = f"in git since {first}" if first else "not yet in git"
            facts = {"commit": first.commit if first else ""}
            return Link("run", out.arm, state=TOLD, note=f"no run recorded; {since}", facts=facts)
        words = [
            f"flow run {line['flow_run']} {line['flow_run_id']}" if line.get("flow_run_id") else "no flow",
            f"task run {line['task_run_id']}" if line.get("task_run_id") else "",
            f"Ray job {line['ray_job_id']}" if line.get("ray_job_id") else "",
            f"commit {line['commit'][:12]}{' with uncommitted changes' if line.get('dirty') else ''}",
            f"finished {line['finished']}",
        ]
        facts = {key: value for key, value in line.items() if key != "outs"}
        return Link("run", out.arm, state=TOLD, note="; ".join(filter(None, words)), facts=facts)


def _journal(path: Path) -> list[dict]:
    if not path.is_file():
        return []
    lines = []
    for at, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            lines.append(json.loads(line))
        except ValueError as error:
            raise BrokenChainError(f"broken: run -> journal: line {at} of {path} is no JSON. Take it out.") from error
    return lines
