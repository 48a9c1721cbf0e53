"""One score made again from its file, and compared to the last digit."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from flows.dvc_graph import environment
from flows.gates import sha256
from flows.passport.locks import parse_yaml


def reproduce(file: Path, root: Path = Path()) -> str:
    """Run the score's task again as dvc.yaml does, into a scratch file; returns what was found equal.

    ValueError where the model or the dataset here is another than the score's, before anything runs, and where a value comes
    out otherwise, naming each.
    """
    told = _scores(file)
    task = next(iter(told.values()))["task"]
    words = _command(root, task)
    _same_inputs(told, words, root)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "score.json"
        words[words.index("--out") + 1] = str(out)
        done = subprocess.run(words, cwd=root, env=environment(root), capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"{task} could not be scored: {(done.stderr or done.stdout).strip().splitlines()[-1]}")
        again = json.loads(out.read_text(encoding="utf-8"))
    unlike = list(differences(told, again))
    if unlike:
        more = f"; and {len(unlike) - 10} more" if len(unlike) > 10 else ""
        raise ValueError(
            f"{file} is not what comes out here: {'; '.join(unlike[:10])}{more}. Same model and dataset: evaluate in params.yaml, "
            "the code or the processor is another."
        )
    values = ", ".join(f"{origin} {score['primary']} {score['value']!r}" for origin, score in told.items())
    return f"{task}: the same to the last digit ({values})"


def differences(told: object, again: object, where: str = "") -> list[str]:
    """Every leaf that is not equal in two JSON values, as "path: was, is"."""
    if isinstance(told, dict) and isinstance(again, dict):
        keys = [*told, *(key for key in again if key not in told)]
        pairs = [(key, told.get(key, "nothing"), again.get(key, "nothing")) for key in keys]
    elif isinstance(told, list) and isinstance(again, list) and len(told) == len(again):
        pairs = [(str(number), *pair) for number, pair in enumerate(zip(told, again, strict=True))]
    else:
        return [] if told == again else [f"{where}: was {told!r}, is {again!r}"]
    found = []
    for key, old, new in pairs:
        found += differences(old, new, f"{where}.{key}" if where else key)
    return found


def _scores(file: Path) -> dict[str, dict]:
    if not file.is_file():
        raise FileNotFoundError(f"{file} does not exist. Score files lie in reports/scores.")
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        tasks = {score["task"] for score in told.values()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{file} is no score file: it must hold a score for each origin.") from error
    if len(tasks) != 1:
        raise ValueError(f"{file} holds {len(tasks)} tasks; a score file holds one.")
    return told


def _command(root: Path, task: str) -> list[str]:
    """The words of the arm's command in dvc.yaml, run by this Python."""
    text = parse_yaml((root / "dvc.yaml").read_bytes())["stages"]["evaluate"]["do"]["cmd"]
    words = shlex.split(text.replace("${item}", task))
    return [sys.executable, *words[1:]]


def _same_inputs(told: dict[str, dict], words: list[str], root: Path) -> None:
    model = parse_yaml((root / "params.yaml").read_bytes())["evaluate"]["model"]
    dataset = Path(words[words.index("--animalspeak") + 1]) / "pairs.parquet"
    files = {"dataset_sha": dataset}
    if (root / model).is_dir():  # else a hub id, which the stage looks up
        files["model_sha"] = Path(model) / "model.safetensors"
    for key, path in files.items():
        here = sha256(root / path)
        if not here:
            raise FileNotFoundError(f"{path} is not here. Fetch it with: dvc pull {path.parent}")
        for origin, score in told.items():
            if score[key] != here:
                raise ValueError(
                    f"the {origin} score is of {key} {score[key][:12]}, {path} is {here[:12]}. Check out the commit that wrote the "
                    "score, then: dvc checkout. Which one it is: python -m flows lineage FILE"
                )
