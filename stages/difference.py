"""What differs between two versions of the dataset: text, JSON, a table of all that differs, a page. No arm of the graph."""

from pathlib import Path

from biolingual.dataset.difference import difference, text
from biolingual.pages import render
from biolingual.tabular import write_json, write_table
from stages.entry import run


def main(
    before: Path, after: Path, out: Path, page: Path, before_name: str = "before", after_name: str = "after"
) -> None:
    report, rows = difference(before, after)
    report = {"before": before_name, "after": after_name, **report}
    write_json(report, out)
    write_table(rows, out.with_suffix(".parquet"))
    render("difference.html.j2", page, report=report, rows=out.with_suffix(".parquet").name)
    print(text(report))


if __name__ == "__main__":
    run(main)
