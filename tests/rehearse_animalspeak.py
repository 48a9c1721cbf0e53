"""`make rehearse-animalspeak`: the whole graph from the paper-scale values in a temporary clone, a listed set of keys shrunk.

The 153 M model is really built, stepped, scored and released, on a small simulated world. It shows that the recipe runs;
its scores mean nothing.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

from ruamel.yaml import YAML
from transformers import RobertaTokenizer

from biolingual.model import train_tokenizer
from tests.small_world import ROOT, change_params, clone, dvc, run

# What one machine without archives, hubs and GPUs cannot do; every other value is the file's.
SHRUNK = {
    "simulate": {"n_recordings": 240, "dumps": ["xeno_canto-2026-01", "inaturalist-2026-01"]},
    "assemble": {"valid_share": 0.1, "test_share": 0.3, "held_out": ["Orundidae"]},
    "validate": {
        "min_recordings": 50,
        "min_train_species": 5,
        "min_train_share": 0.3,
        "max_caption_share": 1.0,
        "max_species_share": 0.3,
        "min_benchmarks": 0,
    },
    "model": {"init": "scratch", "tokenizer": "tokenizer", "compile": False},
    "pretrain": {
        "steps": 3,
        "global_batch_size": 8,
        "micro_batch_size": 4,
        "warmup_steps": 1,
        "batch_norm_clips": 8,
        "checkpoint_every": 2,
        "log_every": 1,
    },
    "evaluate": {"bootstrap": 50},
    "release": {"max_mean_cosine": 1.0, "max_regression": 1.0},
}
RECIPES = {
    "paper": ["infra/params-animalspeak.yaml"],
    "modern": ["infra/params-animalspeak.yaml", "infra/params-animalspeak-modern.yaml"],
}
MILLIONS = (150, 160)  # of parameters: the paper's towers
VOCAB = 50265  # roberta-base's tokens: a quarter of the parameters are their embeddings


def main(names: list[str]) -> int:
    """Each recipe in turn; a fault ends it with its message."""
    folder = Path(tempfile.mkdtemp(prefix="animalspeak-"))
    try:
        for name in names or RECIPES:
            rehearse(name, folder / name)
            shutil.rmtree(folder / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def rehearse(name: str, project: Path) -> None:
    started = time.monotonic()
    prepare(clone(project, {}), RECIPES[name])
    print(f"{name}: dvc repro from {', '.join(RECIPES[name])}, but for {', '.join(shrunk_keys())}", flush=True)
    dvc(project, "repro", BIOLINGUAL_TRAIN_WORKERS="1")
    report = json.loads((project / "reports/training.json").read_text())
    millions = report["parameters"] / 1e6
    if not MILLIONS[0] < millions < MILLIONS[1] or report["steps"] != SHRUNK["pretrain"]["steps"]:
        raise RuntimeError(f"{name}: {millions:.0f} M parameters after {report['steps']} steps")
    speed = json.loads((project / "build/pretrain-speed.json").read_text())
    print(
        f"{name}: {millions:.1f} M parameters, {report['steps']} steps at {speed['pairs_per_second']} pairs/s, loss "
        f"{report['first_loss']:.3f} -> {report['final_loss']:.3f}; scored and released in {time.monotonic() - started:.0f} s",
        flush=True,
    )


def prepare(project: Path, recipe: list[str]) -> None:
    """params.yaml as the recipe says, with SHRUNK over it and the simulated dumps' rows as the demo has them."""
    done = run(project, sys.executable, "-m", "flows", "params", *recipe)
    if done.returncode:
        raise RuntimeError(done.stderr)
    stand_in_tokenizer(project / SHRUNK["model"]["tokenizer"])
    demo = YAML(typ="safe").load((ROOT / "params.yaml").read_text())["dumps"]
    change_params(project, {**SHRUNK, "dumps": {name: demo[name] for name in SHRUNK["simulate"]["dumps"]}})


def stand_in_tokenizer(folder: Path) -> None:
    """Bytes as tokens, and as many unused ones as make roberta-base's number: its own lies on the hub."""
    bytes_alone = train_tokenizer(["a"], VOCAB, 64)
    vocab = bytes_alone.get_vocab()
    vocab |= {f"unused {number}": number for number in range(len(vocab), VOCAB)}
    RobertaTokenizer(vocab=vocab, merges=[]).save_pretrained(folder)


def shrunk_keys() -> list[str]:
    return [f"{section}.{key}" for section, keys in SHRUNK.items() for key in keys]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
