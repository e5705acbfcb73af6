"""Cores and threads of the CPU that a batch of small problems runs on.

JAX leaves Cholesky factors to OpenBLAS, which splits even a 200 x 200 matrix over all
cores.  Where another job holds one of them it waits for it, spinning: problems of
14 ms took 300 ms on a busy machine.  Small problems are better run one a core.
"""

from __future__ import annotations

import math
import os
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache

import scipy.linalg  # noqa: F401 - loads the OpenBLAS that JAX calls
from threadpoolctl import ThreadpoolController

SMALL = 256  # columns up to which one thread is quicker
_most = math.inf


def use_cores(most: int) -> None:
    """Let this process use no more than ``most`` cores: it is one of several."""
    global _most
    _most = most


def cores() -> int:
    """Cores that this process may use."""
    return int(min(_available(), _most))


def _available() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_blas_thread() -> AbstractContextManager:
    """Keep BLAS and LAPACK of the whole process to one thread for a while."""
    return _controller().limit(limits=1, user_api="blas")


def blas_threads_for(width: int) -> AbstractContextManager:
    """One thread for matrices of few columns, for which more only wait for each other.

    Larger ones keep as many as there are.
    """
    return one_blas_thread() if width <= SMALL else nullcontext()
