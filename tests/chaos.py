"""`make chaos`: SIGKILL of the worker, the server, dvc, a stage or the flow run at random moments of `build`, on the small world.

After each kill the next run must end green with the dvc.lock of an undisturbed run, and no stage may outlive its dvc.
CHAOS_KILLS says how many (20), CHAOS_SEED which.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.flows.prefect_stack import free_port
from tests.kill_harness import DVC, FLOW, SERVER, STAGE, WORKER, kill_all, no_orphans_within, processes, running, strike
from tests.small_world import clone, run

VICTIMS = (STAGE, DVC, WORKER, SERVER, FLOW)
RUN = [sys.executable, "-m", "prefect", "deployment", "run", "build/local", "--watch"]
ORPHAN_S = 10


@dataclass(frozen=True)
class Outcome:
    killed: str
    after_s: float
    exit_code: int
    same_lock: bool
    no_orphan: bool
    seconds: float
    tail: str

    @property
    def well(self) -> bool:
        return self.exit_code == 0 and self.same_lock and self.no_orphan

    def __str__(self) -> str:
        verdict = "ok" if self.well else "FAILED"
        return (
            f"{verdict}: {self.killed} after {self.after_s:.1f} s; next run exit code {self.exit_code} in "
            f"{self.seconds:.0f} s, lock {'same' if self.same_lock else 'DIFFERS'}"
            f"{'' if self.no_orphan else ', a stage OUTLIVED its dvc'}"
        )


class World:
    """A small world with its own server and worker, put back to the state before `build` between kills."""

    def __init__(self, folder: Path):
        self.folder = clone(folder)
        self.log = folder.with_name("chaos.log")
        self.port = free_port()
        self.start = (self.folder / "dvc.lock").read_bytes()
        self.up()
        began = time.monotonic()
        code = self.build()
        if code:
            raise RuntimeError(f"the undisturbed run failed with exit code {code}:\n{self.tail()}")
        self.seconds = time.monotonic() - began
        self.lock = (self.folder / "dvc.lock").read_bytes()

    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return {**os.environ, "PATH": path, "PYTHONPATH": str(self.folder), "BIOLINGUAL_TRAIN_WORKERS": "1"}

    def up(self) -> None:
        done = run(self.folder, sys.executable, "-m", "flows", "up", "--port", str(self.port))
        if done.returncode:
            raise RuntimeError(f"flows up: {done.stderr[-2000:]}")

    def build(self) -> int:
        with running(RUN, self.folder, self.environment(), self.log) as command:
            return command.wait(timeout=580)

    def reset(self) -> None:
        """The checkout as before the first build, cache and all; server and worker stay, their flow runs do not."""
        kill_all([*processes(self.folder, FLOW), *processes(self.folder, DVC), *processes(self.folder, STAGE)])
        for name in ("data", ".dvc/cache", "reports/gate.json"):
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        (self.folder / "dvc.lock").write_bytes(self.start)

    def trial(self, victim, after_s: float, draw: random.Random) -> Outcome:
        self.reset()
        with running(RUN, self.folder, self.environment(), self.log) as command:
            killed = strike(self.folder, victim, after_s, command, draw)
            no_orphan = no_orphans_within(self.folder, ORPHAN_S)
        began = time.monotonic()
        self.up()
        code = self.build()
        same = (self.folder / "dvc.lock").read_bytes() == self.lock
        return Outcome(killed, after_s, code, same, no_orphan, time.monotonic() - began, self.tail())

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def down(self) -> None:
        run(self.folder, sys.executable, "-m", "flows", "down")
        kill_all(processes(self.folder))


def main(kills: int, seed: int) -> int:
    draw = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        world = World(Path(folder) / "world")
        print(f"undisturbed build: {world.seconds:.0f} s; {kills} kills, seed {seed}", flush=True)
        outcomes = []
        try:
            while len(outcomes) < kills:
                victim = VICTIMS[len(outcomes) % len(VICTIMS)]
                outcome = world.trial(victim, draw.uniform(0, world.seconds), draw)
                if "none was left" in outcome.killed and outcome.well:
                    print(f"not counted: {outcome}", flush=True)
                    continue
                outcomes.append(outcome)
                print(f"{len(outcomes)}/{kills} {outcome}", flush=True)
                if not outcomes[-1].well:
                    print(outcomes[-1].tail, flush=True)
        finally:
            world.down()
    good = sum(one.well for one in outcomes)
    print(f"{good} of {len(outcomes)} ended well")
    return 0 if good == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main(int(os.environ.get("CHAOS_KILLS", "20")), int(os.environ.get("CHAOS_SEED", "1"))))
