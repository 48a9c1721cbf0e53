"""A real Prefect server and process worker on this machine, as `prefect server start` and `prefect worker start` make them."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

START_S = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(home: Path, port: int | None) -> dict[str, str]:
    """The environment of a Prefect command: its own home, no usage reports, and the server's address where there is one."""
    from biolingual.telemetry import SETTINGS

    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    values = {
        **os.environ,
        **SETTINGS,
        "PATH": path,
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    }
    if port is not None:
        values["PREFECT_WORKER_QUERY_SECONDS"] = "2"
        values["PREFECT_API_URL"] = f"http://127.0.0.1:{port}/api"
    return values


@contextlib.contextmanager
def stack(project: Path, home: Path) -> Iterator[dict[str, str]]:
    """Server, work pool `local`, the deployments of infra/prefect.yaml and a worker; yields the environment to use them."""
    port = free_port()
    values = environment(home, port)
    started = []

    def start(*words: str) -> None:
        log = open(home / f"{words[0]}.log", "w")  # noqa: SIM115 - the child writes to it
        started.append(subprocess.Popen(["prefect", *words], cwd=project, env=values, stdout=log, stderr=log))

    def prefect(*words: str) -> None:
        subprocess.run(["prefect", "--no-prompt", *words], cwd=project, env=values, check=True, capture_output=True)

    home.mkdir(parents=True, exist_ok=True)
    try:
        start("server", "start", "--host", "127.0.0.1", "--port", str(port))
        _wait_for(f"http://127.0.0.1:{port}/api/health")
        prefect("work-pool", "create", "--type", "process", "local")
        prefect("deploy", "--prefect-file", "infra/prefect.yaml", "--name", "*/local")
        start("worker", "start", "--pool", "local", "--type", "process")
        yield values
    finally:
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_for(url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} did not answer within {START_S} s") from None
            time.sleep(0.5)
