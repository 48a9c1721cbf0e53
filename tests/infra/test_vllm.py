"""The language model's server on the cluster: its manifest fits the schemas and what it refers to. It was not run."""

import re

from tests.infra.manifests import INFRA, ROOT, documents, faults, kubernetes_documents, pods

FILE = INFRA / "vllm/vllm.yaml"
DEPLOYMENT, SERVICE = documents(FILE)


def test_both_objects_fit_their_schemas_and_a_spoilt_one_does_not():
    assert faults(DEPLOYMENT) == faults(SERVICE) == []
    assert faults({**DEPLOYMENT, "spec": {**DEPLOYMENT["spec"], "replica": 1}})


def test_the_service_finds_the_pods_and_the_pods_their_volume():
    (pod,) = pods(DEPLOYMENT)
    assert SERVICE["spec"]["selector"].items() <= DEPLOYMENT["spec"]["template"]["metadata"]["labels"].items()
    claims = {one["metadata"]["name"] for one in kubernetes_documents() if one["kind"] == "PersistentVolumeClaim"}
    assert {
        v["persistentVolumeClaim"]["claimName"] for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v
    } <= claims


def test_the_settings_it_tells_of_are_ones_the_code_reads():
    told = set(re.findall(r"BIOLINGUAL_\w+", FILE.read_text()))
    assert told and all(f'environ.get("{name}"' in (ROOT / "stages/entry.py").read_text() for name in told)
