"""A score twice: over all of its items, and over those that share neither sound nor recordist's day with training."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from biolingual.dataset.overlaps import days


def dirty(pairs: pa.Table, overlaps: pa.Table) -> set[str]:
    """The items that are not clean: a benchmark's that met a recording of ours, our own whose recordist and day are in train.

    pairs: recording_id, split, recorded_by, event_date.
    """
    train = days(pairs.filter(pc.equal(pairs["split"], "train"))).unique()
    own = days(pairs)
    met = pc.and_(pc.is_in(own, train.filter(pc.not_equal(train, ""))), pc.starts_with(pairs["split"], "test"))
    return {*overlaps["item_id"].to_pylist(), *pairs["recording_id"].filter(met).to_pylist()}


def both(items: pa.Table, unclean: set[str]) -> dict[str, dict[str, float]]:
    """{origin: all, clean, n, n_clean} of a table of items (origin, item, unit, value); nan where no item is clean.

    An item is named by its recording, its clip, or its file.
    """
    found = {}
    for origin in sorted(set(items["origin"].to_pylist())):
        mine = items.filter(pc.equal(items["origin"], origin))
        values = np.asarray(mine["value"].to_pylist(), dtype=float)
        kept = np.array(
            [item not in unclean and item.rpartition("#")[0] not in unclean for item in mine["item"].to_pylist()]
        )
        found[origin] = {
            "all": float(values.mean()),
            "clean": float(values[kept].mean()) if kept.any() else float("nan"),
            "n": len(values),
            "n_clean": int(kept.sum()),
        }
    return found
