"""Judge a dataset version; a red gate ends the run and names the rows."""

import sys
from pathlib import Path

import pyarrow.parquet as pq

from biolingual.pages import render
from biolingual.params import AssembleParams, ValidateParams
from biolingual.records import Pair
from biolingual.tabular import read_columns, read_json, write_json, write_table
from biolingual.validation.suites import as_report, check, failing
from stages.entry import run

QUALITY = Path(__file__).parents[1] / "biolingual/validation/fingerprints.json"  # by python -m tests.sound_variants


def main(
    validate: ValidateParams,
    assemble: AssembleParams,
    animalspeak: Path,
    report: Path,
    page: Path,
    gate: Path,
    broken: Path,
) -> None:
    card = read_json(animalspeak / "card.json")

    def read(columns: list[str]):
        return read_columns(animalspeak / "pairs.parquet", Pair, columns)

    findings = check(read, card, pq.read_table(animalspeak / "overlaps.parquet"), validate, assemble)
    judged = as_report(findings, card)
    write_json(judged, report)
    write_table(failing(findings), broken)
    names = list(dict.fromkeys(one.suite for one in findings))
    told = {"leakage": card["leakage"], "broken": broken.as_posix(), "fingerprints": read_json(QUALITY)}
    render("validation.html.j2", page, report=judged, suites=names, **told)
    write_json({"passed": judged["passed"], "dataset_sha": judged["dataset_sha"]}, gate)
    print(f"validate: {judged['expectations']} expectations, {judged['failed']} broken")
    for finding in (one for one in findings if not one.passed):
        print(f"RED {finding.suite}: {finding.why} [{finding.expectation}] {finding.observed}", file=sys.stderr)
        for row in finding.shown:
            print(f"    {row}", file=sys.stderr)
    if not judged["passed"]:
        sys.exit(
            f"ERROR validate: the gate is red. The first rows are above and in {page}, all of their ids in {broken}; "
            "thresholds are in params.yaml."
        )


if __name__ == "__main__":
    run(main)
