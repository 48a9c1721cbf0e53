"""How our processes live together: each ends with its parent, and where one must be alone the others wait for it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def end_with_parent() -> None:
    """Ask the kernel to send this process SIGTERM when its parent dies, SIGKILL included. Linux only; a no-op elsewhere.

    For a process's own start, and as `preexec_fn` of a child: it allocates nothing.
    """
    if _LIBC is not None:
        parent = os.getppid()
        _LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a lock file; who comes second waits. The kernel frees it when its holder dies, however it dies."""
    import fcntl  # not on Windows, where search runs and this is not asked for

    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
