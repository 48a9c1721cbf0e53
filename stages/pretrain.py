"""Train the model on AnimalSpeak with Ray Train, once the gate is green."""

import csv
import hashlib
import inspect
import json
import sys
import time
from pathlib import Path

from biolingual.model import build, load_tokenizer, save
from biolingual.parallel import Machine
from biolingual.params import FrontendParams, IngestParams, ModelParams, PretrainParams
from biolingual.processes import alone
from biolingual.records import Pair
from biolingual.storage import file_digests
from biolingual.tabular import read_json, rows, write_json
from biolingual.training.batches import species_of
from biolingual.training.diagnosis import diagnose
from biolingual.training.job import Job, discard
from biolingual.training.selection import training_pairs
from biolingual.training.worker import fit
from stages.entry import run, shards


def main(
    pretrain: PretrainParams,
    model: ModelParams,
    frontend: FrontendParams,
    ingest: IngestParams,
    machine: Machine,
    animalspeak: Path,
    gate: Path,
    audio: Path,
    runs: Path,
    clap: Path,
    report: Path,
    curve: Path,
    speed: Path,
) -> None:
    started = time.monotonic()
    dataset_sha = file_digests(str(animalspeak / "pairs.parquet"))[0]
    check_gate(gate, dataset_sha)
    everything = rows(animalspeak / "pairs.parquet", Pair)
    pairs = training_pairs(everything, pretrain)
    sections = {"pretrain": pretrain, "model": model, "frontend": frontend, "ingest": ingest}
    name = run_name(dataset_sha, {key: section.model_dump() for key, section in sections.items()})
    tokenizer = load_tokenizer(model, (caption.text for pair in pairs for caption in pair.captions))
    tokenizer.save_pretrained(runs / name / "tokenizer")
    # A product's bits hang on its threads too: with parts they are the same for any number of workers.
    threads = 1 if pretrain.parts else max(1, machine.workers // machine.train_workers)
    job = Job(
        **sections,
        pairs=str((animalspeak / "pairs.parquet").resolve()),
        shards=shards(audio, everything, machine),
        tokenizer=str((runs / name / "tokenizer").resolve()),
        threads=threads,
        readers=max(2, threads),
    )
    with alone(runs / f"{name}.lock"):  # a run that was told to end may still be writing its checkpoint
        state = fit(job, machine, runs / name, "ray")
    clap_model = build(model, frontend.mel_bins, len(tokenizer))
    clap_model.load_state_dict(state["model"])
    model_sha = save(clap_model, job.log_mel, tokenizer, clap)
    origins = sorted({pair.origin for pair in pairs})
    lineage = {
        "model_sha": model_sha,
        "dataset_sha": dataset_sha,
        "origin": origins[0] if len(origins) == 1 else "mixed",
        "seed": pretrain.seed,
    }
    write_json(lineage, clap / "lineage.json")
    learnt = {"recordings": len({pair.recording_id for pair in pairs}), "species": len(set(map(species_of, pairs)))}
    summary = summarise(state, lineage | {"learnt_from": learnt}, clap_model)
    write_json(summary, report)
    write_curve(state["history"], curve)
    write_speed(state, time.monotonic() - started, speed)
    discard(machine, runs / name)


def check_gate(gate: Path, dataset_sha: str) -> None:
    """ValueError unless the gate is green and was drawn for this very dataset."""
    verdict = read_json(gate)
    if not verdict["passed"]:
        raise ValueError(
            f"{gate} is red: see reports/validation.html for the rows. Nothing is trained on this dataset."
        )
    if verdict["dataset_sha"] != dataset_sha:
        raise ValueError(
            f"{gate} judged dataset {verdict['dataset_sha'][:12]}, this one is {dataset_sha[:12]}. Run: dvc repro validate"
        )


def run_name(dataset_sha: str, values: dict) -> str:
    """hash(params, code, input): another key starts fresh, the same one resumes."""
    code = [
        Path(inspect.getfile(module)).read_text(encoding="utf-8")
        for name, module in sorted(sys.modules.items())
        if name.startswith(("biolingual", "stages.")) and getattr(module, "__file__", None)
    ]
    return hashlib.sha256(json.dumps([dataset_sha, values, code], sort_keys=True).encode()).hexdigest()[:16]


def summarise(state: dict, lineage: dict, model) -> dict:
    """What training came to; nothing of the machine, so that equal runs give equal files."""
    history, watched = state["history"], state["watched"]
    return {
        **lineage,
        "parameters": sum(one.numel() for one in model.parameters()),
        "steps": state["step"],
        "global_batch_size": state["global_batch_size"],
        "first_loss": history[0]["loss"],
        "final_loss": history[-1]["loss"],
        "valid_loss": watched[-1].get("valid_loss"),
        "gradient_norm": history[-1]["gradient_norm"],
        "logit_scale": history[-1]["logit_scale"],
        "diagnosis": diagnose(history, watched),
        "watched": watched,
    }


def write_curve(history: list[dict], curve: Path) -> None:
    curve.parent.mkdir(parents=True, exist_ok=True)
    with open(curve, "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(history[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(history)


def write_speed(state: dict, stage_s: float, speed: Path) -> None:
    """How fast it went here: no output of the graph. `step_seconds` are of all runs of this training, `stage_seconds` of this."""
    rate = state["step"] * state["global_batch_size"] / state["seconds"]
    waited = state["waited"] / state["seconds"]
    write_json(
        {
            "stage_seconds": round(stage_s, 1),
            "step_seconds": round(state["seconds"], 1),
            "pairs_per_second": round(rate, 1),
            "data_wait_share": round(waited, 4),
            "workers": state["workers"],
            "ray_job_id": state["ray_job_id"],
        },
        speed,
    )
    print(
        f"pretrain: {state['step']} steps in {state['seconds']:.0f} s of {stage_s:.0f} s ({rate:.0f} pairs/s, waiting for data "
        f"{waited:.1%}), loss {state['history'][-1]['loss']:.3f}, valid {state['watched'][-1].get('valid_loss')}"
    )


if __name__ == "__main__":
    run(main)
