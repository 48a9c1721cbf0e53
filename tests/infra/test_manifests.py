"""infra/ is checked without a cluster: schemas, one image, no secret, and settings that the code reads."""

import copy
import json
import re

import pytest

from tests.infra.manifests import (
    INFRA,
    JOB,
    ROOT,
    documents,
    environment,
    faults,
    flow_run_job,
    kubernetes_documents,
    pods,
    ray_documents,
)

IMAGE = "registry.example.org/biolingual:0.1.0"
EVERY = [*kubernetes_documents(), *ray_documents(), flow_run_job()]
LAUNCHER = documents(INFRA / "ray/cluster.yaml")[0]
TEXTS = {path: path.read_text() for path in INFRA.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def called(document: dict) -> str:
    return f"{document['kind']}-{document['metadata'].get('name', 'generated')}"


def one(kind: str, name: str | None = None) -> dict:
    """A copy of the one object of that kind (and name)."""
    return copy.deepcopy(next(d for d in EVERY if d["kind"] == kind and name in (None, d["metadata"].get("name"))))


def lock() -> dict[str, str]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return {name.split("[")[0]: version for name, _, version in (line.partition("==") for line in lines)}


@pytest.mark.parametrize("document", EVERY, ids=called)
def test_an_object_fits_its_schema(document):
    assert faults(document) == []


@pytest.mark.parametrize(
    ("kind", "name", "spoil"),
    [
        ("Deployment", "prefect-server", lambda d: d["spec"]["template"]["spec"]["containers"][0].pop("name")),
        ("Deployment", "prefect-worker", lambda d: d["spec"].update(replica=1)),
        ("Service", "postgres", lambda d: d["spec"]["ports"][0].update(port="5432")),
        ("Role", None, lambda d: d["rules"][0].pop("verbs")),
        ("Job", None, lambda d: d["spec"]["template"]["spec"].update(parallelism=1)),
        ("RayCluster", None, lambda d: d["spec"].pop("headGroupSpec")),
        ("RayCluster", None, lambda d: d["spec"]["workerGroupSpecs"][0].update(maxReplicas=0)),
        ("RayCluster", None, lambda d: d["spec"]["workerGroupSpecs"][0]["template"]["spec"].update(toleration=[])),
        ("RayCluster", None, lambda d: d["spec"]["headGroupSpec"]["rayStartParams"].update({"num-cpus": 0})),
        ("RayCluster", None, lambda d: d["spec"]["autoscalerOptions"].update(idleTimeout=60)),
        ("RayJob", None, lambda d: d["spec"].pop("clusterSelector")),
    ],
)
def test_a_spoilt_object_is_seen(kind, name, spoil):
    document = one(kind, name)
    spoil(document)
    assert faults(document)


def test_the_launcher_fits_rays_own_schema():
    from jsonschema import ValidationError
    from ray.autoscaler._private.util import validate_config

    validate_config(copy.deepcopy(LAUNCHER))
    with pytest.raises(ValidationError):
        validate_config({**copy.deepcopy(LAUNCHER), "max_worker": 4})


def test_the_kustomization_lists_every_manifest_but_the_secrets():
    listed = documents(INFRA / "kubernetes/kustomization.yaml")[0]["resources"]
    there = {path.name for path in (INFRA / "kubernetes").glob("*.yaml")}
    assert set(listed) == there - {"kustomization.yaml", "secrets.template.yaml"}


def test_every_object_stands_in_the_one_namespace():
    for document in EVERY:
        if document["kind"] != "Namespace":
            assert document["metadata"]["namespace"] == "biolingual", called(document)


@pytest.mark.parametrize("document", [d for d in EVERY if list(pods(d))], ids=called)
def test_every_container_is_bounded_and_unprivileged(document):
    for pod in pods(document):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] and pod["spec"]["securityContext"]["runAsUser"] > 0
        for container in pod["spec"]["containers"]:
            assert {"cpu", "memory"} <= set(container["resources"]["requests"]), container["name"]
            assert "memory" in container["resources"]["limits"], container["name"]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, container["name"]
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, container["name"]


@pytest.mark.parametrize("document", [d for d in EVERY if d["kind"] in ("Deployment", "StatefulSet")], ids=called)
def test_what_runs_for_ever_is_probed(document):
    for pod in pods(document):
        for container in pod["spec"]["containers"]:
            assert {"startupProbe", "livenessProbe"} <= set(container), container["name"]


def test_what_a_pod_refers_to_exists():
    names = {(d["kind"], d["metadata"].get("name")) for d in kubernetes_documents()}
    for document in EVERY:
        for pod in pods(document):
            spec = pod["spec"]
            asked = [("ServiceAccount", spec["serviceAccountName"])] if "serviceAccountName" in spec else []
            for volume in spec.get("volumes", []):
                if "persistentVolumeClaim" in volume:
                    asked.append(("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"]))
            claimed = {v["metadata"]["name"] for v in document["spec"].get("volumeClaimTemplates", [])}
            volumes = {volume["name"] for volume in spec.get("volumes", [])} | claimed
            for container in spec["containers"]:
                assert {mount["name"] for mount in container.get("volumeMounts", [])} <= volumes, container["name"]
                for source in container.get("envFrom", []):
                    kind = "ConfigMap" if "configMapRef" in source else "Secret"
                    asked.append((kind, next(iter(source.values()))["name"]))
                for variable in container.get("env") or []:
                    if "valueFrom" in variable:
                        key = variable["valueFrom"]["secretKeyRef"]
                        asked.append(("Secret", key["name"]))
                        assert key["key"] in one("Secret", key["name"])["stringData"], variable["name"]
            assert set(asked) <= names, called(document)


def test_a_flow_runs_job_can_write_where_its_worker_says():
    home = environment(one("Deployment", "prefect-worker"))["PREFECT_HOME"]  # Prefect hands it on to the Job
    mounts = flow_run_job()["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    settings = one("ConfigMap", "machine")["data"]
    for folder in (home, settings["BIOLINGUAL_SHARD_CACHE"], settings["DVC_SITE_CACHE_DIR"]):
        assert any(folder.startswith(mount["mountPath"]) for mount in mounts), folder


def test_there_is_one_image():
    used = {container["image"] for d in EVERY for pod in pods(d) for container in pod["spec"]["containers"]}
    assert used == {IMAGE, "postgres:17-bookworm"}
    assert LAUNCHER["docker"]["image"] == IMAGE
    assert json.loads(JOB.read_text())["variables"]["properties"]["image"]["default"] == IMAGE
    for path, text in TEXTS.items():
        assert set(re.findall(r"registry\.example\.org/[\w.:/-]+", text)) <= {IMAGE}, path


SECRET = re.compile(
    r"AKIA[0-9A-Z]{16}|-----BEGIN|://[^/\s:@]+:(?!\$\{)[^@\s]+@"
    r"|(?i:password|secret_access_key|access_key_id|auth_string|token)[\"']?\s*[=:]\s*[\"']?(?!true\b|false\b)\w"
)
HIDDEN = re.compile(r"PASSWORD|SECRET|TOKEN|ACCESS_KEY|AUTH_STRING|CONNECTION_URL")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.relative_to(INFRA).as_posix())
def test_no_file_holds_a_secret(path):
    assert [line for line in TEXTS[path].splitlines() if SECRET.search(line)] == []


@pytest.mark.parametrize(
    "line",
    [
        "password: hunter2",
        "AWS_SECRET_ACCESS_KEY=abc",
        "url: postgresql://prefect:hunter2@db/prefect",
        "AKIA" + "Q" * 16,
    ],
)
def test_a_secret_would_be_seen(line):
    assert SECRET.search(line)


def test_secret_settings_come_from_secrets_and_secrets_from_the_environment():
    for document in EVERY:
        for name, value in environment(document).items():
            if document["kind"] == "Secret":
                assert "${" in value, name
            elif HIDDEN.search(name) and not re.search(r"_SECRET_(NAME|KEY)$", name):
                assert value is None, (called(document), name)


def test_every_setting_of_ours_is_one_the_code_reads():
    read = set()
    for folder in ("biolingual", "stages"):
        for path in (ROOT / folder).rglob("*.py"):
            read |= set(re.findall(r"environ(?:\.get\(|\[)\"(BIOLINGUAL_\w+)\"", path.read_text()))
    given = {name for document in EVERY for name in environment(document) if name.startswith("BIOLINGUAL_")}
    given |= set(re.findall(r"--env (BIOLINGUAL_\w+)=", " ".join(LAUNCHER["docker"]["run_options"])))
    assert {"BIOLINGUAL_GPU", "BIOLINGUAL_RAY_STORAGE"} <= given
    assert given <= read, given - read


def test_versions_are_the_locks():
    dockerfile, locked = TEXTS[INFRA / "Dockerfile"], lock()
    assert re.search(r"^UV_VERSION := (.+)$", (ROOT / "Makefile").read_text(), re.M)[1] in dockerfile
    assert f"ray[default]=={locked['ray']}" in dockerfile
    assert one("RayCluster")["spec"]["rayVersion"] == locked["ray"]
    prefect = documents(INFRA / "prefect-kubernetes.yaml")[0]
    assert prefect["prefect-version"] == locked["prefect"]


def test_the_image_copies_what_exists_and_ignores_the_rest():
    kept = set(re.findall(r"^!(.+)$", TEXTS[INFRA / "Dockerfile.dockerignore"], re.M))
    copied = {
        word for line in re.findall(r"^COPY (.+) \S+$", TEXTS[INFRA / "Dockerfile"], re.M) for word in line.split()
    }
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_flows_find_their_pool_and_their_entrypoint():
    for file in ("prefect-kubernetes.yaml", "prefect.yaml"):
        for deployment in documents(INFRA / file)[0]["deployments"]:
            path, _, function = deployment["entrypoint"].partition(":")
            assert f"def {function}(" in (ROOT / path).read_text()
    pools = {
        argument.removeprefix("--pool=")
        for document in EVERY
        for pod in pods(document)
        for container in pod["spec"]["containers"]
        for argument in container.get("args") or []
        if argument.startswith("--pool=")
    }
    assert pools == {"kubernetes", "cluster"}


def test_training_finds_as_many_gpus_as_it_has_workers():
    workers = int(one("ConfigMap", "training")["data"]["BIOLINGUAL_TRAIN_WORKERS"])
    assert one("RayCluster")["spec"]["workerGroupSpecs"][0]["minReplicas"] == workers
    assert f"--env BIOLINGUAL_TRAIN_WORKERS={workers}" in LAUNCHER["docker"]["run_options"]
    assert LAUNCHER["available_node_types"]["gpu_spot"]["min_workers"] == workers
    assert documents(INFRA / "params-animalspeak.yaml")[0]["pretrain"]["global_batch_size"] % workers == 0
