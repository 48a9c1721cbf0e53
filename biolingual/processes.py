"""A process that ends with its parent: nothing of ours outlives the command that started it, however that command died."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

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
