"""Run by tests: one process of a job of a few steps at demo size, on made-up tensors.

Arguments: rank, world size, folder for the meeting point and the result, and what differs from params.yaml as JSON
({"pretrain": {...}, "model": {...}, "rows": N, "steps": n, "keep": [steps], "weights": file}).
"""

import copy
import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from biolingual.loss import rows_of, sum_gradients, summed
from biolingual.model import build, mel_batch_norm
from biolingual.params import load
from biolingual.training import loop
from biolingual.training.batches import Batch

SMALL = {"audio_width": 16, "audio_depths": [1, 1, 1, 1], "audio_heads": [1, 2, 4, 8], "text_layers": 1}


def global_batch(mel_bins: int, rows: int, step: int = 0) -> Batch:
    draw = torch.Generator().manual_seed(3 + step)
    return Batch(
        mels=20 * torch.randn(rows, 1, 201, mel_bins, generator=draw) - 40,
        input_ids=torch.randint(5, 50, (rows, 12), generator=draw),
        attention_mask=torch.ones(rows, 12, dtype=torch.long),
        labels=torch.randint(0, max(2, rows - 2), (rows,), generator=draw),
    )


def part(whole: Batch, rank: int, world: int, parts: int = 0) -> Batch:
    total = len(whole.mels)
    mine = rows_of(rank, world, total, parts)
    return Batch(**{name: value[mine] for name, value in whole.tensors().items()}, total=total)


def one_step(rank: int, world: int, changes: dict) -> dict:
    """{loss, gradients, running: the mel BatchNorm's statistics} of a step, from the file `weights` where there is one;
    of several steps {losses, weights: by step, as they stood before those in `keep`}."""
    params = load(Path(__file__).parents[2] / "params.yaml")
    model_params = params.model.model_copy(update=SMALL | changes.get("model", {}))
    settings = params.pretrain.model_copy(update=changes.get("pretrain", {}))
    rows, steps = changes.get("rows", 8), changes.get("steps", 1)
    torch.manual_seed(0)
    model = build(model_params, params.frontend.mel_bins, 60)
    loop.freeze_batch_norm(model, global_batch(params.frontend.mel_bins, rows).mels / 2)
    if "weights" in changes:
        model.load_state_dict(torch.load(changes["weights"]))
    loop.train_mode(model)
    bias = loop.logit_bias(settings)
    if steps > 1:
        optimiser = loop.optimizer(model, settings, bias)
        losses, weights = [], {}
        for number in range(steps):
            if number in changes.get("keep", ()):
                weights[number] = copy.deepcopy(model.state_dict())
            batch = part(global_batch(params.frontend.mel_bins, rows, number), rank, world, settings.parts)
            losses.append(loop.step(model, optimiser, batch, number, settings, bias)["loss"])
        return {"losses": losses, "weights": weights}
    batch = part(global_batch(params.frontend.mel_bins, rows), rank, world, settings.parts)
    named = dict(model.named_parameters()) | ({} if bias is None else {"logit_bias": bias})
    if settings.parts:
        loss = loop.backward_in_parts(model, list(named.values()), batch, 5, settings, bias)
    else:
        loss = summed(loop.backward(model, batch, 5, settings, bias))
        sum_gradients([one for one in named.values() if one.grad is not None])
    norm = mel_batch_norm(model)
    return {
        "loss": float(loss),
        "gradients": {name: one.grad for name, one in named.items() if one.grad is not None},
        "running": torch.stack([norm.running_mean, norm.running_var]),
    }


def main(rank: int, world: int, folder: Path, changes: dict) -> None:
    torch.set_num_threads(1)
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meeting-{world}", rank=rank, world_size=world)
    result = one_step(rank, world, changes)
    if rank == 0:
        torch.save(result, folder / f"of-{world}.pt")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), json.loads(sys.argv[4]))
