"""The `biolingual` command. With stages/entry.py the only reader of argv and environment; heavy imports inside commands."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from biolingual import telemetry
from biolingual.search.commands import add_to

telemetry.switch_off()
app = typer.Typer(
    add_completion=False, no_args_is_help=True, help=__doc__.split("\n")[0], pretty_exceptions_enable=False
)
add_to(app)

captions_app = typer.Typer(no_args_is_help=True, help="Look at the captions that were written.")
app.add_typer(captions_app, name="captions")


def main() -> None:
    """Run the command; a fault of the input is one line and exit code 1."""
    try:
        app()
    except (ValueError, FileNotFoundError) as error:
        print(f"ERROR: {error}", file=sys.stderr)
        sys.exit(1)


taxonomy_app = typer.Typer(no_args_is_help=True, help="Checklists: the tables that names are resolved by.")
app.add_typer(taxonomy_app, name="taxonomy")


@taxonomy_app.command("build")
def build_checklist(
    name: Annotated[str, typer.Argument(help="<checklist>-<version>, e.g. clements-2025.")],
    sources: Annotated[list[str], typer.Argument(help="eBird's CSV; a Darwin Core Archive or ColDP, zipped or not.")],
    within: Annotated[str, typer.Option(help="Only what is below this taxon; empty: all.")] = "Animalia",
    out: Annotated[Path, typer.Option(help="Where the tables lie.")] = Path("biolingual/tables"),
    strict: Annotated[bool, typer.Option(help="List what did not resolve; if there is any, write no table.")] = False,
) -> None:
    """Make a checklist from a published taxonomy: accepted species with their synonyms and names in every language given."""
    from collections import Counter

    from biolingual.checklists import build, write

    table, unresolved = build(sources, within)
    if strict and unresolved:
        print("\n".join(f"{one.key}\t{one.name}\t{one.reason}" for one in unresolved))
        raise ValueError(f"{len(unresolved)} names of {', '.join(sources)} do not resolve; no table was written.")
    path = out / f"{name}.csv"
    write(table, path)
    print(f"{path}: {len(table)} species. Name it as the `checklist` of a dump; git and ingest know it by its bytes.")
    for reason, count in sorted(Counter(one.reason for one in unresolved).items()):
        print(f"not resolved: {count} {reason} (--strict lists them)")


@taxonomy_app.command("resolve")
def resolve_names(
    checklist: Annotated[str, typer.Argument(help="A table of biolingual/tables; empty: names as given.")],
    names: Annotated[Path, typer.Argument(help="A file of names, one a line: name, tab, kingdom, tab, family.")],
    strict: Annotated[bool, typer.Option(help="List only what does not resolve, and fail if there is any.")] = False,
) -> None:
    """Print what each name resolves to, or the reason why it does not."""
    from biolingual.taxonomy import resolve

    lines = [line.split("\t") for line in names.read_text(encoding="utf-8").splitlines() if line.strip()]
    failed = 0
    for given, kingdom, family in ([*cells, "", ""][:3] for cells in lines):
        taxon = resolve(given, checklist, kingdom, family)
        failed += bool(taxon.problem)
        if taxon.problem or not strict:
            print(f"{given}\t{taxon.scientific_name}\t{taxon.common_name}\t{taxon.taxon_id}\t{taxon.problem}")
    if strict and failed:
        raise ValueError(f"{failed} of {len(lines)} names do not resolve.")


@app.command()
def scores(folder: Annotated[Path, typer.Option(help="Where the score files lie.")] = Path("reports/scores")) -> None:
    """Print the scores, one table for each origin, and where to look further."""
    from biolingual.tabular import read_json

    found = [score for path in sorted(folder.glob("*.json")) for score in read_json(path).values()]
    if not found:
        raise ValueError(f"{folder} holds no score. Run: dvc repro")
    for origin in sorted({one["origin"] for one in found}):
        print(f"\n{origin} sounds")
        print(f"  {'task':<24} {'metric':<10} {'value':>6}  {'95 % interval':<15} {'chance':>6} {'mfcc':>6} {'n':>5}")
        for one in (score for score in found if score["origin"] == origin):
            low, high = one["ci95"]
            mfcc = one["baselines"].get("mfcc_logreg", {}).get(one["primary"])
            print(
                f"  {one['task']:<24} {one['primary']:<10} {one['value']:>6.3f}  {low:.3f} to {high:.3f}  "
                f"{one['chance']:>6.3f} {'' if mfcc is None else f'{mfcc:.3f}':>6} {one['n']:>5}"
            )
        for one in (score for score in found if score["origin"] == origin and "BELOW" in score["verdict"]):
            print(f"  note: {one['verdict']}")
    print("\nLook at reports/index.html; the model is in models/biolingual.")


@app.command()
def compare(
    ours: Annotated[Path, typer.Argument(help="What one model reached on each item (stages/items.py).")],
    theirs: Annotated[Path, typer.Argument(help="The same of another model.")],
    resamples: Annotated[
        int, typer.Option(help="Of the interval, and of the test where items stand in groups.")
    ] = 10000,
    seed: Annotated[int, typer.Option(help="Draws them.")] = 0,
) -> None:
    """Compare two models on a task, item by item: difference with its 95 % interval, and p of no difference."""
    from biolingual.benchmarks.items import compare as paired

    for origin, one in paired(ours, theirs, resamples, seed).items():
        print(
            f"{one['task']} on {origin} sounds: {one['primary']} {one['ours']:.3f} against {one['theirs']:.3f}, difference "
            f"{one['difference']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}], p = {one['p']:.2g}, n = {one['n']}"
        )


@app.command()
def check(params: Annotated[Path, typer.Option(help="The file to read.")] = Path("params.yaml")) -> None:
    """Read params.yaml and look at every dump it names, before anything runs."""
    from biolingual.checks import faults
    from biolingual.params import load

    found = faults(load(params))
    if found:
        raise ValueError("; ".join(found))
    print(f"{params} and the dumps it names are well-formed.")


@app.command()
def archives(
    params: Annotated[Path, typer.Option(help="Whose policy on licences to tell.")] = Path("params.yaml"),
) -> None:
    """List the archives: whose licence counts, what a dump is, how to get one, which can be harvested."""
    from rich.console import Console
    from rich.table import Table

    from biolingual.archives.catalogue import catalogue, policy
    from biolingual.params import load

    table = Table(show_lines=True)
    for heading in ("archive", "harvest", "a dump holds", "how to get one", "licence"):
        table.add_column(heading, no_wrap=heading in ("archive", "harvest"), overflow="fold")
    for one in catalogue():
        cells = (one.holds, one.obtain, one.licence)
        table.add_row(one.archive, "yes" if one.harvestable else "no", *(cell.replace("`", "") for cell in cells))
    Console().print(table)
    if params.is_file():
        ingest = load(params).ingest
        print(policy(ingest.allow_noncommercial, ingest.allow_noderivatives))
    print(
        "python -m flows harvest ARCHIVE NAME --query ..., then: python -m flows add-dump ARCHIVE NAME --source FOLDER"
    )


@app.command("inspect-dump")
def inspect_dump(
    archive: Annotated[str, typer.Argument(help="A key of ARCHIVES.")],
    source: Annotated[str, typer.Argument(help="A folder, zip or URL.")],
    license: Annotated[str, typer.Option(help="One licence for all of it, `own` included.")] = "",
) -> None:
    """Check that SOURCE is a dump of ARCHIVE; print {"digest": ...} as JSON."""
    from biolingual.archives import adapter
    from biolingual.licences import parse
    from biolingual.params import DumpRow
    from biolingual.storage import digest, exists

    reader = adapter(archive)
    if license and parse(license) is None:
        raise ValueError(f"licence {license!r} is not one we know. Use a Creative Commons code or URL, or `own`.")
    if not exists(source):
        raise ValueError(f"{source} does not exist. Give the folder, zip or URL that the dump was saved to.")
    row = DumpRow(archive=archive, origin="real", source=source, digest="", checklist="", default_license=license)
    reader.inspect(source, row)
    print(json.dumps({"digest": digest(source)}))


@app.command()
def attributions(manifest: Annotated[Path, typer.Argument(help="A recordings.parquet of a dump.")]) -> None:
    """Print the line that each recording's licence asks for: title, creator, licence, source."""
    from biolingual.licences import attribution
    from biolingual.records import Recording
    from biolingual.tabular import rows

    for one in rows(manifest, Recording):
        title = one.scientific_name or one.common_name or one.recording_id
        print(f"{one.recording_id}\t{attribution(title, one.rights_holder or one.recorded_by, one.license, one.url)}")


@app.command()
def withdraw(
    dump: Annotated[str, typer.Argument(help="A row of `dumps` in params.yaml.")],
    recording_ids: Annotated[list[str], typer.Argument(help="As the manifest has them, e.g. xeno_canto:XC123.")],
    reason: Annotated[str, typer.Option(help="Why, in a few words; kept in git.")],
    manifests: Annotated[Path, typer.Option(help="Where the dumps' manifests lie.")] = Path("data/manifests"),
) -> None:
    """Note in tombstones/DUMP.csv that recordings are withdrawn; the next ingest takes them out of manifest and shards."""
    from datetime import UTC, datetime

    from biolingual.records import Recording, Rejected
    from biolingual.tabular import rows
    from biolingual.tombstones import add

    held = {one.recording_id for one in rows(manifests / dump / "recordings.parquet", Recording)}
    held |= {one.recording_id for one in rows(manifests / dump / "rejected.parquet", Rejected)}
    if unknown := [one for one in recording_ids if one not in held]:
        raise ValueError(f"dump {dump} does not hold {', '.join(unknown)}. Ids are those of {manifests / dump}.")
    path = Path("tombstones") / f"{dump}.csv"
    added = add(path, recording_ids, datetime.now(UTC).date().isoformat(), reason)
    print(
        f"{path}: {len(added)} more withdrawn. Next: dvc repro ingest@{dump}, then dvc repro for what was made of it."
    )


@app.command()
def digest(source: Annotated[str, typer.Argument(help="A folder, file or URL.")]) -> None:
    """Print the digest of a dump, by which ingest and lineage know it."""
    from biolingual.storage import digest as digest_of

    print(digest_of(source))


@app.command()
def landed(place: Annotated[str, typer.Argument(help="A folder or s3:// prefix where dumps land.")]) -> None:
    """Print what lies directly below PLACE as JSON: name, url, files, size in bytes, time of the newest change."""
    from biolingual.storage import landed as landed_in

    print(json.dumps([vars(one) for one in landed_in(place)]))


@app.command("export-onnx")
def export_onnx(
    model: Annotated[str, typer.Argument(help="A model folder or hub id.")],
    out: Annotated[Path, typer.Option(help="Where audio.onnx and text.onnx go.")],
    tolerance: Annotated[float, typer.Option(help="The largest difference of an embedding's element.")] = 1e-4,
) -> None:
    """Write both towers as ONNX files and compare their embeddings with ours; a tower too far off is an error."""
    from biolingual.onnx import differences
    from biolingual.onnx import export_onnx as export

    found = differences(model, export(model, out))
    for tower, difference in found.items():
        print(f"{out / tower}.onnx: embeddings differ by {difference:.1e} at most")
    if far := [tower for tower, difference in found.items() if difference > tolerance]:
        raise ValueError(f"{' and '.join(far)} differs by more than {tolerance:g}. Do not use these files.")


@captions_app.command("audit")
def captions_audit(
    dumps: Annotated[list[str] | None, typer.Argument(help="Names of dumps; none = all that have captions.")] = None,
    each: Annotated[int, typer.Option(help="Recordings of every archive and status on the sheet.")] = 6,
    seed: Annotated[int, typer.Option(help="Draws them.")] = 0,
    model: Annotated[
        str, typer.Option(help="A model that judges how well captions fit; models/clap for instance.")
    ] = "",
    data: Annotated[Path, typer.Option(help="Where manifests, captions and audio lie.")] = Path("data"),
    page: Annotated[Path, typer.Option(help="The sheet.")] = Path("build/captions-audit.html"),
    out: Annotated[Path, typer.Option(help="Its numbers.")] = Path("build/captions-audit.json"),
) -> None:
    """Write a sheet of recordings with spectrogram, player, metadata, captions and what the checks say, and its numbers."""
    from biolingual.caption_audit import audit

    names = dumps or sorted(path.stem for path in (data / "captions").glob("*.parquet"))
    if not names:
        raise ValueError(f"{data / 'captions'} holds no captions. Run: dvc repro assemble")
    found = audit(names, data / "manifests", data / "captions", data / "audio", each, seed, model, page, out)
    sheet = found["sheet"]
    for name, one in found["dumps"].items():
        print(
            f"{name}: {one['captions']} captions of {one['recordings']} recordings, {one['fallback_share']:.1%} fallback"
        )
    print(f"{page}: {sheet['recordings']} recordings, {sheet['with_findings']} with a finding; {out}")
    if sheet["likely_mismatches"]:
        print(f"listen to {', '.join(sheet['likely_mismatches'][:10])}: the model hears something else")


if __name__ == "__main__":
    main()
