"""The command ``pruning-laws``: its subcommands and its error boundary.

Nothing here or in the modules of the subcommands imports JAX before a subcommand
runs, so that ``--help`` and shell completion answer at once.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from simulations.progress import waiting

from . import vision_options
from .commands import (
    active_rounds,
    advise,
    balance,
    compare,
    correlate,
    demo,
    embed,
    experiment,
    figure,
    gallery,
    information,
    laws,
    list_names,
    optimal_rule,
    pareto,
    phase_diagram,
    predict,
    report,
    score,
    select,
    self_training,
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
from .suggestions import next_step
from .targets import PICTURES

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

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and self.get_command(ctx, args[0]) is None:
            from perceptron_theory.errors import suggestion

            hint = suggestion(args[0], self.commands)
            ctx.fail(f"there is no command {args[0]!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The commands in groups, in the order in which one needs them."""
        groups: dict[str, list[tuple[str, str]]] = {}
        limit = formatter.width - 6 - max(map(len, self.commands))
        for name, command in self.commands.items():
            row = name, command.get_short_help_str(limit)
            groups.setdefault(getattr(command, "rich_help_panel", ""), []).append(row)
        for group, rows in groups.items():
            with formatter.section(group):
                formatter.write_dl(rows)

    def invoke(self, ctx: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = one_line_of(warnings.showwarning)
                return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise Interrupted(str(error)) from None


class Command(TyperCommand):
    """A command whose ``--plot FILE.png`` writes what ``--plot`` alone shows.

    So does ``-o FILE.png`` where one file or folder of another kind goes to ``-o``.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for one in self.params:
            if one.param_type_name == "argument":  # without a type of Python behind it
                one.display_type_rich = lambda ctx: None  # type: ignore[attr-defined]

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Arguments by their names, without the braces of typer."""
        pieces = super().collect_usage_pieces(ctx)
        return [piece.replace("{", "").replace("}", "") for piece in pieces]

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        options = {name: one for one in self.params for name in one.opts}
        if "--plot" in options:
            args = _named_pictures(args, "--plot")
        to = options.get("--output")
        if "--plot" in options and to is not None and not to.multiple:
            found = _named_pictures(args, *to.opts)
            left = [one for one in found if one.startswith((*to.opts,))]
            if to.required and found != args and not left:
                ctx.fail(f"give -o {to.metavar} as well, beside that of the picture")
            args = found
        return super().parse_args(ctx, args)


def _named_pictures(args: list[str], *options: str) -> list[str]:
    """The arguments with --plot-file in place of an option that names a picture."""
    found: list[str] = []
    for one in args:
        if found and found[-1] in options and one.endswith(PICTURES):
            found[-1] = "--plot-file"
        name, equals, path = one.partition("=")
        picture = equals and name in options
        if picture and (name == "--plot" or path.endswith(PICTURES)):
            found += ["--plot-file", path]
        else:
            found.append(one)
    return found


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
            "--version",
            callback=_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
    cache: Annotated[
        str | None,
        typer.Option(
            metavar="off|FOLDER",
            envvar="PRUNING_LAWS_CACHE",
            help="Folder that keeps compiled programs, so that the next call answers "
            "sooner; off keeps none. [default: ~/.cache/pruning-laws]",
        ),
    ] = None,
) -> None:
    """Learning on pruned data: which examples to keep, and what that buys.

    In the theory a teacher labels random examples in N dimensions. Only some of them
    are kept, and a student learns from those. They are chosen by a probe, a rough
    guess of the teacher at an angle theta from it (theta = 0: the probe is perfect).
    The distance of an example from the probe's decision boundary is its margin: a
    small margin means a hard example, a large margin an easy one.

    \b
      alpha_tot    examples in the pool, per dimension
      f            fraction of the pool that is kept (the hardest, easiest, ...)
      alpha_prune  examples kept, per dimension: f times alpha_tot
      error        chance that the student labels a new example wrongly
      overlap      cosine of the angle between student and teacher

    On real data a score of each example takes the place of the margin: a high score
    means a hard example.

    \b
    Try:
      pruning-laws solve --alpha-prune 3 --keep-fraction 0.1
      pruning-laws pareto --alpha-prune 1:100:20 --theta-degrees 10
      pruning-laws phase-diagram --alpha-tot 1:30:25 --keep-fraction 0.05:1:25

    Results go to stdout and messages to stderr. The exit status is 0 on success, 1 on
    failure, 2 on bad input and 130 after an interruption.
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


def _ended(command: Callable[..., None]) -> Callable[..., None]:
    """The command, which is never silent for long and ends with what to type next."""

    @wraps(command)
    def called(**given: Any) -> None:
        failed: typer.Exit | None = None
        try:
            with waiting("starting", then="working"):
                vision_options.check_data(given.get("data"))
                command(**given)
        except typer.Exit as end:  # it has said all, and the answer is no
            failed = end
        if step := next_step(command.__name__, given):
            typer.echo(f"next: {step}", err=True)
        if failed is not None:
            raise failed

    return called


for panel, commands in {
    "Theory": (
        solve.solve,
        pareto.pareto,
        phase_diagram.phase_diagram,
        advise.advise,
        optimal_rule.optimal_rule,
        information.information,
        active_rounds.active_rounds,
        self_training.self_training,
    ),
    "Simulation of the theory": (simulate.simulate, validate.validate),
    "Real data": (
        predict.predict,
        compare.compare,
        score.score,
        select.select,
        gallery.gallery,
        balance.balance,
        correlate.correlate,
        sensitivity.sensitivity,
        train.train,
        embed.embed,
        experiment.experiment,
        laws.laws,
        verdicts.verdicts,
    ),
    "Output": (
        demo.demo,
        figure.figure,
        show.show,
        report.report,
        list_names.list_names,
    ),
}.items():
    for command in commands:
        name = command.__name__.removesuffix("_names").replace("_", "-")
        app.command(name, cls=Command, rich_help_panel=panel)(_ended(spread(command)))
