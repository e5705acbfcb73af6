"""The process: ``pruning-laws`` and ``python -m pruning_laws``."""

import atexit
import gc
import os
import sys

# Importing and tracing make millions of objects that stay: with the thresholds of
# Python the search for cycles among them takes a fifth of the time to an answer.
gc.set_threshold(500_000, 20, 20)

from .app import app  # noqa: E402
from .failures import INTERRUPTED  # noqa: E402


def main() -> None:
    """Run the command line and leave with its exit status.

    The process ends without taking itself apart, which takes as long as to load a
    program; in the middle of a computation XLA would even crash.
    """
    try:
        app(prog_name="pruning-laws")
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        if end.code != INTERRUPTED:
            atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code)


if __name__ == "__main__":
    main()
