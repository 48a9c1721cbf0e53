"""Read params.yaml and look at every dump before anything runs: a mistake costs a second, not an hour.

Its output never changes, so a changed value re-runs this check and nothing else through it.
"""

from pathlib import Path

from biolingual.checks import faults
from biolingual.params import Params
from stages.entry import run


def main(params: Params, out: Path) -> None:
    found = faults(params)
    if found:
        raise ValueError("; ".join(found))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("params.yaml and the dumps it names were read without a fault\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
