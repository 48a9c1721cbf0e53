"""A project whose graph is one function: real git and GTO around a stand-in for DVC and its stages."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from flows import gates, release, versions
from flows.release import make

PARAMS = """release:
  name: toy-model
  dataset: toy-data
  max_regression: 0.05
evaluate:
  tasks: [zero_shot, retrieval]
"""


def git(*words: str) -> str:
    return subprocess.run(["git", *words], capture_output=True, text=True, check=True).stdout.strip()


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def read(path: str) -> str:
    return Path(path).read_text()


def write(path: str, value: object) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(value if isinstance(value, str) else json.dumps(value))


class Toy:
    """A project whose graph is one function: `repro` plays every arm on a model and a dataset that are words."""

    def __init__(self):
        self.model, self.dataset, self.origin = "weights 1", "pairs 1", "simulated"
        self.values = {"zero_shot": 0.5, "retrieval": 0.6}
        self.stale: set[str] = set()

    def repro(self) -> None:
        write("data/animalspeak/pairs.parquet", self.dataset)
        write("reports/gate.json", {"passed": True, "dataset_sha": sha(self.dataset)})
        write("models/clap/model.safetensors", self.model)
        keys = {"model_sha": sha(self.model), "dataset_sha": sha(self.dataset), "origin": self.origin}
        write("reports/training.json", keys)
        for task, value in self.values.items():
            score = {**keys, "task": task, "primary": "top1", "value": value, "ci95": [0, 1], "n": 9}
            write(f"reports/scores/{task}.json", {self.origin: score})
        self.release_arm()
        self.stale = set()

    def release_arm(self) -> None:
        one = {"passed": True}
        write("models/biolingual/model.safetensors", self.model)
        parity = {
            "model_sha": sha(self.model),
            "tolerance": 1e-4,
            "transformers": {"audio": one, "text": one},
            "onnx": "NOT RUN: not exported",
            "max_mean_cosine": 0.5,
            "liveness": {"audio": {"mean_cosine": 0.03, **one}, "text": {"mean_cosine": 0.04, **one}},
        }
        write("models/biolingual/parity.json", parity)
        card = [entry["version"] for entry in json.loads(read("reports/releases.json"))]
        write("models/biolingual/README.md", " ".join(card))
        outs = [{"path": "models/biolingual", "md5": sha(self.model + str(card))}]
        write("dvc.lock", {"stages": {"release": {"outs": outs}}})

    def status(self) -> set[str]:
        shown = read("models/biolingual/README.md").split()
        due = [entry["version"] for entry in json.loads(read("reports/releases.json"))]
        return self.stale | ({"release"} if shown != due else set())

    def train(self, model: str, **values: float) -> None:
        self.model = model
        self.values.update(values)
        self.repro()


def set_up(home: Path, monkeypatch) -> Toy:
    """A committed toy project in a new folder `home`, entered."""
    home.mkdir()
    monkeypatch.chdir(home)
    git("init", "-q", "-b", "main")
    git("config", "user.name", "test")
    git("config", "user.email", "test@example.org")
    write("params.yaml", PARAMS)
    write(".gitignore", "/data/\n/models/\n/.runs/\n")
    write("reports/releases.json", "[]")
    found = Toy()
    found.repro()
    git("add", "-A")
    git("commit", "-qm", "a toy")
    monkeypatch.setattr(gates, "stale", lambda **_: found.status())
    monkeypatch.setattr(release, "stale", lambda **_: found.status())
    monkeypatch.setattr(release, "repro", lambda *_, **__: found.release_arm() or True)
    monkeypatch.setattr("flows.upload.stale", lambda **_: found.status())
    monkeypatch.setattr(versions, "dvc", lambda *_: "")
    return found


def released(bump: str = "minor", push: bool = False) -> list[str]:
    """What a release says."""
    said: list[str] = []
    make(push, bump, said.append)
    return said


def tags() -> set[str]:
    return set(git("tag").split())
