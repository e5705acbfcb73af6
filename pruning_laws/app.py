"""The command ``pruning-laws``: its subcommands and its error boundary.

Nothing here or in the modules of the subcommands imports JAX before a subcommand
runs, so that ``--help`` and shell completion answer at once.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from .commands import (
    advise,
    balance,
    correlate,
    demo,
    embed,
    experiment,
    figure,
    gallery,
    information,
    laws,
    optimal_rule,
    pareto,
    phase_diagram,
    report,
    score,
    select,
    sensitivity,
    show,
    simulate,
    solve,
    train,
    validate,
    verdicts,
)
from .failures import FAILED, Interrupted, close_stdout, one_line_of
from .failures import report as report_failure
from .option_groups import spread

# what makes JAX refuse steps that are meant here and in the libraries of networks
_FOR_DEVELOPERS = (
    "JAX_DISABLE_JIT",
    "JAX_NUMPY_RANK_PROMOTION",
    "JAX_NUMPY_DTYPE_PROMOTION",
    "JAX_DEBUG_NANS",
    "JAX_DEBUG_INFS",
    "JAX_ENABLE_CHECKS",
    "JAX_TRANSFER_GUARD",
    "JAX_TRANSFER_GUARD_HOST_TO_DEVICE",
    "JAX_TRANSFER_GUARD_DEVICE_TO_DEVICE",
    "JAX_TRANSFER_GUARD_DEVICE_TO_HOST",
)


class CommandLine(TyperGroup):
    """A command group that reports every failure as one line on stderr."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["standalone_mode"] = False  # exceptions come here, not to typer
        try:
            code = super().main(*args, **kwargs) or 0
            sys.stdout.flush()  # a full disk behind a pipe shows here
        except BrokenPipeError:
            close_stdout()  # the reader (head, say) has seen enough
            code = FAILED
        except Exception as error:
            code = report_failure(error)
        sys.exit(code)

    def invoke(self, ctx: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = one_line_of(warnings.showwarning)
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(str(error)) from None


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"pruning-laws {version('pruning-laws')}")
        raise typer.Exit


app = typer.Typer(
    name="pruning-laws",
    cls=CommandLine,
    invoke_without_command=True,
    rich_markup_mode=None,  # it would read the range 1:100:50 as an emoji
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def pruning_laws(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="off|FOLDER",
            envvar="PRUNING_LAWS_CACHE",
            help="Where compiled programs are kept, so that the next call answers at "
            "once; the user's cache folder by default.",
        ),
    ] = None,
) -> None:
    """Learning on pruned data: theory and simulation of the perceptron.

    A teacher labels Gaussian examples. A probe at angle theta from the teacher gives
    every example a margin: large margin = easy, small margin = hard. Of
    alpha_tot N examples the fraction f with the smallest (hard), the largest (easy)
    or arbitrary (random) margins is kept, alpha_prune = f alpha_tot, and a max-margin
    student learns them. Its error is what the commands below compute.

    \b
    Try:
      pruning-laws solve --alpha-prune 3 --keep-fraction 0.1
      pruning-laws pareto --alpha-prune 1:100:20 --theta-degrees 10
      pruning-laws phase-diagram --alpha-tot 1:30:25 --keep-fraction 0.05:1:25

    On real data: train, embed, score, sensitivity, correlate, gallery, balance,
    select, experiment, laws, verdicts.

    Results go to stdout, messages to stderr. Exit status: 0 done, 1 failed,
    2 bad input, 130 interrupted.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)
    for name in _FOR_DEVELOPERS:  # before JAX is imported, also by processes to come
        os.environ.pop(name, None)
    from perceptron_theory import keep_compiled
    from perceptron_theory.errors import DataWarning

    warnings.simplefilter("always", DataWarning)  # until the command ends
    if cache is not None:
        os.environ["PRUNING_LAWS_CACHE"] = cache
    keep_compiled()


for command in (
    solve.solve,
    pareto.pareto,
    phase_diagram.phase_diagram,
    information.information,
    optimal_rule.optimal_rule,
    advise.advise,
    simulate.simulate,
    validate.validate,
    figure.figure,
    train.train,
    embed.embed,
    score.score,
    sensitivity.sensitivity,
    correlate.correlate,
    gallery.gallery,
    balance.balance,
    select.select,
    experiment.experiment,
    laws.laws,
    verdicts.verdicts,
    show.show,
    report.report,
    demo.demo,
):
    app.command()(spread(command))
