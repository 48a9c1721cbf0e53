"""Retrieval of 100,000 items by 100,000 queries of width 512: python -m tests.benchmarks.large_retrieval [N]; prints JSON."""

import json
import sys
import time

import numpy as np

from biolingual.benchmarks import metrics
from tests.memory import peak_bytes


def main(n: int) -> None:
    draw = np.random.Generator(np.random.PCG64(0))
    items = draw.standard_normal((n, 512), dtype=np.float32)
    queries = items + 0.1 * draw.standard_normal((n, 512), dtype=np.float32)
    started = time.monotonic()
    found = metrics.first_relevant(queries, items, np.arange(n), np.arange(n), 10)
    seconds = time.monotonic() - started
    peak_gb = peak_bytes() / 1e9
    print(json.dumps({"n": n, "r1": float(found[:, 0].mean()), "peak_gb": round(peak_gb, 2), "s": round(seconds)}))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
