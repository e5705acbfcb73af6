"""A figure is a computation, a drawing and a caption; the two steps stay apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure as Picture

import perceptron_theory as pt
from perceptron_theory.paths import expanded

from . import style

FORMATS = ("pdf", "png")


@dataclass(frozen=True)
class Figure:
    """One figure: ``draw`` knows only the dataset that ``compute`` returned.

    Its title is its ``source``: theory, simulation, the data set, or several of them.
    """

    name: str
    caption: str
    source: str
    compute: Callable[[], xr.Dataset]
    draw: Callable[[xr.Dataset], Picture]

    def paths(self, folder: Path) -> list[Path]:
        """Where ``make`` puts the data and the pictures."""
        data = folder / "data" / f"{self.name}.nc"
        return [data, *(folder / f"{self.name}.{suffix}" for suffix in FORMATS)]

    def make(
        self, folder: str | Path, *, overwrite: bool = False, redraw: bool = False
    ) -> list[Path]:
        """Compute and save the data, then draw the figure from the saved file.

        Args:
            folder: gets the pictures; the data go to its subfolder ``data``.
            overwrite: replace files that exist.
            redraw: draw from the data that are there already, computing nothing.

        Returns:
            The files written: data (NetCDF) unless redrawn, PDF, PNG.

        Raises:
            FileExistsError: a file exists and ``overwrite`` is false.
            perceptron_theory.InputError: ``redraw`` without data.
        """
        data, *pictures = self.paths(expanded(folder))
        written = pictures if redraw else [data, *pictures]
        for path in written:  # before the work, not after it
            if path.exists() and not overwrite:
                raise FileExistsError(0, "exists; --overwrite replaces it", str(path))
        data.parent.mkdir(parents=True, exist_ok=True)
        if not redraw:
            pt.save_dataset(self.compute(), data, overwrite=overwrite)
        with style.applied():
            picture = self.draw(pt.load_dataset(data))
            style.title(picture, self.source)
            for path in pictures:
                # no date in the file: the same data give the same bytes
                stamp = {"CreationDate": None} if path.suffix == ".pdf" else None
                picture.savefig(path, metadata=stamp)
        return written
