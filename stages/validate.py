"""Judge a dataset version; a red gate ends the run and names the rows."""

import sys
from pathlib import Path

from biolingual.pages import render
from biolingual.params import ValidateParams
from biolingual.records import Pair, read_json, rows, write_json
from biolingual.validation.suites import as_report, check
from stages.entry import run


def main(validate: ValidateParams, animalspeak: Path, report: Path, page: Path, gate: Path) -> None:
    card = read_json(animalspeak / "card.json")
    findings = check(rows(animalspeak / "pairs.parquet", Pair), card, validate)
    judged = as_report(findings, card)
    write_json(judged, report)
    render("validation.html.j2", page, report=judged, suites=list(dict.fromkeys(one.suite for one in findings)))
    write_json({"passed": judged["passed"], "dataset_sha": judged["dataset_sha"]}, gate)
    print(f"validate: {judged['expectations']} expectations, {judged['failed']} broken")
    for finding in (one for one in findings if not one.passed):
        print(f"RED {finding.suite}: {finding.why} [{finding.expectation}] {finding.observed}", file=sys.stderr)
        for row in finding.shown:
            print(f"    {row}", file=sys.stderr)
    if not judged["passed"]:
        sys.exit(f"ERROR validate: the gate is red. The rows are above and in {page}; thresholds are in params.yaml.")


if __name__ == "__main__":
    run(main)
