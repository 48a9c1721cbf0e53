"""What a release says of itself: the card with real scores only, the lineage, the parity certificate and the index page.

Shapes: n probes, D embedding.
"""

from __future__ import annotations

import csv
import io
import math
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from biolingual.pages import polyline, render
from biolingual.params import ReleaseParams
from biolingual.records import Pair
from biolingual.tabular import read_json, write_json

MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)
PROBES = 64  # enough to see a dead tower, few enough to cost seconds


@dataclass(frozen=True)
class Sources:
    """The outputs of the graph that a release is made from."""

    clap: Path
    animalspeak: Path
    scores: Path
    training: Path
    versions: Path  # reports/releases.json: what was released, this model last when `flows release` asks

    def read(self) -> tuple[dict, dict, list[dict], list[dict]]:
        """(training, dataset card, scores by file and origin, versions)"""
        scores = [score for path in sorted(self.scores.glob("*.json")) for score in read_json(path).values()]
        return read_json(self.training), read_json(self.animalspeak / "card.json"), scores, read_json(self.versions)


def lineage(training: dict, card: dict, scores: list[dict]) -> dict:
    """The passport of a model: what it learnt from, down to the dumps, and what it scored.

    ValueError when a score is of another model or of another dataset version than the card's: no release without a chain.
    """
    for score in scores:
        for key, expected in (("model_sha", training["model_sha"]), ("dataset_sha", card["dataset_sha"])):
            if score[key] != expected:
                raise ValueError(
                    f"score {score['task']} ({score['origin']}) has {key} {score[key][:12]}, the release has {expected[:12]}. "
                    f"Run: dvc repro evaluate@{score['task']}"
                )
    if training["dataset_sha"] != card["dataset_sha"]:
        raise ValueError("the model was trained on another dataset version than the card's. Run: dvc repro")
    return {
        "model_sha": training["model_sha"],
        "origin": training["origin"],
        "dataset_sha": card["dataset_sha"],
        "dumps": card["dumps"],
        "scores": [
            {key: score[key] for key in ("task", "origin", "primary", "value", "ci95", "n", "embedding_id")}
            for score in scores
        ],
    }


def probes(pairs: list[Pair]) -> list[Pair]:
    """At most PROBES test clips with a caption, each of another species: sounds and sentences that are unrelated."""
    first: dict[str, Pair] = {}
    for pair in sorted(pairs, key=lambda pair: pair.clip_id):
        name = pair.scientific_name or pair.common_name
        if name and pair.split.startswith("test") and any(caption.status == "ok" for caption in pair.captions):
            first.setdefault(name, pair)
    names = sorted(first)
    return [first[name] for name in names[:: math.ceil(len(names) / PROBES) or 1]]


def embeddings(clap: Path, release: Path, waveforms: list[np.ndarray], captions: list[str]) -> dict[str, tuple]:
    """{tower: ([n, D] of the checkpoint by this library, [n, D] of the release by plain transformers)}"""
    import torch
    from transformers import ClapModel, ClapProcessor

    from biolingual.model import Embedder

    ours = Embedder.load(str(clap))
    model, processor = ClapModel.from_pretrained(release).eval(), ClapProcessor.from_pretrained(release)
    sounds = processor(audio=waveforms, sampling_rate=ours.log_mel.sample_rate_hz, return_tensors="pt")
    words = processor(text=captions, padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        audio = model.get_audio_features(**sounds).pooler_output.numpy()
        text = model.get_text_features(**words).pooler_output.numpy()
    return {"audio": (ours.audio(waveforms), audio), "text": (ours.text(captions), text)}


def certificate(params: ReleaseParams, model_sha: str, towers: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict:
    """Whether the release gives the checkpoint's embeddings, and whether both towers tell unrelated inputs apart.

    ValueError names every tower past a limit of params. Rounded, so that equal models give equal bytes.
    """
    parity, liveness, faults = {}, {}, []
    for tower, (ours, theirs) in towers.items():
        n = len(theirs)
        difference = float(np.abs(ours - theirs).max())
        mean_cosine = min(float(np.triu(theirs @ theirs.T, 1).sum() / (n * (n - 1) / 2)), 1.0)
        parity[tower] = {"difference": magnitude(difference), "passed": difference <= params.parity_tolerance}
        liveness[tower] = {"mean_cosine": round(mean_cosine, 2), "passed": mean_cosine <= params.max_mean_cosine}
        if not parity[tower]["passed"]:
            faults.append(
                f"the {tower} tower, reloaded from the release, differs from the checkpoint by {difference:.1e} "
                f"(release.parity_tolerance is {params.parity_tolerance:g})"
            )
        if not liveness[tower]["passed"]:
            faults.append(
                f"the {tower} tower is collapsed: embeddings of different species have a mean cosine of {mean_cosine:.2f} "
                f"(release.max_mean_cosine is {params.max_mean_cosine:g})"
            )
    if faults:
        raise ValueError("; ".join(faults) + ". Nothing is released.")
    return {
        "model_sha": model_sha,
        "probes": n,
        "tolerance": params.parity_tolerance,
        "transformers": parity,
        "onnx": "NOT RUN: `biolingual export-onnx` writes and compares it",
        "max_mean_cosine": params.max_mean_cosine,
        "liveness": liveness,
    }


def magnitude(difference: float) -> str:
    """The power of ten a difference lies below: its digits are noise that differs between processors."""
    if difference == 0 or not math.isfinite(difference):
        return f"{difference:g}"
    return f"below 1e{math.floor(math.log10(difference)) + 1:+03d}"


def version_tables(versions: list[dict], name: str) -> list[tuple[str, list[str], list[list[str]]]]:
    """(origin, column heads, rows) of a model's versions, newest first: never two origins in one table."""
    own = [entry for entry in reversed(versions) if entry["model"] == name]
    tables = []
    for origin in sorted({score["origin"] for entry in own for score in entry["scores"]}):
        found = [
            (
                entry,
                {f"{s['task']} {s['primary']}": f"{s['value']:.3f}" for s in entry["scores"] if s["origin"] == origin},
            )
            for entry in own
        ]
        columns = sorted({column for _, values in found for column in values})
        rows = [
            [
                entry["version"],
                f"{entry['dataset_version']} ({entry['dataset_sha'][:12]})",
                entry["model_sha"][:12],
                *(values.get(column, "") for column in columns),
            ]
            for entry, values in found
            if values
        ]
        tables.append((origin, ["Version", "AnimalSpeak", "Weights", *columns], rows))
    return tables


def write_card(name: str, sources: Sources, out: Path) -> None:
    """README.md of the release in the hub's form. model-index holds scores on real sounds alone, or nothing."""
    training, card, scores, versions = sources.read()
    mine = [entry for entry in versions if entry["model"] == name and entry["model_sha"] == training["model_sha"]]
    licences = Counter()
    for part in card["by_origin"].values():
        licences.update(part["licences"])
    render(
        "card.md.j2",
        out,
        name=name,
        front_matter=_front_matter(name, card, [score for score in scores if score["origin"] == "real"]),
        known=f"Version {mine[-1]['version']}." if mine else "Not a released version.",
        training=training,
        card=card,
        licences=[f"{licence} ({n})" for licence, n in sorted(licences.items())],
        versions=version_tables(versions, name),
    )


def _front_matter(name: str, card: dict, real_scores: list[dict]) -> str:
    from huggingface_hub import EvalResult, ModelCardData
    from ruamel.yaml import YAML

    results = [
        EvalResult(
            task_type="zero-shot-audio-classification",
            dataset_type="animalspeak",
            dataset_name=f"AnimalSpeak {card['dataset_sha'][:12]}, {score['task']}",
            metric_type=score["primary"],
            metric_value=score["value"],
            verified=False,
        )
        for score in real_scores
    ]
    data = ModelCardData(
        model_name=name, library_name="transformers", tags=["clap", "bioacoustics"], eval_results=results or None
    ).to_dict()
    buffer, yaml = io.StringIO(), YAML()
    yaml.width = 4096
    yaml.dump({"model-index": [], **data}, buffer)
    return buffer.getvalue().strip()


def write_release(
    params: ReleaseParams, sources: Sources, waveforms: list[np.ndarray], captions: list[str], out: Path
) -> dict:
    """Fill the release folder, once it is certified on the probes' sounds and captions; returns the lineage."""
    training, card, scores, _ = sources.read()
    passport = lineage(training, card, scores)
    if len(waveforms) < 2:
        raise ValueError("the test splits hold fewer than two species with captions: nothing can certify the towers.")
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for file in MODEL_FILES:
        shutil.copyfile(sources.clap / file, part / file)
    towers = embeddings(sources.clap, part, waveforms, captions)
    write_json(certificate(params, training["model_sha"], towers), part / "parity.json")
    write_card(params.name, sources, part / "README.md")
    write_json(passport, part / "lineage.json")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return passport


def write_index(name: str, sources: Sources, validation: Path, curve: Path, page: Path) -> None:
    """reports/index.html: scores by origin, never two origins in one table."""
    training, card, scores, versions = sources.read()
    with open(curve, encoding="utf-8") as file:
        history = [(float(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    steps, losses = [step for step, _ in history], [loss for _, loss in history]
    render(
        "index.html.j2",
        page,
        name=name,
        training=training,
        validation=read_json(validation),
        card=card,
        scores=[
            (origin, [one for one in scores if one["origin"] == origin])
            for origin in sorted({one["origin"] for one in scores})
        ],
        versions=version_tables(versions, name),
        loss_points=polyline(steps, losses, 640, 200),
        loss_low=min(losses),
        loss_high=max(losses),
    )
