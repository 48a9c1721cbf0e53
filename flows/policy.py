"""How hard to try each stage: one row a stage. An arm `ingest@dump` follows the row of `ingest`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Policy:
    """retries after a failure, seconds between them, the most seconds one try may take, and tags for Prefect's limits."""

    retries: int
    retry_delay_s: int
    timeout_s: int
    tags: tuple[str, ...]


HOUR = 3600
POLICIES = {
    "check": Policy(0, 0, HOUR, ("light",)),
    "simulate": Policy(0, 0, HOUR, ("cpu",)),
    "ingest": Policy(2, 30, 48 * HOUR, ("cpu", "audio")),
    "caption": Policy(2, 60, 48 * HOUR, ("captioner",)),
    "assemble": Policy(0, 0, 6 * HOUR, ("memory",)),
    "validate": Policy(0, 0, 6 * HOUR, ("memory",)),
    "pretrain": Policy(3, 60, 240 * HOUR, ("accelerator",)),
    "embed": Policy(2, 30, 24 * HOUR, ("accelerator",)),
    "evaluate": Policy(1, 30, 12 * HOUR, ("accelerator",)),
    "release": Policy(0, 0, HOUR, ("light",)),
}
PARALLEL_ARMS = 2  # arms of one flow at a time; dvc's own locks order the rest
THREADS = 64  # of a flow: most of them wait for another arm


def policy_of(stage: str) -> Policy:
    """The row of a stage; KeyError-free: ValueError asks for the missing row."""
    if stage not in POLICIES:
        raise ValueError(f"stage {stage!r} has no row in flows/policy.py. Add one.")
    return POLICIES[stage]
