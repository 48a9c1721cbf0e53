"""`python -m flows ...`: the flows and the few acts around them, from a terminal."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from biolingual import telemetry  # the one thing flows take from the library: no science in it
from flows.dataset import app as dataset_app

telemetry.switch_off()
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__, pretty_exceptions_enable=False)
app.add_typer(dataset_app, name="dataset")


def main() -> None:
    """Run the command; a fault of the input is one line and exit code 1."""
    try:
        app()
    except (ValueError, FileNotFoundError, RuntimeError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(1)


@app.command("add-dump")
def add_dump(
    archive: Annotated[str, typer.Argument(help="Who reads it: one of `biolingual archives`.")],
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
def harvest(
    archive: Annotated[str, typer.Argument(help="One of those that `biolingual archives` calls harvestable.")],
    name: Annotated[str, typer.Argument(help="The dump's name for ever, e.g. xeno_canto-2026-11.")],
    query: Annotated[str, typer.Option(help='In the archive\'s own form, e.g. "grp:birds cnt:Iceland".')] = "",
    since: Annotated[str, typer.Option(help="Only what came since this date, where the archive can tell.")] = "",
    after: Annotated[str, typer.Option(help="A harvested dump: only what is not in it.")] = "",
    limit: Annotated[int, typer.Option(help="So many sounds at most; 0: all.")] = 0,
    contact: Annotated[str, typer.Option(help="Your address, told to the archive.")] = "",
    pause_s: Annotated[str, typer.Option(help="Between two requests to a host; empty: the archive's own.")] = "",
    site: Annotated[str, typer.Option(help="Another host that speaks as the archive does.")] = "",
    without_failed: Annotated[bool, typer.Option(help="End without the sounds that do not come whole.")] = False,
) -> None:
    """Fetch a dump from an archive into inbox/ARCHIVE/NAME; cut off, it goes on where it was."""
    from flows.harvest import harvest as act

    given = {"query": query, "since": since, "after": after, "limit": str(limit or ""), "contact": contact}
    given |= {"pause-s": pause_s, "site": site, "without-failed": "1" if without_failed else ""}
    print(act(archive, name, given))


@app.command()
def params(
    files: Annotated[list[Path], typer.Argument(help="Whole or partial files of params, later over earlier.")],
) -> None:
    """Set params.yaml to another scale, such as infra/params-animalspeak.yaml; the rows of dumps stay."""
    from flows.scale import set_params

    print(f"params.yaml: {len(set_params(files))} values changed. Next: add-dump, or dvc repro")


@app.command()
def lineage(
    what: Annotated[
        str,
        typer.Argument(help="A score file, model folder, NAME@vX.Y.Z, dump, recording id or recordist."),
    ],
    as_json: Annotated[str, typer.Option("--json", help="Write it as JSON to this file; - prints it alone.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write it as a page to this file.")] = None,
) -> None:
    """Walk back to the recordings and forward to the scores, every link by hash; refuse a chain that does not join."""
    from flows.lineage import passport, write

    found = passport(what)
    write(found, as_json, html)
    if as_json != "-":
        print(found.text())


@app.command()
def reproduce(score: Annotated[Path, typer.Argument(help="A score file of reports/scores.")]) -> None:
    """Make one score again from its file and compare it to the last digit; refuse another model or dataset."""
    from flows.reproduce import reproduce as act

    print(act(score))


@app.command()
def plan(
    recordings: Annotated[int, typer.Option(help="How many are expected; 0: as many as stand here.")] = 0,
    out: Annotated[Path, typer.Option(help="The forecast, and what is true once a run has been.")] = Path(
        "build/plan.json"
    ),
) -> None:
    """Print what the current params are going to cost: storage, files, hours, tokens, GPU hours, days of harvest."""
    from flows.script import script

    print(script("plan", ["--data", "data", "--out", str(out), "--recordings", str(recordings)]))


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
    """Run the pretrain flow here: dumps to a scored model."""
    from flows.pretrain import pretrain as flow

    flow()


@app.command()
def evaluate() -> None:
    """Run the evaluate flow here: scores of the model that stands."""
    from flows.evaluate import evaluate as flow

    flow()


@app.command()
def reevaluate(
    watch: Annotated[str, typer.Option(help="The list of watched places.")] = "infra/watch.yaml",
    pretrain_if_advised: Annotated[bool, typer.Option(help="Train a candidate whose verdict advises it.")] = False,
) -> None:
    """Run the reevaluate flow here: look for new dumps; a candidate branch and a verdict for each."""
    from flows.reevaluate import reevaluate as flow

    flow(watch=watch, pretrain_if_advised=pretrain_if_advised)


@app.command()
def accept(branch: Annotated[str, typer.Argument(help="A candidate: dump/NAME.")]) -> None:
    """Merge a candidate dump: rebuild the dataset and score the standing model on it. Nothing is trained."""
    from flows.accept import accept as act

    print(f"{branch} is in, commit {act(branch)[:12]}. To train on it: dvc repro, or python -m flows run pretrain")


@app.command()
def candidates() -> None:
    """List the candidate branches that wait to be accepted."""
    from flows.watch import candidates as found

    print("\n".join(found()) or "none")


@app.command()
def unchanged(
    stage: Annotated[str, typer.Argument(help="A stage whose code was edited, e.g. ingest.")],
    reason: Annotated[str, typer.Option(help="Why its bytes stay: recorded.")],
    sample: Annotated[int, typer.Option(help="For ingest: records of each dump to decode anew.")] = 100,
) -> None:
    """Show on a sample that an edit of code changes no byte, then record it instead of running the stage again."""
    from flows.unchanged import unchanged as act

    act(stage, reason, sample)


@app.command()
def study(
    name: Annotated[
        str,
        typer.Argument(help="scaling-recordings, scaling-species, captions, init, batch, archives, balance or seeds."),
    ],
    levels: Annotated[
        list[str] | None, typer.Option(help="In place of the study's usual levels; give it again for each.")
    ] = None,
    seeds: Annotated[
        list[int] | None, typer.Option(help="Run each variant with this seed; give it again for each.")
    ] = None,
    at_once: Annotated[int, typer.Option(help="Variants side by side, as many as a cluster has room for.")] = 1,
) -> None:
    """Run a study: train and score its variants, each once; reports/studies has the numbers and the page."""
    from flows.study import study as act

    print(act(name, levels or [], seeds or [], at_once, print))


@app.command("run")
def run_deployment(
    name: Annotated[str, typer.Argument(help="A flow's bare name, or flow/deployment.")],
) -> None:
    """Run a deployment on its worker, watch it, and end with its result."""
    from flows.runs import run

    sys.exit(run(name))


@app.command()
def doctor() -> None:
    """Say who holds what in this checkout and on the server, and free what is dead."""
    from flows.doctor import report
    from flows.runs import bury

    print("\n".join([*report(), *bury()]))


@app.command()
def up(
    port: Annotated[int, typer.Option(help="Where the server listens; another one if it is taken.")] = 4200,
    pool: Annotated[str, typer.Option(help="The work pool and the deployments: local or cluster.")] = "local",
) -> None:
    """Start Prefect's server and a worker on this machine, with every deployment of the pool."""
    from flows.stack import up as start

    url = start(port, pool)
    print(f"Prefect is at {url}\nNext: python -m flows run build, or: prefect deployment run build/{pool} --watch")


@app.command()
def down() -> None:
    """End what `up` started."""
    from flows.stack import down as end

    print("ended: " + (", ".join(end()) or "nothing was running"))


Stage = Annotated[str, typer.Option(help="A stage of a version's life, e.g. prod.")]
Name = Annotated[str, typer.Option(help="A model or dataset with versions; empty: the model of params.yaml.")]
Push = Annotated[bool, typer.Option(help="Push to the remotes there are.")]


@app.command()
def release(
    push: Push = True,
    bump: Annotated[
        str, typer.Option(help="Which part of the model's version goes up: major, minor, patch.")
    ] = "minor",
) -> None:
    """Run the release flow here: gates, card, one commit, version tags, push."""
    from flows.release import release as flow

    state = flow(push=push, bump=bump, return_state=True)
    if not state.is_completed():
        raise RuntimeError(state.message)


@app.command()
def promote(
    version: Annotated[str, typer.Option(help="v0.2.0, or latest.")] = "latest",
    stage: Stage = "prod",
    name: Name = "",
    push: Push = True,
) -> None:
    """Put a version into a stage, as a git tag."""
    from flows.versions import promote as act

    act(name, version, stage, push, print)


@app.command()
def rollback(stage: Stage = "prod", name: Name = "", push: Push = True) -> None:
    """Put the version back that was in a stage before; again goes further back."""
    from flows.versions import rollback as act

    act(name, stage, push, print)


@app.command()
def versions() -> None:
    """List the versions of the model and the dataset, what is in which stage, and the state of this checkout."""
    from flows.gates import table

    for line in table():
        print(line)


@app.command()
def upload(
    repo_id: Annotated[str, typer.Argument(help="owner/name on the hub.")],
    allow_simulated: Annotated[bool, typer.Option(help="Upload a model of simulated sounds.")] = False,
    public: Annotated[bool, typer.Option(help="Make a new repository public; private otherwise.")] = False,
) -> None:
    """Upload the released model in models/biolingual to a hub, with the token in HF_TOKEN."""
    from flows.upload import upload as act

    print(act(repo_id, allow_simulated, public))


if __name__ == "__main__":
    main()
