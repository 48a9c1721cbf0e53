"""`make cluster-rehearsal`: the demo's pretraining through every part of a cluster, as processes of this machine.

Two Ray nodes, S3 over HTTP (a moto server) as DVC remote and Ray storage, a Prefect server and a worker of the pool `cluster`.
One checkout builds and pushes the data; the other has no audio, streams the shards by content hash, and must come to the
very dvc.lock that the committed demo has. It shows that the parts fit; two processes on Gloo are not a GPU cluster.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ruamel.yaml import YAML

from tests.flows.prefect_stack import free_port
from tests.ray_nodes import background, head, node, plain_environment, wait_until
from tests.small_world import ROOT, clone

BUCKET = "rehearsal"
TRAINED = ("pretrain", "embed", "evaluate", "release")  # the arms that the cluster runs
STARTED = time.monotonic()


def main() -> int:
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-"))
    try:
        with s3(folder) as values:
            builder = build_and_push(folder / "builder", values)
            checkout = without_audio(builder, folder / "checkout", values)
            with ray_nodes(folder, values) as ray, prefect(checkout, ray):
                run(checkout, ray, "prefect", "deployment", "run", "pretrain/cluster", "--watch")
            verdict(checkout, folder, values)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    say("the rehearsal has ended well")
    return 0


def say(text: str) -> None:
    print(f"[{time.monotonic() - STARTED:4.0f} s] {text}", flush=True)


def run(cwd: Path, values: dict[str, str], *words: str) -> str:
    """A Python module or `prefect`/`dvc`/`ray` command that must succeed."""
    done = subprocess.run(words, cwd=cwd, env=values, capture_output=True, text=True, check=False)
    if done.returncode:
        log = cwd / ".runs/prefect/worker.log"
        tail = log.read_text(errors="replace")[-6000:] if log.is_file() else ""
        raise RuntimeError(
            f"{' '.join(words)}: exit code {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}{tail}"
        )
    return done.stdout


@contextlib.contextmanager
def s3(folder: Path) -> Iterator[dict[str, str]]:
    """An S3 server and a bucket; yields the environment of everybody who uses it."""
    import boto3

    port = free_port()
    values = {
        **plain_environment(),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "rehearsal",
        "AWS_SECRET_ACCESS_KEY": secrets.token_hex(8),
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with background(folder, values, "s3", sys.executable, "-m", "moto.server", "-p", str(port)):
        client = boto3.client(
            "s3",
            endpoint_url=values["AWS_ENDPOINT_URL"],
            aws_access_key_id="rehearsal",
            aws_secret_access_key="rehearsal",
            region_name="us-east-1",
        )
        wait_until(lambda: client.create_bucket(Bucket=BUCKET))
        say(f"S3 answers at port {port}")
        yield values


def build_and_push(folder: Path, values: dict[str, str]) -> Path:
    """A checkout that builds the dataset and pushes it to S3; the trained arms are taken out of its lock."""
    clone(folder, {})
    values = values | {"PYTHONPATH": str(folder)}
    run(folder, values, "dvc", "remote", "add", "--default", "s3", f"s3://{BUCKET}/dvc")
    run(folder, values, "dvc", "repro", "validate")
    run(folder, values, "dvc", "push", "validate", "--with-deps")
    yaml = YAML()
    yaml.width = 4096
    lock = yaml.load((folder / "dvc.lock").read_text())
    for name in [name for name in lock["stages"] if name.split("@")[0] in TRAINED]:
        del lock["stages"][name]
    with open(folder / "dvc.lock", "w") as file:
        yaml.dump(lock, file)
    git = ("git", "-c", "user.name=rehearsal", "-c", "user.email=rehearsal@example.org")
    run(folder, values, *git, "commit", "-qam", "the dataset, nothing trained")
    say("the dataset is built and pushed")
    return folder


def without_audio(builder: Path, folder: Path, values: dict[str, str]) -> Path:
    """A fresh checkout with tables alone: the shards stay in the remote."""
    run(builder.parent, values, "git", "clone", "-q", str(builder), str(folder))
    paths = ["data/params-ok", "data/animalspeak"]
    paths += [f"data/{kind}" for kind in ("manifests", "captions")]
    outs = [
        out["path"]
        for stage in YAML(typ="safe").load((folder / "dvc.lock").read_text())["stages"].values()
        for out in stage.get("outs", [])
    ]
    wanted = [out for out in outs if out.startswith(tuple(paths))]
    run(folder, values | {"PYTHONPATH": str(folder)}, "dvc", "pull", *wanted)
    say(f"a second checkout holds {len(wanted)} tables and no audio")
    return folder


@contextlib.contextmanager
def ray_nodes(folder: Path, values: dict[str, str]) -> Iterator[dict[str, str]]:
    """A Ray head and a second node of one CPU each, outside both checkouts; yields the environment of a driver."""
    with head(folder, values) as ray, node(folder, ray):
        say("two Ray nodes run")
        yield ray | {"BIOLINGUAL_RAY_STORAGE": f"s3://{BUCKET}/ray"}


@contextlib.contextmanager
def prefect(checkout: Path, values: dict[str, str]) -> Iterator[None]:
    """A Prefect server and a worker of the pool `cluster`, with the cluster's deployments."""
    # Decoding goes through Ray as well; the training workers are its two nodes.
    values |= {"BIOLINGUAL_CHECKOUT": str(checkout), "BIOLINGUAL_TRAIN_WORKERS": "2", "PYTHONPATH": str(checkout)}
    try:
        run(checkout, values, "python", "-m", "flows", "up", "--port", str(free_port()), "--pool", "cluster")
        say("Prefect and its worker run")
        yield
    finally:
        run(checkout, values, "python", "-m", "flows", "down")


def verdict(checkout: Path, folder: Path, values: dict[str, str]) -> None:
    """The lock is the committed demo's, no audio lies in the checkout, and the shards came from the remote."""
    own = YAML(typ="safe").load((checkout / "dvc.lock").read_text())["stages"]
    demo = YAML(typ="safe").load((ROOT / "dvc.lock").read_text())["stages"]
    differing = [name for name in demo if own.get(name) != demo[name]]
    if differing:
        raise RuntimeError(f"these arms differ from the committed dvc.lock: {', '.join(differing)}")
    if (checkout / "data/audio").exists():
        raise RuntimeError("the checkout holds audio")
    shards = [path for path in (checkout / ".runs/shards").iterdir() if not path.name.startswith(".")]
    if not shards:
        raise RuntimeError("no shard was streamed")
    run(checkout, values | {"PYTHONPATH": str(checkout)}, "dvc", "push", "pretrain")
    say(
        f"dvc.lock is the demo's; {len(shards)} shards were streamed by hash, none lies in data/audio; the model is pushed"
    )


if __name__ == "__main__":
    sys.exit(main())
