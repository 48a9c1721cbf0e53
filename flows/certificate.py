"""What was seen to hold: the claims of the README, each with the command, date and commit of its last good run."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from flows.dvc_graph import environment
from flows.files import write, write_json

FILE = Path("reports/certificate.json")
BEGIN, END = "<!-- certificate -->", "<!-- /certificate -->"
# Claim -> the command that proves it, "" where nothing here can.
CLAIMS = {
    "From a fresh clone to scores in one command": "make demo",
    "The fast suite, in a fresh clone": "make test",
    "The whole graph on a small world: nothing lost, lineage, bad input, red gate": "pytest tests/test_smoke.py",
    "485 real recordings in one's own folder: ingested or rejected with a reason, scored apart from simulated ones": (
        "pytest -m long tests/test_real_recordings.py"
    ),
    "A model trained on shuffled captions scores within chance, the true one at least three times chance": (
        "pytest -m long tests/test_shuffled_control.py"
    ),
    "`prefect deployment run pretrain/local --watch` through a real server and worker": (
        "pytest -m slow tests/flows/test_prefect_run.py"
    ),
    "A failing arm leaves its siblings finishing; a cancelled run ends its processes and frees its locks": (
        "pytest -m slow tests/flows/test_prefect_run.py"
    ),
    "Twenty hard kills of worker, server, dvc, stage or flow run in the middle of a build: the next run gives the same lock": (
        "make chaos"
    ),
    "A dump of 20,000 records ingested under twenty hard kills: the bytes of the undisturbed run, in bounded memory": (
        "make chaos-ingest"
    ),
    "A new dump: candidate branch, diff, scores of the released model on it, accepted to the lock that adding by hand gives": (
        "pytest -m slow tests/flows/test_reevaluate.py"
    ),
    "Two releases: versions, tags, promote, roll back": "pytest -m slow tests/flows/test_release.py",
    "The demo's pretraining over two Ray nodes, S3 over HTTP and a Prefect worker, shards streamed by hash": (
        "make cluster-rehearsal"
    ),
    "A pretraining run killed with SIGKILL resumes and ends with the same weights": "pytest -m slow tests/training/test_resume.py",
    "A worker, one of two Ray nodes and the driver are killed in turn: 200 steps end bit-equal to the undisturbed run": (
        "pytest -m long tests/training/test_three_kills.py"
    ),
    "The paper's recipe and its modern variant, 153 M parameters built, stepped, scored, released on a small simulated world": (
        "make rehearse-animalspeak"
    ),
    "Two processes (Gloo, CPU) give one process's loss and gradients": "pytest tests/test_loss.py",
    "Plain transformers gives the project's embeddings within 1e-5": "pytest tests/test_model.py",
    "Training on a GPU (CUDA, NCCL)": "",
    "Several GPUs, several machines": "",
    "Kubernetes": "",
    "S3 as a service (a local S3 server is tested)": "",
    "Model hubs (loading `davidrrobinson/BioLingual`, `laion/clap-htsat-unfused`)": "",
    "The released BioLingual checkpoint on public BEANS data, beside its published numbers": "",
    "Hosted language models as captioners": "",
    "The full AnimalSpeak, and the paper's 68.9 %": "",
}


def certify(claim: str) -> bool:
    """Run a claim's command; on exit code 0 record it in reports/certificate.json and README.md. ValueError for no such claim."""
    matches = [one for one in CLAIMS if claim.lower() in one.lower()]
    if len(matches) != 1 or not CLAIMS[matches[0]]:
        runnable = "\n  ".join(one for one, command in CLAIMS.items() if command)
        raise ValueError(f"{claim!r} must name exactly one claim that has a command:\n  {runnable}")
    words = CLAIMS[matches[0]].split()
    if subprocess.run(words, env=environment(), check=False).returncode:
        return False
    record(matches[0])
    return True


def record(claim: str) -> None:
    """Write down that a claim's command ended well just now, on this commit."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    ).stdout.strip()
    dirty = subprocess.run(["git", "status", "--porcelain"], capture_output=True, text=True, check=True).stdout.strip()
    entries = [entry for entry in read() if entry["claim"] != claim]
    entries.append(
        {
            "claim": claim,
            "command": CLAIMS[claim],
            "date": datetime.now(UTC).date().isoformat(),
            "commit": commit + ("+" if dirty else ""),
        }
    )
    entries.sort(key=lambda entry: list(CLAIMS).index(entry["claim"]))
    write_json(FILE, entries)
    readme = Path("README.md")
    write(readme, with_table(readme.read_text(encoding="utf-8"), entries))


def read() -> list[dict]:
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.is_file() else []


def table(entries: list[dict]) -> str:
    """The README's table; a claim without an entry reads NOT RUN."""
    proven = {entry["claim"]: entry for entry in entries}
    lines = ["| Claim | Shown by | When |", "|---|---|---|"]
    for claim, command in CLAIMS.items():
        entry = proven.get(claim)
        when = f"{entry['date']}, commit {entry['commit']}" if entry else "NOT RUN"
        lines.append(f"| {claim} | {f'`{command}`' if command else ''} | {when} |")
    return "\n".join(lines)


def with_table(readme: str, entries: list[dict]) -> str:
    """The README with its table replaced. ValueError when the markers are gone."""
    if BEGIN not in readme or END not in readme:
        raise ValueError(f"README.md has lost its {BEGIN} markers. Put them back around the table.")
    head, _, rest = readme.partition(BEGIN)
    return f"{head}{BEGIN}\n{table(entries)}\n{END}{rest.partition(END)[2]}"
