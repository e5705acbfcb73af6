"""A table of rounds, theory beside simulation, that goes on where it was stopped."""

from __future__ import annotations

import argparse
import csv
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLUMNS = "point", "N", "draws", "round", "theory", "mean", "standard_error", "z"

Errors = Callable[[int, Any, int, int], tuple[np.ndarray, np.ndarray]]
"""Of the number of a point, the point, N and draws: errors in theory (rounds + 1,) and
of students (draws, rounds + 1), those of round 0 before them."""


def run(about: str | None, points: Sequence[Any], errors: Errors) -> None:
    """Compute what is not in the file that the command line names, and print it all."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--size", type=int, default=300)
    parser.add_argument("--draws", type=int, default=24)
    asked = parser.parse_args()
    if not asked.output.exists():
        asked.output.write_text(",".join(COLUMNS) + "\n")
    with asked.output.open() as file:
        done = {row["point"] for row in csv.DictReader(file)}
    for number, point in enumerate(points):
        if str(number) in done:
            continue
        found = errors(number, point, asked.size, asked.draws)
        with asked.output.open("a") as file:
            for row in _rows(*found):
                csv.writer(file).writerow([number, asked.size, asked.draws, *row])
    print(asked.output.read_text(), end="")
    with asked.output.open() as file:
        z = np.array([float(row["z"]) for row in csv.DictReader(file)])
    print(
        f"{len(z)} errors, mean z^2 = {np.mean(z**2):.2f}, "
        f"largest |z| = {max(abs(z)):.2f}"
    )


def _rows(theory: np.ndarray, found: np.ndarray) -> list[list[Any]]:
    """Round, theory, mean, its standard error and the difference in units of it."""
    rows = []
    for k in range(1, len(theory)):
        mean = found[:, k].mean()
        deviation = found[:, k].std(ddof=1) / math.sqrt(len(found))
        numbers = theory[k], mean, deviation, (mean - theory[k]) / deviation
        rows.append([k, *(f"{x:.5f}" for x in numbers)])
    return rows
