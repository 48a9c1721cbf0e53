"""What can be wrong with params.yaml beyond its types: unknown names, missing dumps, dumps of another form."""

from __future__ import annotations

from pathlib import Path

from biolingual import tombstones
from biolingual.archives import adapter
from biolingual.benchmarks import BENCHMARKS
from biolingual.captioning import CAPTIONERS
from biolingual.params import DumpRow, Params
from biolingual.storage import exists
from biolingual.tabular import read_json
from biolingual.taxonomy import checklist


def faults(params: Params) -> list[str]:
    """One line for each fault, naming the thing and the remedy; empty when all is well."""
    found = []
    for task in params.evaluate.tasks:
        if task not in BENCHMARKS:
            found.append(f"evaluate.tasks: {task!r} is unknown. Known: {', '.join(BENCHMARKS)}.")
    if params.caption.captioner not in CAPTIONERS:
        found.append(f"caption.captioner: {params.caption.captioner!r} is unknown. Known: {', '.join(CAPTIONERS)}.")
    for name in params.pretrain.without_dumps:
        if name not in params.dumps:
            found.append(f"pretrain.without_dumps: {name!r} has no row in dumps. Known: {', '.join(params.dumps)}.")
    for name in params.simulate.dumps:
        if name not in params.dumps:
            found.append(f"simulate.dumps: {name!r} has no row in dumps. Add one, or take the name out.")
    for name, row in params.dumps.items():
        try:
            inspect_dump(name, row, made_here=name in params.simulate.dumps)
            inspect_tombstones(Path("tombstones") / f"{name}.csv")
        except (ValueError, OSError) as error:
            found.append(f"dumps.{name}: {error}")
    return found


def inspect_tombstones(path: Path) -> None:
    """ValueError when the dump's list of withdrawn recordings is missing or no such list. An empty file withdraws nothing."""
    if not path.is_file():
        raise ValueError(
            f"{path} is missing: add-dump makes it. Make it of the line {','.join(tombstones.FIELDS)}, and add it to git."
        )
    tombstones.read(path)


def inspect_dump(name: str, row: DumpRow, made_here: bool) -> None:
    """ValueError when the archive or checklist is unknown, the source is missing, or it is not this archive's dump."""
    archive = adapter(row.archive)
    if row.checklist:
        checklist(row.checklist)
    if made_here:
        return
    if not row.digest:
        raise ValueError("digest is empty. Add a dump with `python -m flows add-dump`, which computes it.")
    source = row.source
    if source.endswith(".json") and Path(source).is_file():
        source = read_json(Path(source))["source"]
    if not exists(source):
        raise ValueError(f"source {source} does not exist. Fix the path, or restore the dump.")
    archive.inspect(source, row)
