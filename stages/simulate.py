"""Write one dump of the simulated world in its archive's true format."""

import shutil
from pathlib import Path

from biolingual.archives.simulated import World
from biolingual.parallel import Machine
from biolingual.params import SimulateParams
from stages.entry import run


def main(simulate: SimulateParams, dump: str, out: Path, machine: Machine) -> None:
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    count = World(simulate.seed, simulate.n_recordings).write(dump, part, machine)
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    print(f"simulate {dump}: {count} recordings (simulated)")


if __name__ == "__main__":
    run(main)
