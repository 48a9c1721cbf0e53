"""Ray nodes as processes of this machine, started as an operator starts them."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.flows.prefect_stack import free_port

SHARED = ("--num-cpus", "1", "--disable-usage-stats", "--block")


@contextlib.contextmanager
def head(folder: Path, values: dict[str, str]) -> Iterator[dict[str, str]]:
    """A Ray head of one CPU, logging to `folder`; yields the environment of its drivers and of further nodes."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    values = values | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    values.pop("PYTHONPATH", None)  # a node has its own code, not the driver's checkout
    words = ["ray", "start", "--head", "--port", str(port), "--include-dashboard", "false", *SHARED]
    check = ["ray", "health-check", "--address", address]
    with background(folder, values, "ray-head", *words):
        wait_until(lambda: subprocess.run(check, env=values, check=True, capture_output=True))
        yield values | {"RAY_ADDRESS": address}


def node(folder: Path, values: dict[str, str], name: str = "ray-node"):
    """A further node of one CPU, as a context that yields its process."""
    return background(folder, values, name, "ray", "start", "--address", values["RAY_ADDRESS"], *SHARED)


@contextlib.contextmanager
def background(folder: Path, values: dict[str, str], name: str, *words: str) -> Iterator[subprocess.Popen]:
    """A command with its log in `folder`; ended with the block."""
    with open(folder / f"{name}.log", "wb") as log:
        process = subprocess.Popen(words, cwd=folder, env=values, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until(attempt: Callable[[], object], seconds: float = 60) -> None:
    """Try again until it raises nothing; its error after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            attempt()
            return
        except Exception:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)


def plain_environment() -> dict[str, str]:
    """This process's environment without what leads to other servers."""
    others = ("PREFECT_", "RAY_", "BIOLINGUAL_")
    return {name: value for name, value in os.environ.items() if not name.startswith(others)}
