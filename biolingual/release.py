"""What a release says of itself: the model card with real scores only, the lineage, and the index page."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

from biolingual.pages import polyline, render
from biolingual.records import read_json, write_json

MODEL_FILES = (
    "config.json",
    "model.safetensors",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
)


def read_scores(folder: Path) -> list[dict]:
    """Every score in reports/scores, by file and then origin."""
    return [score for path in sorted(folder.glob("*.json")) for score in read_json(path).values()]


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


def model_card(name: str, training: dict, card: dict, scores: list[dict]) -> str:
    """README.md of the release in the hub's form. model-index holds scores on real sounds alone, or nothing."""
    from huggingface_hub import EvalResult, ModelCardData

    results = [
        EvalResult(
            task_type="zero-shot-audio-classification",
            dataset_type="animalspeak",
            dataset_name=f"AnimalSpeak {card['dataset_sha'][:12]}, {score['task']}",
            metric_type=score["primary"],
            metric_value=score["value"],
            verified=False,
        )
        for score in scores
        if score["origin"] == "real"
    ]
    data = ModelCardData(
        model_name=name, library_name="transformers", tags=["clap", "bioacoustics"], eval_results=results or None
    ).to_dict()
    data.setdefault("model-index", [])
    licences = sorted({licence for part in card["by_origin"].values() for licence in part["licences"]})
    lines = [
        "---",
        _yaml(data),
        "---",
        "",
        f"# {name}",
        "",
        f"A ClapModel trained on {training['origin']} animal sounds: AnimalSpeak version `{card['dataset_sha'][:12]}`, "
        f"{card['recordings']} recordings. Weights `{training['model_sha'][:12]}`.",
        "",
    ]
    if training["origin"] != "real":
        lines += [
            "It has heard sounds of a simulated world. It proves the chain; it is of no use on real recordings.",
            "",
        ]
    lines += [
        "```python",
        "from transformers import ClapModel, ClapProcessor",
        "",
        'model = ClapModel.from_pretrained("models/biolingual")',
        'processor = ClapProcessor.from_pretrained("models/biolingual")',
        "```",
        "",
        f"Licences of the recordings it learnt from: {', '.join(licences)}. Every step back to the dumps is in `lineage.json`.",
        "",
    ]
    return "\n".join(lines)


def _yaml(data: dict) -> str:
    import io

    from ruamel.yaml import YAML

    buffer = io.StringIO()
    yaml = YAML()
    yaml.width = 4096
    yaml.dump(data, buffer)
    return buffer.getvalue().strip()


def write_release(name: str, clap: Path, animalspeak: Path, scores: Path, training: Path, out: Path) -> dict:
    """Fill the release folder; returns the lineage."""
    card, trained, found = read_json(animalspeak / "card.json"), read_json(training), read_scores(scores)
    passport = lineage(trained, card, found)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for file in MODEL_FILES:
        shutil.copyfile(clap / file, part / file)
    (part / "README.md").write_text(model_card(name, trained, card, found), encoding="utf-8")
    write_json(passport, part / "lineage.json")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return passport


def write_index(
    name: str, animalspeak: Path, scores: Path, training: Path, validation: Path, curve: Path, page: Path
) -> None:
    """reports/index.html: scores by origin, never two origins in one table."""
    found = read_scores(scores)
    with open(curve, encoding="utf-8") as file:
        history = [(float(row["step"]), float(row["loss"])) for row in csv.DictReader(file)]
    steps, losses = [step for step, _ in history], [loss for _, loss in history]
    render(
        "index.html.j2",
        page,
        name=name,
        training=read_json(training),
        validation=read_json(validation),
        card=read_json(animalspeak / "card.json"),
        scores=[
            (origin, [one for one in found if one["origin"] == origin])
            for origin in sorted({one["origin"] for one in found})
        ],
        loss_points=polyline(steps, losses, 640, 200),
        loss_low=min(losses),
        loss_high=max(losses),
    )
