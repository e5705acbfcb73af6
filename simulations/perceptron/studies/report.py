"""Outcome of a validation: its table, its verdict, its files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr
from rich.table import Table

import perceptron_theory as pt
from perceptron_theory.wording import counted, shortened

from ...files import write_whole
from .agreement import Test


@dataclass(frozen=True)
class Report:
    """Outcome of :func:`run_validation`."""

    dataset: xr.Dataset
    """Per ``point``: the parameters, difference (relative, at infinite N), its
    difference_error, slope in 1/N, z, and per ``size`` theory, mean, standard_error,
    median, median_error, draws and the realised alpha_prune_realised and
    keep_fraction_realised."""
    tests: tuple[Test, ...]
    """The statistical tests, each with its share of the family level."""
    imprecise: tuple[str, ...]
    """Points whose standard error exceeds their ``precision``."""
    enough: int = 0
    """Draws of each point and N that would bring these there; 0 without any."""

    @property
    def passed(self) -> bool:
        """Every test passed and every point is as precise as it must be."""
        return all(test.passed for test in self.tests) and not self.imprecise

    def describe(self) -> str:
        """The verdict in words, one line a test."""
        count, sizes = self.dataset.sizes["point"], self.dataset["size"].values
        agree = all(test.passed for test in self.tests)
        verdict = "theory and simulation " + ("agree" if agree else "DISAGREE")
        if agree and self.imprecise:
            verdict = "too few draws to tell whether theory and simulation agree"
        names = ", ".join(map(str, sizes))
        lines = [
            f"{counted(count, 'point')}, N = {names}: {verdict}.",
            *(
                f"  {'pass' if t.passed else 'FAIL'}  {t.name} = {t.statistic:.3g}, "
                f"p = {t.p_value:.2g} (fails below {t.level:.2g})"
                for t in self.tests
            ),
        ]
        if len(sizes) == 1:
            spare = self.dataset.attrs["allowance"] / sizes[0]
            lines.append(f"  allowing {100 * spare:.3g} % of the error for finite N")
        lines += [
            f"  FAIL  too few draws: {shortened(label)}" for label in self.imprecise
        ]
        if self.enough:
            lines.append(f"  about so many draws would do: --draws {self.enough}")
        worst = int(np.argmax(np.abs(self.dataset.z.values)))
        lines.append(
            f"  farthest: z = {self.dataset.z.values[worst]:+.2f}, "
            + shortened(str(self.dataset.label.values[worst]))
        )
        return "\n".join(lines)

    def table(self) -> Table:
        """The results as a table for the terminal: the largest N, and the fit."""
        data = self.dataset.isel(size=-1)
        table = Table(title=f"errors at N = {int(data['size'])}, z at infinite N")
        for name in ("alpha", "f", "theta", "rule", "margin"):
            table.add_column(name)
        for name in ("theory", "mean", "std. err.", "median", "z", "N", "draws"):
            table.add_column(name, justify="right")
        for i in range(self.dataset.sizes["point"]):
            row = data.isel(point=i)
            table.add_row(
                f"{row.alpha_prune.item():g}",
                f"{row.keep_fraction.item():g}",
                f"{math.degrees(row.theta.item()):g}\N{DEGREE SIGN}",
                row["rule"].item(),
                row["margin"].item(),
                f"{row.theory.item():.5f}",
                f"{row['mean'].item():.5f}",
                f"{row.standard_error.item():.5f}",
                f"{row['median'].item():.5f}",
                f"{row.z.item():+.2f}",
                f"{int(data['size'])}",
                f"{row.draws.item()}",
            )
        return table

    def save(self, folder: Path) -> None:
        """Write report.csv and report.nc into a folder, each whole or not at all."""
        frame = self.dataset.to_dataframe().reset_index()
        write_whole(folder / "report.csv", lambda path: frame.to_csv(path, index=False))
        pt.save_dataset(self.dataset, folder / "report.nc", overwrite=True)
