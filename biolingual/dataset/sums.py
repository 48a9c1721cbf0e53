"""One number for the captions of a recording, so that a million lists are compared in a second."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def caption_sums(captions: pa.ListArray | pa.ChunkedArray) -> np.ndarray:
    """uint64 for each list of captions: equal for equal lists of texts, whatever their order."""
    captions = captions if isinstance(captions, pa.Array) else pa.concat_arrays(captions.chunks)
    coded = captions.flatten().field("text").dictionary_encode()
    salt = (
        pd.util.hash_array(np.asarray(coded.dictionary.to_pandas(), dtype=object))
        if len(coded)
        else np.zeros(0, np.uint64)
    )
    sums = np.zeros(len(captions), np.uint64)
    np.add.at(sums, pc.list_parent_indices(captions).to_numpy(), salt[coded.indices.to_numpy()])
    return sums
