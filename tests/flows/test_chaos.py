"""Two hard kills of `make chaos`'s twenty: whatever dies, the next run ends green with the same dvc.lock."""

import random

import pytest

from tests.chaos import World
from tests.kill_harness import STAGE, WORKER

pytestmark = pytest.mark.slow


def test_after_a_kill_of_a_stage_and_of_the_worker_the_next_build_ends_with_the_same_lock(tmp_path):
    world = World(tmp_path / "world")
    draw = random.Random(3)
    try:
        for victim in (STAGE, WORKER):
            outcome = world.trial(victim, draw.uniform(0, world.seconds), draw)
            assert outcome.well, f"{outcome}\n{outcome.tail}"
    finally:
        world.down()
