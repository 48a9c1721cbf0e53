"""`python -m flows dataset ...`: the dataset as a thing with versions: differences, takedowns, exports, its card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help=__doc__)
Revision = Annotated[str, typer.Argument(help="A git revision or tag, e.g. animalspeak@v0.1.0; . is the working tree.")]


@app.command()
def diff(
    before: Revision,
    after: Revision = ".",
    out: Annotated[Path, typer.Option(help="The report; its table and page stand beside it.")] = Path(
        "build/difference.json"
    ),
) -> None:
    """Say what differs between two versions; exit code 1 where a recording moved to another split."""
    from flows.difference import difference

    print(difference(before, after, out))


@app.command()
def takedown(
    recordist: Annotated[str, typer.Option(help="Everything of one person, by the name in the archive.")] = "",
    recording: Annotated[str, typer.Option(help="One recording, by its id.")] = "",
    licence: Annotated[str, typer.Option(help="nc, nd, sa, or a whole licence such as 'CC BY-SA 4.0'.")] = "",
    reason: Annotated[str, typer.Option(help="Why: recorded with the tombstones.")] = "withdrawn",
    dry_run: Annotated[bool, typer.Option(help="Say what is affected, write nothing.")] = False,
    purge: Annotated[bool, typer.Option(help="Build the new version, then remove the old data everywhere.")] = False,
    yes: Annotated[bool, typer.Option(help="With --purge: do not ask before removing.")] = False,
) -> None:
    """Take recordings out of the dataset: what is affected, tombstones, and the plan for a new version."""
    from flows.takedown import Wanted, purged
    from flows.takedown import takedown as act

    found = act(Wanted(recordist, recording, licence), reason, write=not dry_run, say=print)
    if purge and not dry_run:
        confirmed = None if yes else lambda text: typer.confirm(text, abort=True)
        print(purged(found, confirmed, print))


@app.command()
def export(
    out: Annotated[Path, typer.Argument(help="A new folder.")],
    form: Annotated[str, typer.Option(help="huggingface (Parquet) or webdataset (tar).")] = "huggingface",
    licences: Annotated[
        list[str] | None, typer.Option(help="Only these, e.g. 'CC0 1.0' 'CC BY 4.0'; or: open.")
    ] = None,
    allow_simulated: Annotated[bool, typer.Option(help="Export simulated sounds too.")] = False,
) -> None:
    """Write the dataset with its sounds, captions, licences and attributions to a folder others can load."""
    from flows.script import script

    words = ["--animalspeak", "data/animalspeak", "--audio", "data/audio", "--out", str(out), "--form", form]
    words += ["--licences", ",".join(licences or [])] + (["--allow-simulated"] if allow_simulated else [])
    print(script("export", words))


@app.command()
def card(out: Annotated[Path, typer.Option(help="Where to.")] = Path("build/dataset-card.md")) -> None:
    """Write the data card of the dataset that stands here."""
    from flows.script import script

    print(script("data_card", ["--animalspeak", "data/animalspeak", "--out", str(out)]))
