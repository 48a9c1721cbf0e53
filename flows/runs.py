"""Runs of deployments on a Prefect server: start one by the flow's bare name, and bury those whose process is gone."""

from __future__ import annotations

import socket
import subprocess
import sys

import psutil

from flows.dvc_graph import environment


def run(name: str) -> int:
    """Run `flow/deployment`, or the one deployment of a flow (its `local` one of several), to its end; 0 when it completed."""
    words = [sys.executable, "-m", "prefect", "deployment", "run", resolve(name), "--watch"]
    return subprocess.run(words, env=environment(), check=False).returncode


def resolve(name: str) -> str:
    """A bare flow name as `flow/deployment`. ValueError lists what the server has; RuntimeError when there is no server."""
    if "/" in name:
        return name
    found = deployments()
    own = [one for one in found if one.split("/")[0] == name]
    if len(own) > 1 and f"{name}/local" in own:
        own = [f"{name}/local"]
    if len(own) != 1:
        what = "no deployment" if not own else f"several deployments ({', '.join(own)})"
        raise ValueError(f"{name} has {what}. The server has: {', '.join(found) or 'none'}. Start them with: make up")
    return own[0]


def deployments() -> list[str]:
    """Every `flow/deployment` of the server."""
    from prefect.client.orchestration import get_client

    _server()
    with get_client(sync_client=True) as client:
        flows = {flow.id: flow.name for flow in client.read_flows()}
        return sorted(f"{flows[one.flow_id]}/{one.name}" for one in client.read_deployments())


def bury() -> list[str]:
    """Mark as crashed each run that the server calls running and whose process on this machine is gone."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    try:
        _server()
    except RuntimeError as error:
        return [str(error)]
    states = FlowRunFilterStateType(any_=[StateType.RUNNING, StateType.CANCELLING])
    lines = []
    with get_client(sync_client=True) as client:
        for one in client.read_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=states))):
            host, _, pid = (one.infrastructure_pid or "").rpartition(":")
            if host not in ("", socket.gethostname()) or not pid.isdigit():
                lines.append(f"runs elsewhere: {one.name} ({one.infrastructure_pid or 'no process is known'})")
            elif psutil.pid_exists(int(pid)):
                lines.append(f"at work: flow run {one.name}, process {pid}")
            else:
                client.set_flow_run_state(one.id, Crashed(message=f"process {pid} is gone"), force=True)
                lines.append(f"done: flow run {one.name} is marked as crashed: its process {pid} is gone")
    return lines


def _server() -> None:
    """RuntimeError unless a server is named and answers: a temporary one would have no deployments."""
    import httpx
    from prefect.settings import get_current_settings

    url = get_current_settings().api.url
    if not url:
        raise RuntimeError("no Prefect server is set for this folder. Start one with: make up")
    try:
        httpx.get(f"{url}/health", timeout=5).raise_for_status()
    except httpx.HTTPError as error:
        raise RuntimeError(
            f"the Prefect server at {url} does not answer ({type(error).__name__}). Run: make up"
        ) from error
