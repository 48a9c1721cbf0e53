"""One step of the table bench, in its own process: prints {"seconds", "peak"} (bytes) as JSON; imports take no part."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from biolingual.dataset.difference import difference
from biolingual.dataset.firewall import COMPARED, compare
from biolingual.dataset.overlaps import NEEDED
from biolingual.params import load
from biolingual.records import BenchmarkItem
from biolingual.tabular import read_json, schema, write_json, write_table
from stages.assemble import main as assemble
from stages.validate import main as validate
from tests.memory import peak_bytes
from tests.table_world import ARCHIVES, digests, filled, texts

ITEMS = 50_000
RULE = {
    "held_out": [],
    "held_out_species_share": 0.01,
    "rare_species_share": 0.01,
    "held_out_regions": ["Country 7"],
    "fingerprints": "all",
}
GATE = {"min_benchmarks": 1, "max_shared_days_share": 1.0}


def main(folder: Path, step: str) -> None:
    params = load(Path("params.yaml"))
    rule, gate = params.assemble.model_copy(update=RULE), params.validate_.model_copy(update=GATE)
    names = sorted(one.name for one in (folder / "manifests").iterdir())
    out, benchmarks = folder / "out", folder / "benchmarks"
    if not benchmarks.exists():
        write_table(items(), benchmarks / "cbi.parquet")
    if step == "diff":
        later(out, folder / "later")
    if step == "validate":
        import great_expectations  # noqa: F401 - three seconds that are no row's
    begun = time.monotonic()
    if step == "leakage":
        columns = list(dict.fromkeys([*NEEDED, *COMPARED]))
        tables = [pq.read_table(folder / "manifests" / one / "recordings.parquet", columns=columns) for one in names]
        import pyarrow as pa

        found = compare(pa.concat_tables(tables), [], benchmarks, by_fingerprint=True)
        assert found.table.num_rows > 0
    elif step == "assemble":
        assemble(rule, dict.fromkeys(names), folder / "manifests", folder / "captions", benchmarks, out)
    elif step == "validate":
        validate(gate, rule, out, *(folder / one for one in ("v.json", "v.html", "gate.json", "broken.parquet")))
    else:
        report, _ = difference(out / "pairs.parquet", folder / "later/pairs.parquet")
        assert report["removed"] > 0 and report["moved"] == 0
    seconds = time.monotonic() - begun
    print(json.dumps({"seconds": seconds, "peak": peak_bytes()}))


def items():
    """A benchmark whose sounds come from the first archive, as BEANS' cbi does."""
    numbers = np.arange(ITEMS) * 3
    columns = {
        "task": np.full(ITEMS, "cbi"),
        "item_id": texts("cbi:{}.wav", numbers),
        "split": np.full(ITEMS, "test"),
        "source_id": texts(f"{ARCHIVES[0]}:XC{{}}", numbers),
        "audio_sha256": digests(ARCHIVES[0], numbers, 64),
        "recorded_by": texts("Recordist {}", numbers % 50),
        "event_date": (np.datetime64("2014-01-01") + numbers % 3650).astype(str),
    }
    return filled(schema(BenchmarkItem), ITEMS, columns)


def later(out: Path, folder: Path) -> None:
    """Another version: one recording in a hundred is gone."""
    if not folder.exists():
        pairs = pq.read_table(out / "pairs.parquet")
        write_table(pairs.slice(len(pairs) // 100), folder / "pairs.parquet")
        write_json(read_json(out / "card.json"), folder / "card.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
