"""Great Expectations over the suites of a dataset version. The only user of that library."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pyarrow as pa

from biolingual import telemetry
from biolingual.params import AssembleParams, ValidateParams
from biolingual.validation.expectations import Suite, suites
from biolingual.validation.frames import Read, source

SAMPLE = 10  # failing rows shown for one expectation


@dataclass(frozen=True)
class Finding:
    """The outcome of one expectation. failing: ids of rows that break it (all of them); shown: the values of the first."""

    suite: str
    expectation: str
    why: str
    passed: bool
    observed: str
    failing: list[str]
    shown: list[str]


def check(
    read: Read, card: dict, overlaps: pa.Table, params: ValidateParams, assemble: AssembleParams
) -> list[Finding]:
    """Run every suite; one Finding for each expectation, in a fixed order. `read`: some columns of the pairs."""
    telemetry.switch_off()
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    place = context.data_sources.add_pandas("animalspeak")
    findings: list[Finding] = []
    for suite in suites(source(read, card, overlaps), params, assemble):
        findings += _run(gx, place, suite)
    return findings


def _run(gx: object, place: object, suite: Suite) -> list[Finding]:
    asset = place.add_dataframe_asset(suite.name).add_batch_definition_whole_dataframe("all")
    batch = asset.get_batch({"dataframe": suite.frame()})
    asked = gx.ExpectationSuite(suite.name)
    for one in suite.expectations:
        kind = getattr(gx.expectations, one.kind)
        asked.add_expectation(kind(column=one.column, meta={"why": one.why}, **one.values))
    form = {"result_format": "COMPLETE", "unexpected_index_column_names": [suite.key]}
    return [_finding(suite.name, suite.key, result) for result in batch.validate(asked, result_format=form).results]


def _finding(suite: str, key: str, result) -> Finding:
    config = result.expectation_config
    found = result.result or {}
    rows = found.get("unexpected_index_list") or []
    column = config.kwargs["column"]
    error = (result.exception_info or {}).get("exception_message")
    count = found.get("element_count", 0)
    observed = error or (
        f"{found['unexpected_count']} of {count} rows break it" if count else "there is no row to look at"
    )
    return Finding(
        suite=suite,
        expectation=f"{config.type}({column})",
        why=config.meta["why"],
        passed=bool(result.success),
        observed=str(observed),
        failing=[str(row[key]) for row in rows],
        shown=[f"{row[key]}: {column} = {row[column]!s:.80}" for row in rows[:SAMPLE]],
    )


def as_report(findings: list[Finding], card: dict) -> dict:
    """reports/validation.json: the counts DVC shows as metrics, then every finding with a sample of its failing rows."""
    failed = [finding for finding in findings if not finding.passed]
    return {
        "passed": not failed,
        "dataset_sha": card["dataset_sha"],
        "expectations": len(findings),
        "failed": len(failed),
        "recordings": card["recordings"],
        "clips": card["clips"],
        "findings": [{**asdict(finding), "failing": len(finding.failing)} for finding in findings],
    }


def failing(findings: list[Finding]) -> pa.Table:
    """Every row that breaks an expectation: suite, expectation, why, id."""
    broken = [(one.suite, one.expectation, one.why, name) for one in findings if not one.passed for name in one.failing]
    names = ("suite", "expectation", "why", "id")
    return pa.table({name: pa.array([row[at] for row in broken], pa.string()) for at, name in enumerate(names)})
