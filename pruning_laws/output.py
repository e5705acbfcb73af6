"""Results to the terminal, as JSON, or to a file that appears whole or not at all."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from perceptron_theory.wording import in_degrees
from simulations.progress import aside, hush, waiting

from . import options
from .layout import paragraph as paragraph
from .layout import print_fitted
from .results import Columns, Results, is_constant
from .targets import PICTURES, check_output

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure
    from rich.table import Table

_NOT_SHOWN = ["residual"]  # rounding noise: in files and JSON only


@dataclass(frozen=True)
class Picture:
    """The picture of what a command computes, beside its other results.

    Raises, before any work is done:
        typer.BadParameter, OSError: as :func:`.targets.check_output`.
    """

    plot: options.PlotBeside = False
    plot_files: options.PlotFiles = None
    title: options.Title = None
    size: options.Size = "slide"
    overwrite: options.OverwritePicture = False

    def __post_init__(self) -> None:
        for path in self.plot_files or []:
            check_output(path, self.overwrite, PICTURES)
        options.check_choice("--size", self.size, ("slide", "column"))
        if self.title is not None and not self.draws:
            raise options.bad(
                "--title", "it is for a picture: add -o FILE.png or --plot"
            )

    @property
    def draws(self) -> bool:
        """Whether a picture is asked for."""
        return self.plot or bool(self.plot_files)

    def emit(self, draw: Callable[[], Figure]) -> None:
        """Draw once, if asked for, write the files and show it on the screen."""
        if not self.draws:
            return
        drawn = cache(draw)  # the style is that of the first who asks
        for path in self.plot_files or []:
            with working(f"drawing {path.name}"):
                from figures import style  # which takes as long as to draw

                style.save(drawn, path)
            note(f"wrote {path}")
        if self.plot:
            from .showing import show as show_picture

            with working("drawing"):
                from figures import style

                with style.applied():
                    figure = drawn()
            show_picture(figure)

    def emit_result(self, result: Callable[[], Any]) -> None:
        """The same of a result of a kind that ``pt.plot`` draws, made if asked for."""

        def draw() -> Figure:
            from figures import plotting

            return plotting.plot(result(), title=self.title, size=self.size)

        self.emit(draw)


@dataclass(frozen=True)
class Destination:
    """Where the results of a command go.

    Raises, before any work is done:
        typer.BadParameter, OSError: as :func:`.targets.check_output`.
    """

    as_json: options.AsJson = False
    output_files: options.Outputs = None
    overwrite: options.Overwrite = False
    plot: options.Plot = False
    plot_files: options.PlotFiles = None
    title: options.Title = None
    size: options.Size = "slide"

    def __post_init__(self) -> None:
        for path in self.output_files or []:
            check_output(path, self.overwrite)
        if self.plot and self.as_json:
            raise options.bad("--plot", "it does not go with --json")
        _ = self._pictures  # refused, if they must be, before any work

    @cached_property
    def _pictures(self) -> Picture:
        files = [one for one in self.output_files or [] if one.suffix in PICTURES]
        files += self.plot_files or []
        return Picture(self.plot, files, self.title, self.size, self.overwrite)

    @property
    def draws(self) -> bool:
        """Whether a picture is asked for."""
        return self._pictures.draws

    def emit(
        self,
        results: Results | xr.Dataset,
        title: str,
        show: Callable[[Any, str], None] | None = None,
        draw: Callable[[], Figure] | None = None,
    ) -> None:
        """Write to files, or print: as JSON if asked, else by ``show``.

        Files and a picture on the screen stand for the table; what ``--plot FILE``
        writes comes beside it.

        Args:
            results: what was computed.
            title: of the tables on the terminal.
            show: prints the results in place of tables.
            draw: draws them, in place of what ``pt.plot`` does.
        """
        dataset = None
        if self.output_files or self.draws:
            dataset = results.dataset() if isinstance(results, Results) else results
        for path in self.output_files or []:
            if path.suffix not in PICTURES:
                _write(dataset, path, self.overwrite)
                note(f"wrote {path}")
        self._pictures.emit(partial(self._picture, dataset, draw))
        if self.as_json:
            print_json(results)
        elif not self.plot and not self.output_files:
            hush()
            (show or print_tables)(results, title)

    def _picture(self, dataset: Any, draw: Callable[[], Figure] | None) -> Figure:
        from figures import plotting, style

        with style.applied():
            if draw is None:
                return plotting.plot(dataset, **self._drawn())
            figure = draw()
            if self.title is not None:
                style.title(figure, self.title)
            return figure

    def _drawn(self) -> dict[str, Any]:
        """How pictures are drawn."""
        return {"title": self.title, "size": self.size}


@dataclass(frozen=True)
class OverTheory(Destination):
    """The same of results that simulated points can be drawn over.

    Raises, before any work is done:
        perceptron_theory.InputError: ``simulated`` cannot be read.
    """

    simulated: options.Simulated = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.simulated is not None:
            if not self.draws:
                what = "it is for a picture: add -o FILE.png or --plot"
                raise options.bad("--simulated", what)
            _ = self._simulation  # read, or refused, before any work

    @cached_property
    def _simulation(self) -> xr.Dataset | None:
        if self.simulated is None:
            return None
        import perceptron_theory as pt

        return pt.load_dataset(self.simulated)

    def _drawn(self) -> dict[str, Any]:
        drawn = super()._drawn()
        if self._simulation is not None:
            drawn["simulation"] = self._simulation
        return drawn


def print_tables(results: Results | xr.Dataset, title: str) -> None:
    """Every table of ``results`` that has rows, the main one under ``title``."""
    hush()
    for name, table in _light(results).tables().items():
        if any(table.values()):
            _print_table(table, title if name == "points" else name)


def print_lines(lines: Mapping[str, str], as_json: bool = False) -> None:
    """Names, each with a line about it."""
    hush()
    if as_json:
        json.dump(dict(lines), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, line in lines.items():
        table.add_row(name, line)
    print_rich(table)


def say(text: str) -> None:
    """A result in words, on stdout."""
    hush()
    typer.echo(text)


def note(message: str) -> None:
    """A message for the person at the terminal: on stderr, apart from the data."""
    with aside():
        typer.echo(message, err=True)


def working(message: str, then: str = "") -> AbstractContextManager[Any]:
    """Say on stderr, as long as it lasts, what is going on; see ``waiting``."""
    return waiting(message, then)


def print_json(results: Results | xr.Dataset) -> None:
    """Attributes of ``results`` and its tables, one list of records each."""
    hush()
    results = _light(results)
    content: dict[str, Any] = {"attrs": _plain(results.attrs)}
    for name, table in results.tables().items():
        rows = zip(*table.values(), strict=True)
        content[name] = [_plain(dict(zip(table, row, strict=True))) for row in rows]
    json.dump(content, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def tables(dataset: xr.Dataset) -> dict[str, pd.DataFrame]:
    """One table for the variables of every shape; the main one is called points."""
    import pandas as pd

    of = Results.of(dataset).tables()
    return {name: pd.DataFrame(columns) for name, columns in of.items()}


def _light(results: Results | xr.Dataset) -> Results:
    return results if isinstance(results, Results) else Results.of(results)


def _print_table(table: Columns, title: str) -> None:
    """A table on the terminal: columns of one value first, then the rest as rows."""
    from rich.table import Table

    shown = {name: column for name, column in table.items() if name not in _NOT_SHOWN}
    changing = {
        name: column for name, column in shown.items() if not is_constant(column)
    }
    constants = Table(box=None, show_header=False)
    for name, column in shown.items():
        if name not in changing:
            constants.add_row(name, _cell(name, column[0]))
    rows = Table(box=None)
    for name in changing:
        rows.add_column(name, justify="right", overflow="fold")
    for row in zip(*changing.values(), strict=True):
        rows.add_row(*map(_cell, changing, row))
    typer.echo(paragraph(title))
    if constants.rows:
        print_rich(constants)
    if rows.columns:
        print_rich(rows)


def print_rich(table: Table) -> None:
    """A rich table on stdout, as wide as the terminal at most."""
    hush()
    print_fitted(table)


def _cell(column: str, value: Any) -> str:
    if column == "theta":  # in files it is in radians
        return f"{math.degrees(value):.6g}°"
    return f"{value:.6g}" if isinstance(value, float) else in_degrees(str(value))


def _plain(value: Any) -> Any:
    """``value`` in types of JSON, which has no NaN: null stands for it."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _write(dataset: Any, path: Path, overwrite: bool) -> None:
    if path.suffix == ".nc":
        import perceptron_theory as pt

        pt.save_dataset(dataset, path, overwrite=overwrite)
        return
    from simulations.files import write_whole

    frames = tables(dataset)
    if len(frames) > 1:
        left_out = ", ".join(list(frames)[1:])
        note(f"a CSV file holds one table; {left_out} are in a .nc file only")
    try:
        write_whole(path, lambda part: frames["points"].to_csv(part, index=False))
    except OSError as error:  # named by the file that was asked for
        raise OSError(error.errno, error.strerror, str(path)) from error
