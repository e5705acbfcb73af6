"""The process: ``pruning-laws`` and ``python -m pruning_laws``."""

import os
import sys

from .app import app
from .failures import INTERRUPTED


def main() -> None:
    """Run the command line and leave with its exit status."""
    try:
        app(prog_name="pruning-laws")
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # XLA crashes when Python takes it down in the middle of a computation
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(INTERRUPTED)
        raise


if __name__ == "__main__":
    main()
