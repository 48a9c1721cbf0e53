"""Run by test_loss: one process of a one-step job. Arguments: rank, world size, folder for the meeting point and the result."""

import sys
from pathlib import Path

import torch
import torch.distributed as dist

from biolingual.loss import sum_gradients, summed
from biolingual.model import build
from biolingual.params import load
from biolingual.training import loop
from biolingual.training.batches import Batch

N = 8  # global batch


def global_batch(mel_bins: int) -> Batch:
    draw = torch.Generator().manual_seed(3)
    return Batch(
        mels=20 * torch.randn(N, 1, 201, mel_bins, generator=draw) - 40,
        input_ids=torch.randint(5, 50, (N, 12), generator=draw),
        attention_mask=torch.ones(N, 12, dtype=torch.long),
        labels=torch.tensor([0, 1, 2, 0, 3, 1, 4, 5]),
    )


def main(rank: int, world: int, folder: Path) -> None:
    torch.set_num_threads(1)
    params = load(Path(__file__).parents[2] / "params.yaml")
    if world > 1:
        dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=world)
    torch.manual_seed(0)
    model = build(params.model, params.frontend.mel_bins, 60)
    whole = global_batch(params.frontend.mel_bins)
    loop.freeze_batch_norm(model, whole.mels)
    loop.train_mode(model)
    mine = slice(rank * N // world, (rank + 1) * N // world)
    share = loop.loss_of(model, Batch(**{name: value[mine] for name, value in vars(whole).items()}), params.pretrain)
    share.backward()
    named = {name: one for name, one in model.named_parameters() if one.grad is not None}
    sum_gradients(list(named.values()))
    result = {"loss": float(summed(share)), "gradients": {name: one.grad for name, one in named.items()}}
    if rank == 0:
        torch.save(result, folder / f"of-{world}.pt")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
