"""Students of a noisy teacher's labels against the theory, at sixteen points.

    python -m simulations.perceptron.studies.noisy_teacher TABLE.csv

adds to the table what it lacks, one row for each point and N, and then says how far the
errors, extrapolated to infinite N, lie from the theory.
"""

from __future__ import annotations

import csv
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import perceptron_theory as pt

from ..running.experiment import simulate
from ..running.point import Point
from ..running.summary import averages
from ..students.convex import ConvexRidge
from .agreement import Extrapolation, extrapolate, judge

LOAD, LOSS, RIDGE, SEED = 2.0, "logistic", 0.1, 1
DRAWS = {100: 256, 200: 128, 400: 64, 800: 24}
COLUMNS = "noise", "degrees", "margin", "lower", "f", "N", "draws", "error", "s.e."


class Case(NamedTuple):
    """A point: the law of the noise, the angle, the margin, and the window kept."""

    noise: str
    degrees: int
    margin: str
    lower: float
    fraction: float


CASES = tuple(
    Case(noise, degrees, margin, *window)
    for noise, degrees, margin, window in itertools.product(
        ("probit:0.5", "logistic:0.3"),
        (0, 20),
        ("absolute", "signed"),
        ((0.0, 0.4), (0.5, 0.5)),  # hard and easy
    )
)


def theory(case: Case) -> float:
    """The error at infinite N, on the teacher's own labels."""
    noise, degrees, margin, lower, fraction = case
    solution = pt.solve_convex(
        alpha_prune=LOAD,
        keep_fraction=fraction,
        theta=np.deg2rad(degrees),
        rule=pt.Window(lower),
        margin=margin,
        loss=LOSS,
        ridge=RIDGE,
        label_noise=noise,
    )
    return float(solution.error)


def simulated(case: Case, size: int, draws: int) -> tuple[float, float]:
    """The mean error of some draws and its standard error."""
    noise, degrees, margin, lower, fraction = case
    student = ConvexRidge(LOSS, RIDGE)
    angle, rule = float(np.deg2rad(degrees)), pt.Window(lower)
    point = Point(LOAD, fraction, angle, rule, margin, student=student)
    found = simulate(point, size=size, draws=draws, seed=SEED, label_noise=noise)
    mean, error = averages(found).error.values
    return float(mean), float(error)


def rows(path: Path) -> dict[tuple[Case, int], tuple[float, float]]:
    """What a table holds: mean and standard error by point and N."""
    if not path.exists():
        return {}
    with path.open() as file:
        return {
            (Case(a, int(b), c, float(d), float(e)), int(n)): (float(mean), float(se))
            for a, b, c, d, e, n, _, mean, se in itertools.islice(
                csv.reader(file), 1, None
            )
        }


def fill(path: Path) -> Iterator[str]:
    """Simulate what the table lacks, smallest N first, and add each row at once."""
    known = rows(path)
    if not known:
        path.write_text(",".join(COLUMNS) + "\n")
    for (size, draws), case in itertools.product(DRAWS.items(), CASES):
        if (case, size) in known:
            continue
        mean, error = simulated(case, size, draws)
        line = ",".join(map(str, case)) + f",{size},{draws},{mean:.6f},{error:.6f}"
        with path.open("a") as file:
            file.write(line + "\n")
        yield line


def fits(path: Path) -> list[tuple[Case, float, Extrapolation]]:
    """Each point with its theory and the relative difference at infinite N."""
    known, found = rows(path), []
    for case in CASES:
        exact = theory(case)
        sizes = [n for n in DRAWS if (case, n) in known]
        means, errors = np.array([known[case, n] for n in sizes]).T
        fit = extrapolate(
            np.array(sizes, float), means / exact - 1, errors / exact, 0.0
        )
        found.append((case, exact, fit))
    return found


def main(path: Path) -> None:
    """Fill the table and print the comparison."""
    for line in fill(path):
        print(line, flush=True)
    compared = fits(path)
    for case, exact, fit in compared:
        print(*case, f"{exact:.6f}", f"{100 * fit.value:+.2f}({100 * fit.error:.2f}) %")
    for test in judge([fit for *_, fit in compared], 1e-2):
        print(f"{test.name}: {test.statistic:.2f}, p = {test.p_value:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
