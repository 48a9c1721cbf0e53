"""`biolingual index | search | classify | embed | serve`: what a terminal sees of this room. Heavy imports inside commands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from biolingual.search.terminal import Bar, broken, table, told

if TYPE_CHECKING:
    from biolingual.search.index import Filters, Index
    from biolingual.search.query import Searcher

Source = Annotated[str, typer.Argument(help="A folder or s3:// URL of recordings.")]
SourceOrIndex = Annotated[str, typer.Argument(help="A folder or s3:// URL of recordings, or an index.")]
IndexFolder = Annotated[Path, typer.Argument(help="What `biolingual index` made.")]
Model = Annotated[
    str, typer.Option(help="A model folder or hub id; default davidrrobinson/BioLingual, or the index's own.")
]
Hop = Annotated[float | None, typer.Option(help="Seconds from window to window; default half a window.")]
Metadata = Annotated[str, typer.Option(help="A CSV: file, site, deployment, date, time, latitude, longitude.")]
Origin = Annotated[str, typer.Option(help="real, or simulated where the sounds are made up.")]
AllowSimulated = Annotated[bool, typer.Option("--allow-simulated", help="Let a simulated model hear real sounds.")]
Templates = Annotated[list[str], typer.Option("--template", help='How a name is asked for: "The sound of {a_query}."')]
Sites = Annotated[list[str], typer.Option("--site", help="This site alone; may be repeated.")]
Deployments = Annotated[list[str], typer.Option("--deployment", help="This deployment alone; may be repeated.")]
Audio = Annotated[str, typer.Option(help="Where the recordings lie now, if they moved.")]


def add_to(app: typer.Typer) -> None:
    """Hang the commands on the `biolingual` command."""
    for command in (index, search, classify, embed, serve):
        app.command()(command)


def index(
    source: Source,
    out: Annotated[Path, typer.Option(help="Where the index goes.")],
    model: Model = "",
    hop: Hop = None,
    metadata: Metadata = "",
    origin: Origin = "real",
    allow_simulated: AllowSimulated = False,
) -> None:
    """Index recordings for search. Stopped, it goes on where it was; run again, it adds what is new."""
    made = _build(source, out, model, hop, metadata, origin, allow_simulated)
    told(made)
    print(f'Search it: biolingual search {out} "a humpback whale song"    Or look: biolingual serve {out}')


def search(
    index: IndexFolder,
    text: Annotated[str, typer.Argument(help="What to listen for.")] = "",
    like: Annotated[list[str], typer.Option(help="A clip it is to sound like: FILE or FILE@START-END (s).")] = [],  # noqa: B006
    unlike: Annotated[list[str], typer.Option(help="A clip it is not to sound like.")] = [],  # noqa: B006
    unlike_text: Annotated[list[str], typer.Option("--not", help="Words it is not to be.")] = [],  # noqa: B006
    template: Templates = [],  # noqa: B006
    site: Sites = [],  # noqa: B006
    deployment: Deployments = [],  # noqa: B006
    date_from: Annotated[str, typer.Option("--from", help="First day, 2026-05-01.")] = "",
    date_to: Annotated[str, typer.Option("--to", help="Last day.")] = "",
    hours: Annotated[str, typer.Option(help="Hours of the day, 22-4: from 22:00 until 04:00.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="Hits at most.")] = 20,
    min_score: Annotated[float | None, typer.Option(help="No hit with a lower score.")] = None,
    method: Annotated[str, typer.Option(help="auto, exact, int8 or ann.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
    csv: Annotated[Path | None, typer.Option(help="Write the hits as CSV.")] = None,
    raven: Annotated[Path | None, typer.Option(help="Write a Raven selection table.")] = None,
    history: Annotated[
        Path | None, typer.Option(help="Write a detection history, site by period; needs --min-score.")
    ] = None,
    days: Annotated[int, typer.Option(help="Of one period of the history.")] = 1,
    audio: Audio = "",
    model: Model = "",
) -> None:
    """Find sounds by words, by example, or both, in an index."""
    from biolingual.search import export
    from biolingual.search.query import Query

    if history is not None and min_score is None:
        raise ValueError("a detection history needs --min-score: from which score on is it a detection?")
    searcher = _searcher(index, audio, model)
    query = Query(text, tuple(like), tuple(unlike), tuple(unlike_text), tuple(template))
    vector = searcher.vector(query)
    least = float("-inf") if min_score is None else min_score
    filters = _filters(site, deployment, date_from, date_to, hours)
    results = searcher.search(vector, filters, limit, least, method)
    for path, made in (
        (csv, lambda: export.to_csv(results)),
        (raven, lambda: export.to_raven(results, searcher.index)),
    ):
        if path is not None:
            export.write(made(), path)
            print(f"{path}: {len(results.hits)} hits", file=sys.stderr)
    if history is not None:
        found = export.detection_history(searcher.index, searcher.scores(vector), least, days)
        export.write(found.to_csv(), history)
        left = f", {found.undated} recordings without a date left out" if found.undated else ""
        print(f"{history}: {len(found.sites)} sites, {len(found.periods)} periods{left}", file=sys.stderr)
    print(export.to_json(results) if as_json else table(results), end="")


def classify(
    source: SourceOrIndex,
    labels: Annotated[Path, typer.Option(help="Names, one to a line; BirdNET's and eBird's lists too.")],
    out: Annotated[Path, typer.Option(help="Where windows.parquet, windows.csv and recordings.csv go.")],
    threshold: Annotated[
        float | None, typer.Option(help="Cosine below which it is `none of these`; default 0.3.")
    ] = None,
    template: Templates = [],  # noqa: B006
    model: Model = "",
    hop: Hop = None,
    origin: Origin = "real",
    allow_simulated: AllowSimulated = False,
) -> None:
    """Say of each window and recording which name of a list it sounds like, or none. The index stays in OUT for other lists."""
    import pyarrow.csv as pa_csv
    import pyarrow.parquet as pq

    from biolingual.search.classify import THRESHOLD, labels_of
    from biolingual.search.classify import classify as classified

    names = labels_of(labels)
    folder = _index_of(source, out / "index", model, hop, origin, allow_simulated)
    least = THRESHOLD if threshold is None else threshold
    found = classified(_searcher(folder, "", model), names, least, tuple(template))
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(found.windows, out / "windows.parquet")
    for name in ("windows", "recordings"):
        pa_csv.write_csv(getattr(found, name), out / f"{name}.csv")
    print(
        f"{out}: {len(names)} names, {found.windows.num_rows} windows of {len(found.recordings['file'].unique())} recordings; "
        f"`none of these` below {least:g}, a value to check against recordings you know"
    )
    broken(found.broken)


def embed(
    source: SourceOrIndex,
    out: Annotated[Path, typer.Option(help="The Parquet file.")],
    model: Model = "",
    hop: Hop = None,
    origin: Origin = "real",
    allow_simulated: AllowSimulated = False,
) -> None:
    """Write the embedding of every window as Parquet, with the embedding id. What was done stays in OUT.index, to go on from."""
    from biolingual.search.index import Index
    from biolingual.search.table import write_embeddings

    made = Index(_index_of(source, out.with_name(out.name + ".index"), model, hop, origin, allow_simulated))
    count = write_embeddings(made, out)
    print(f"{out}: {count} windows x {made.vectors.shape[1]}, embedding id {made.embedding_id}")


def serve(
    index: IndexFolder,
    host: Annotated[str, typer.Option(help="Who may connect: 127.0.0.1 is this machine alone.")] = "127.0.0.1",
    port: Annotated[int, typer.Option()] = 7860,
    token: Annotated[str, typer.Option(envvar="BIOLINGUAL_TOKEN", help="Ask visitors for this.")] = "",
    audio: Audio = "",
    model: Model = "",
) -> None:
    """A page in the browser: search, listen, mark, re-rank, export."""
    from biolingual.search.server import run

    run(_searcher(index, audio, model), host, port, token)


def _build(source, out, model, hop, metadata, origin, allow_simulated) -> Index:
    from biolingual.parallel import this_machine
    from biolingual.search.indexing import build_index
    from biolingual.search.models import DEFAULT, LICENCE_NOTE

    if not model:
        print(LICENCE_NOTE, file=sys.stderr)
    if origin not in ("real", "simulated", "fixture"):
        raise ValueError(f"no origin {origin!r}; there are: real, simulated, fixture.")
    with Bar() as bar:
        return build_index(
            source,
            out,
            model or DEFAULT,
            hop_s=hop,
            metadata=metadata,
            origin=origin,
            allow_simulated=allow_simulated,
            machine=this_machine(),
            progress=bar.show,
        )


def _index_of(source, out, model, hop, origin, allow_simulated) -> Path:
    """SOURCE where it is an index, else one made of it at `out`."""
    if (Path(source) / "index.json").is_file():
        return Path(source)
    told(_build(source, out, model, hop, "", origin, allow_simulated))
    return out


def _searcher(folder: Path, audio: str, model: str) -> Searcher:
    from biolingual.parallel import this_machine
    from biolingual.search.index import Index
    from biolingual.search.models import load
    from biolingual.search.query import Searcher

    opened = Index(folder, audio)
    return Searcher(opened, load(model or opened.card["model"], "cuda" if this_machine().use_gpu else "cpu"))


def _filters(site, deployment, date_from, date_to, hours) -> Filters:
    from biolingual.search.index import Filters, hours_of

    return Filters(tuple(site), tuple(deployment), date_from, date_to, *hours_of(hours))
