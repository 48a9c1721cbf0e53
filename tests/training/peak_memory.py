"""The peak memory of one worker that trains at demo size: python -m tests.training.peak_memory GLOBAL_BATCH MICRO_BATCH STEPS.

Prints JSON. The clips come through the real reader, from a shard of 24 tones under as many names as the batch needs, with the
cache of mels full.
"""

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from biolingual.model import build
from biolingual.params import load
from biolingual.training import batches as reading
from biolingual.training import loop
from tests.memory import peak_bytes
from tests.training.test_loop import made_batches


def main(rows: int, micro: int, steps: int) -> None:
    params = load(Path(__file__).parents[2] / "params.yaml")
    update = {"global_batch_size": rows, "micro_batch_size": micro, "steps": steps}
    settings = params.pretrain.model_copy(update=update)
    params = params.model_copy(update={"pretrain": settings})
    with tempfile.TemporaryDirectory() as folder:
        read, tokenizer = made_batches(Path(folder), params)
        known = read.pairs
        read.pairs = [replace(known[n % 24], clip_id=f"clip{n}") for n in range(2 * rows)]
        mel = read.mels([0])[0]
        for number in range(reading.MEL_CACHE_BYTES // mel.nbytes):
            read.cache[-1 - number] = mel.clone()
        torch.manual_seed(0)
        model = build(params.model, params.frontend.mel_bins, len(tokenizer))
        optimiser = loop.optimizer(model, settings)
        loop.freeze_batch_norm(model, read.mels(range(24)))
        loop.train_mode(model)
        started, losses = time.monotonic(), []
        stream = reading.Prefetched(read.stream(rows, 0, slice(0, rows)), rows)
        for number, batch in stream:
            losses.append(loop.step(model, optimiser, batch, number, settings)["loss"])
            if number + 1 == steps:
                break
    peak = peak_bytes() / 1e9
    seconds = time.monotonic() - started
    told = {"global_batch": rows, "micro_batch": micro, "peak_gb": round(peak, 2), "step_s": round(seconds / steps, 1)}
    print(json.dumps(told | {"losses": losses, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:4]))
