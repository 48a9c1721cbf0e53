"""Prefect on one machine: server, work pool, deployments and worker, started by one command and ended by another.

`prefect.toml` in the project folder tells every prefect command here where the server is; without it flows run serverless.
"""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import psutil

from flows.dvc_graph import environment
from flows.files import write, write_json

HOME = Path(".runs/prefect")
PIDS = HOME / "pids.json"
CONFIG = Path("prefect.toml")
PORT = 4200
START_S = 180
GRACE_S = 20
POLL_S = 2  # how soon the worker sees a run


def up(port: int = PORT, pool: str = "local") -> str:
    """Start what is not running and return the server's URL. RuntimeError with the log's last lines when it does not start."""
    HOME.mkdir(parents=True, exist_ok=True)
    standing = _read_pids()
    if not (url := _living(standing, "server") and standing["url"]):
        port = port if _is_free(port) else _free_port()
        url = f"http://127.0.0.1:{port}"
        pid = _start(url, "server", "server", "start", "--host", "127.0.0.1", "--port", str(port))
        standing = {"url": url, "server": pid}
        write_json(PIDS, standing)
        _wait_for(f"{url}/api/health", pid)
    write(CONFIG, f'# Written by `make up`, removed by `make down`.\n[api]\nurl = "{url}/api"\n')
    _prefect(url, "work-pool", "create", "--type", "process", "--overwrite", pool)
    _prefect(url, "deploy", "--prefect-file", "infra/prefect.yaml", "--name", f"*/{pool}")
    if not _living(standing, "worker"):
        standing["worker"] = _start(url, "worker", "worker", "start", "--pool", pool, "--type", "process")
        write_json(PIDS, standing)
    return url


def down() -> list[str]:
    """End the worker, then the server; returns what was ended."""
    standing = _read_pids()
    ended = []
    for name in ("worker", "server"):
        if _living(standing, name):
            process = psutil.Process(standing[name])
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(GRACE_S)
            except psutil.TimeoutExpired:
                for one in [*process.children(recursive=True), process]:
                    one.kill()
            ended.append(name)
    PIDS.unlink(missing_ok=True)
    CONFIG.unlink(missing_ok=True)
    return ended


def variables(url: str) -> dict[str, str]:
    """The environment of a prefect command of this project."""
    own = {
        "PREFECT_HOME": str(HOME.resolve()),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_WORKER_QUERY_SECONDS": str(POLL_S),
    }
    return {**environment(), **own}


def _start(url: str, name: str, *words: str) -> int:
    with open(HOME / f"{name}.log", "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "prefect", *words],
            env=variables(url),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return process.pid


def _prefect(url: str, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *words],
        env=variables(url),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"prefect {' '.join(words)}: {(done.stderr or done.stdout).strip()[-1000:]}")


def _wait_for(url: str, pid: int) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            if not _alive(pid) or time.monotonic() > deadline:
                tail = (HOME / "server.log").read_text(errors="replace")[-1500:]
                raise RuntimeError(f"the Prefect server did not answer at {url}:\n{tail}") from None
            time.sleep(0.3)


def _read_pids() -> dict:
    return json.loads(PIDS.read_text(encoding="utf-8")) if PIDS.is_file() else {}


def _living(standing: dict, name: str) -> bool:
    return name in standing and _alive(standing[name])


def _alive(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and "prefect" in " ".join(process.cmdline())
    except psutil.Error:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
