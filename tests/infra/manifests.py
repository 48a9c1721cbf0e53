"""What the tests of infra/ read: its files as plain data, and what can be wrong with one document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
KUBERNETES = "1.34"  # a version that clouds run today
JOB = INFRA / "kubernetes/flow-run-job.json"
# Fields of KubeRay's ray.io/v1: those it must have here, and those it may have besides (its API reference).
RAY_FIELDS = {
    "RayCluster": (
        {"rayVersion", "headGroupSpec", "workerGroupSpecs"},
        {"enableInTreeAutoscaling", "autoscalerOptions", "suspend", "gcsFaultToleranceOptions", "authOptions"},
    ),
    "headGroupSpec": ({"rayStartParams", "template"}, {"serviceType", "headService", "resources", "labels"}),
    "workerGroupSpecs": (
        {"groupName", "replicas", "minReplicas", "maxReplicas", "rayStartParams", "template"},
        {"idleTimeoutSeconds", "numOfHosts", "scaleStrategy", "suspend", "resources", "labels"},
    ),
    "autoscalerOptions": (
        {"idleTimeoutSeconds", "resources"},
        {"version", "upscalingMode", "image", "imagePullPolicy", "securityContext", "env", "envFrom", "volumeMounts"},
    ),
    "RayJob": (
        {"entrypoint"},
        {"clusterSelector", "rayClusterSpec", "submissionMode", "activeDeadlineSeconds", "submitterPodTemplate"}
        | {"shutdownAfterJobFinishes", "ttlSecondsAfterFinished", "backoffLimit", "runtimeEnvYAML", "suspend", "jobId"},
    ),
}


def documents(path: Path) -> list[dict]:
    """The documents of a YAML file."""
    return [one for one in YAML(typ="safe").load_all(path.read_text(encoding="utf-8")) if one is not None]


def kubernetes_documents() -> list[dict]:
    """Every document of infra/kubernetes but the kustomization, which is no object of the cluster."""
    files = sorted((INFRA / "kubernetes").glob("*.yaml"))
    return [one for file in files if file.name != "kustomization.yaml" for one in documents(file)]


def ray_documents() -> list[dict]:
    return [one for name in ("raycluster", "rayjob") for one in documents(INFRA / f"ray/{name}.yaml")]


def flow_run_job() -> dict:
    """The Job a flow run becomes: the work pool's template with its own defaults filled in."""
    template = json.loads(JOB.read_text(encoding="utf-8"))
    values = {name: one.get("default") for name, one in template["variables"]["properties"].items()}
    values |= {"name": "a-flow-run", "env": [], "labels": {}, "annotations": {}, "command": ["python"]}

    def filled(value):
        if isinstance(value, dict):
            return {key: filled(one) for key, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        if isinstance(value, str) and (whole := re.fullmatch(r"{{ (\w+) }}", value)):
            return values[whole.group(1)]
        if isinstance(value, str):
            return re.sub(r"{{ (\w+) }}", lambda found: str(values[found.group(1)]), value)
        return value

    return filled(template["job_configuration"]["job_manifest"])


def faults(document: dict) -> list[str]:
    """What is wrong with one object, by Kubernetes' schemas or, for KubeRay's kinds, by RAY_FIELDS; [] when nothing is."""
    if document.get("apiVersion") == "ray.io/v1":
        return ray_faults(document)
    return schema_faults(document)


def schema_faults(document: dict) -> list[str]:
    try:
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
    except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
        return [f"{document.get('kind')}: {getattr(error, 'message', error)}"]
    return []


def ray_faults(document: dict) -> list[str]:
    kind, spec = document["kind"], document.get("spec", {})
    if kind not in ("RayCluster", "RayJob"):
        return [f"ray.io/v1 has no kind {kind} here"]
    found = fields(kind, spec)
    if not {"name", "generateName"} & set(document.get("metadata", {})):
        found.append(f"{kind} has no name")
    if kind == "RayJob" and ("clusterSelector" in spec) == ("rayClusterSpec" in spec):
        found.append("RayJob needs either clusterSelector or rayClusterSpec")
    for group in [spec[key] for key in ("headGroupSpec",) if key in spec] + spec.get("workerGroupSpecs", []):
        found += fields("workerGroupSpecs" if "groupName" in group else "headGroupSpec", group)
        wrong = [key for key, value in group.get("rayStartParams", {}).items() if not isinstance(value, str)]
        found += [f"rayStartParams.{key} must be text" for key in wrong]
        if "groupName" in group and not group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]:
            found.append(f"{group['groupName']}: replicas must lie between minReplicas and maxReplicas")
    if "autoscalerOptions" in spec:
        found += fields("autoscalerOptions", spec["autoscalerOptions"])
    return found + [fault for pod in pods(document) for fault in schema_faults(pod)]


def fields(name: str, value: dict) -> list[str]:
    must, may = RAY_FIELDS[name]
    return [f"{name}.{key} is missing" for key in sorted(must - set(value))] + [
        f"{name}.{key} is unknown" for key in sorted(set(value) - must - may)
    ]


def pods(document: dict) -> Iterator[dict]:
    """Every pod template inside a document, as a Pod."""
    if isinstance(document, list):
        for one in document:
            yield from pods(one)
    elif isinstance(document, dict):
        if "containers" in document.get("spec", {}):
            yield {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": document["spec"]}
        for one in document.values():
            yield from pods(one)


def environment(document: dict) -> dict[str, str | None]:
    """The environment variables a document sets; None for a value that comes from elsewhere."""
    found = dict(document.get("data", {}) if document.get("kind") == "ConfigMap" else {})
    found |= document.get("stringData", {})
    for pod in pods(document):
        for container in pod["spec"]["containers"]:
            found |= {one["name"]: one.get("value") for one in container.get("env") or []}
    return found
