"""DVC's graph as flows read it."""

import pytest

from flows.dvc_graph import DvcError, arms, dvc, parse_dot
from flows.policy import POLICIES, policy_of

DOT = """strict digraph {
"ingest@a-1";
"caption@a-1";
"assemble";
"ingest@a-1" -> "caption@a-1";
"ingest@a-1" -> "assemble";
"caption@a-1" -> "assemble";
}
"""


def test_arms_come_after_what_they_wait_for():
    found = parse_dot(DOT)
    assert [arm.name for arm in found] == ["ingest@a-1", "caption@a-1", "assemble"]
    assert found[2].upstream == ("caption@a-1", "ingest@a-1") and found[0].stage == "ingest"


def test_every_stage_of_the_graph_has_a_policy():
    found = arms()
    assert {arm.stage for arm in found} == set(POLICIES)
    assert [arm.name for arm in arms("validate")][-1] == "validate"


def test_a_stage_without_a_policy_asks_for_a_row():
    with pytest.raises(ValueError, match=r"flows/policy\.py"):
        policy_of("bake")


def test_a_failing_dvc_command_carries_dvcs_message():
    with pytest.raises(DvcError, match="nothing_of_that_name"):
        dvc("dag", "--dot", "nothing_of_that_name")


def test_flow_modules_import_fast_enough_and_do_nothing():
    import subprocess
    import sys

    code = "import flows.build, flows.pretrain, sys; assert 'torch' not in sys.modules and 'biolingual.model' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
