"""Options that say what a simulation runs on."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import options, output
from .options import is_count

if TYPE_CHECKING:
    from simulations.perceptron import Machine

Pool = Annotated[
    str,
    typer.Option(
        metavar="drawn|direct",
        help="drawn: draw the whole pool and rank it. direct: draw only the kept "
        "examples, which follow the same law; a tiny fraction then costs no more.",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        help="Number of processes that share the work, each with one CPU thread."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="cpu|gpu|tpu",
        help="Kind of device to compute on; all devices of that kind are used.",
    ),
]
CpuDevices = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Number of devices that JAX makes of the CPU, so that its cores "
        "share each batch. [default: as when FOLDER was begun, or one per "
        "core]",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on the Ray cluster at this address; auto takes the one that this "
        "machine is part of.",
    ),
]
Retries = Annotated[
    int, typer.Option(help="How often a task is tried again when its machine fails.")
]
Shard = Annotated[
    str | None,
    typer.Option(
        metavar="I/N",
        help="Compute only the I-th of N shares (I from 1), for job arrays.",
    ),
]


@dataclass(frozen=True)
class Runners:
    """What runs the tasks of a simulation."""

    workers: Workers = 1
    device: Device = None
    ray: Ray = None
    retries: Retries = 2

    def machine(self) -> Machine:
        """The machine that the options describe."""
        from simulations.perceptron import Machine

        return Machine(self.device, self.workers, self.ray, self.retries)


@dataclass(frozen=True)
class Hosts:
    """The processes of one run over several hosts."""

    coordinator: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT|auto",
            help="Address by which the processes of one run on several hosts find each "
            "other (jax.distributed); auto asks SLURM, Open MPI or a TPU pod.",
        ),
    ] = None
    processes: Annotated[
        int | None,
        typer.Option(help="How many processes take part in all; needs --coordinator."),
    ] = None
    process: Annotated[
        int | None,
        typer.Option(help="The number of this process, from 0; needs --coordinator."),
    ] = None

    def join(self) -> bool:
        """Join the hosts of a run if there are several; is this the one that reports?

        Raises:
            typer.BadParameter: options that do not go together.
        """
        coordinator, process, processes = self.coordinator, self.process, self.processes
        if coordinator is None:
            if processes is not None or process is not None:
                raise options.bad("--processes, --process", "they need --coordinator")
            return True
        if coordinator != "auto" and (processes is None or process is None):
            raise options.bad(
                "--coordinator", "with an address give --processes and --process too"
            )
        if processes is not None and process is not None:
            if not 0 <= process < processes:
                raise options.bad(
                    "--process", f"must lie in 0 .. {processes - 1}, got {process}"
                )
        import jax

        from simulations.perceptron.hardware.devices import join_hosts

        if coordinator != "auto" and process == 0:
            output.note(f"waiting for the other processes ({processes} in all) to join")
        # what the hosts connect by (Gloo) prints to file 1: let that be stderr
        sys.stdout = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        join_hosts(None if coordinator == "auto" else coordinator, processes, process)
        return jax.process_index() == 0


def cut_cpu(wanted: int | None, batch_size: int, folder: Path) -> None:
    """Make several devices of the CPU, before JAX starts.

    Args:
        wanted: their number; None for that of the run in ``folder`` if there is one,
            else for a good one, unless JAX was told another way.
        batch_size: of the recipe.
        folder: of the run.

    Raises:
        typer.BadParameter: JAX has started with another number.
    """
    from simulations.vision.training import cpu_devices
    from simulations.vision.training.run_folder import read_about

    count, _, kind = (read_about(folder) or {}).get("devices", "").partition(" ")
    begun = int(count) if kind == "cpu" else None
    if wanted is None and cpu_devices.chosen_already():
        return
    number = wanted or begun or cpu_devices.default_count(batch_size)
    if not cpu_devices.use_count(number) and wanted is not None:
        raise options.bad("--cpu-devices", "JAX has started with another number")
    if wanted is not None and begun not in (None, wanted):
        output.note(
            f"{folder} was begun on {begun} CPU devices and is resumed on "
            f"{wanted}: its "
            "weights are those of an uninterrupted run within rounding, not bit for bit"
        )


def shard(text: str | None) -> tuple[int, int] | None:
    """The two numbers of I/N.

    Raises:
        typer.BadParameter: not of this form.
    """
    if text is None:
        return None
    match text.split("/"):
        case [i, n] if is_count(i) and is_count(n) and 1 <= int(i) <= int(n):
            return int(i), int(n)
    raise options.bad("--shard", f"{text!r} is not I/N with 1 <= I <= N, as 2/8")
