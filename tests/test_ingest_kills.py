"""Ingest is killed again and again and gives the bytes of a calm run; a pool and a cluster give the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import ingest_chaos
from tests.ray_nodes import head

pytestmark = pytest.mark.slow


def test_ingest_survives_kills_and_gives_the_same_bytes(capsys):
    assert ingest_chaos.main(records=150, kills=4, seed=3, workers=2) == 0
    assert "4 kills" in (printed := capsys.readouterr().out) and "bytes equal" in printed


def test_a_spawn_pool_and_ray_give_the_same_bytes(tmp_path):
    items = ingest_chaos.planned(100, seed=2, distinct=20)
    sounds = ingest_chaos.sounds(items, 20, ingest_chaos.Machine(workers=1))
    ingest_chaos.write_xeno_canto(items, sounds, tmp_path / "dump")
    (tmp_path / "params.yaml").write_bytes((ingest_chaos.ROOT / "params.yaml").read_bytes())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    values = {**os.environ, "PATH": path, "PYTHONPATH": str(ingest_chaos.ROOT), "BIOLINGUAL_WORKERS": "2"}
    values.pop("RAY_ADDRESS", None)
    with head(tmp_path, values) as cluster:
        cluster["PYTHONPATH"] = str(ingest_chaos.ROOT)
        for out, environment in (("pool", values), ("ray", cluster)):
            subprocess.run(ingest_chaos.command(out), cwd=tmp_path, env=environment, check=True)
    assert ingest_chaos.digests(tmp_path / "pool") == ingest_chaos.digests(tmp_path / "ray")
    assert len(ingest_chaos.digests(tmp_path / "ray/manifests")) >= 5
