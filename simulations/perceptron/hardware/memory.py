"""The memory that this process may use."""

from __future__ import annotations

import math
import os
from pathlib import Path


def machine_memory() -> float:
    """Bytes that this process may use; infinite where the system does not say."""
    try:
        memory = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return math.inf
    try:  # A container may allow less than the machine has.
        return min(memory, float(Path("/sys/fs/cgroup/memory.max").read_text()))
    except (OSError, ValueError):  # There is no such file, or it says "max".
        return memory
