"""What the commands print: an index in two lines, broken files with their reasons, a table of hits, progress."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from biolingual.search.hits import Results
    from biolingual.search.index import Index
    from biolingual.search.indexing import Progress


def told(made: Index) -> None:
    card = made.card
    print(
        f"{made.folder}: {card['recordings']} recordings, {card['hours']:.2f} h, {card['windows']} windows of "
        f"{card['window_s']:g} s; {card['broken']} broken, {card['not_sound']} files that are no sounds"
    )
    broken([one for one in made.files if one["status"] == "broken"])


def broken(files: list[dict]) -> None:
    for one in files:
        print(f"  broken: {one['path']!r}: {one['reason']} ({one['detail']})")


def table(results: Results) -> str:
    lines = [f"{len(results.hits)} hits for {results.query!r} in {results.searched_windows} windows ({results.method})"]
    if "simulated" in (results.origin, results.model_origin):
        lines.append(f"  sounds: {results.origin}; model trained on: {results.model_origin}")
    if results.hits:
        lines.append(f"  {'':>3} {'score':>6}  {'from s':>8} {'to s':>8}  {'when':<19}  {'site':<12} file")
    for hit in results.hits:
        span = f"{hit.start_s:>8.1f} {hit.end_s:>8.1f}"
        lines.append(f"  {hit.rank:>3} {hit.score:>6.3f}  {span}  {hit.recorded_at:<19}  {hit.site:<12} {hit.file!r}")
    return "\n".join(lines) + "\n"


class Bar:
    """Progress on a terminal; elsewhere nothing: the last line tells."""

    def __enter__(self) -> Bar:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
        )
        self.bar = Progress(*columns, disable=not sys.stderr.isatty(), console=_stderr())
        self.bar.start()
        self.task = self.bar.add_task("indexing", rate="", total=None)
        return self

    def show(self, now: Progress) -> None:
        left = "" if now.left_s is None else f", {now.left_s / 60:.0f} min left"
        rate = f"{now.files}/{now.of_files} files, {now.hours:.1f} h, {now.hours_per_s:.3f} h of sound per s{left}"
        self.bar.update(self.task, completed=now.files, total=now.of_files, rate=rate)

    def __exit__(self, *_: object) -> None:
        self.bar.stop()


def _stderr():
    from rich.console import Console

    return Console(stderr=True)
