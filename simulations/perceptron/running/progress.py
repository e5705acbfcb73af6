"""A sweep into a folder, with a bar on stderr."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from perceptron_theory.wording import shortened

from ...progress import progress_bar
from .machine import Machine
from .store import Store, open_store
from .sweep import Part, check_parts, run_sweep


@contextmanager
def drawn(
    parts: Sequence[Part],
    output: str | Path | None,
    *,
    seed: int,
    pool: str = "drawn",
    resume: bool = True,
    machine: Machine | None = None,
    progress: bool = False,
) -> Iterator[Store]:
    """A store with all draws of the parts, which are made first, beside a bar.

    Raises:
        InputError, ConvergenceError, OSError, KeyboardInterrupt: ``check_parts``,
            ``open_store`` or ``run_sweep`` raises them.
    """
    check_parts(parts, pool)
    if machine is not None:
        machine.check()
    with open_store(output, seed=seed, pool=pool, resume=resume) as store:
        with progress_bar(
            len(parts), progress, unit="runs", what="starting"
        ) as advance:

            def on_part(part: Part, ended: bool) -> None:
                advance(int(ended), shortened(part.title))

            run_sweep(parts, store, machine=machine, on_part=on_part)
        yield store
