"""`make bench [ROW=a,b]`: run the rows, print ours, peer and ratio, write build/bench.json."""

import json
import os
import sys
from pathlib import Path

from tests.bench import caption_rows, ingest_rows, model_rows, rows, search_rows, table_rows  # noqa: F401 - fill the registry
from tests.bench.registry import ROWS


def main(names: list[str]) -> int:
    """Exit code 1 where a row's ratio misses its goal or a name is unknown."""
    unknown = [name for name in names if name not in ROWS]
    if unknown:
        print(f"unknown row {', '.join(unknown)}; known: {', '.join(ROWS)}", file=sys.stderr)
        return 1
    found = []
    print(
        f"{len(os.sched_getaffinity(0))} cores; rates, medians of alternating rounds; noise = (max - min) / median of ours"
    )
    for name in names or ROWS:
        for one in ROWS[name]():
            goal = "" if one.goal is None else f"  goal {one.goal:g}"
            print(
                f"{one.name:<20} ours {one.ours:>9.3f}  peer {one.peer:>9.3f} {one.unit:<8} "
                f"ratio {one.ratio:.2f}{goal}  noise {one.spread:.0%}",
                flush=True,
            )
            found.append(one)
    out = Path("build/bench.json")
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps([one.as_dict() for one in found], indent=1) + "\n")
    return int(any(one.goal is not None and one.ratio < one.goal for one in found))


if __name__ == "__main__":
    sys.exit(main([name for word in sys.argv[1:] for name in word.split(",") if name]))
