"""`python -m flows ...`: the flows and the few acts around them, from a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from biolingual import telemetry  # the one thing flows take from the library: no science in it

telemetry.switch_off()
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)


def main() -> None:
    """Run the command; a fault of the input is one line and exit code 1."""
    try:
        app()
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(1)


@app.command("add-dump")
def add_dump(
    archive: Annotated[str, typer.Argument(help="Who reads it: folder, xeno_canto, inaturalist.")],
    name: Annotated[str, typer.Argument(help="Its name for ever, e.g. real-2026-11.")],
    source: Annotated[str, typer.Option(help="A folder, zip or URL.")],
    origin: Annotated[str, typer.Option(help="real or simulated.")],
    license: Annotated[str, typer.Option(help="For a folder: one licence for all of it, `own` included.")] = "",
    checklist: Annotated[str, typer.Option(help="A table of biolingual/tables; empty: names as given.")] = "",
) -> None:
    """Add a dump's row to params.yaml, after looking at the dump and computing its digest."""
    from flows.dumps import add_dump as add

    print(f"params.yaml has a new row:\n  {add(archive, name, source, origin, license, checklist)}\nNext: dvc repro")


@app.command()
def lineage(score: Annotated[Path, typer.Argument(help="A file of reports/scores.")]) -> None:
    """Walk from a score to its dumps; refuse a chain that does not join."""
    from flows.lineage import walk

    if not score.is_file():
        raise FileNotFoundError(f"{score} does not exist. The scores are in reports/scores.")
    for link in walk(score):
        print(link)


@app.command()
def certify(
    claim: Annotated[str, typer.Argument(help="A part of the claim's text, as in the README's table.")],
) -> None:
    """Run the command behind a claim of the README and record that it held."""
    from flows.certificate import certify as run_claim

    if not run_claim(claim):
        raise RuntimeError("the command failed: nothing is recorded.")


@app.command()
def build() -> None:
    """Run the build flow here: dumps to a validated dataset version."""
    from flows.build import build as flow

    flow()


@app.command()
def pretrain() -> None:
    """Run the pretrain flow here: dumps to a scored, released model."""
    from flows.pretrain import pretrain as flow

    flow()


if __name__ == "__main__":
    main()
