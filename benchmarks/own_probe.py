"""Probes trained on the pool that they prune: theory beside simulation.

    python benchmarks/own_probe.py --output own_probe.csv

Points of probes, students, rules, wrong labels and parts; at each N the mean error of
students that were trained, the theory's, and that of a fresh probe at the same angle.
Last the mean errors are extrapolated to N -> infinity, a + b/N.  Rows are written as
they come, and those that are there are not computed again.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge
from simulations.perceptron.students.catalog import resolve_student


class Point(NamedTuple):
    """Losses and ridges (None: Hebb, max margin), pool, rule, part and wrong labels."""

    probe: tuple[str, float] | None
    student: tuple[str, float] | None
    load: float
    fraction: float
    rule: str
    margin: str
    part: float = 1.0
    wrong: float = 0.0


SQUARE, LOGISTIC = ("square", 0.1), ("logistic", 0.1)
POINTS = (
    Point(SQUARE, SQUARE, 4.0, 0.3, "hard", "signed"),
    Point(SQUARE, SQUARE, 4.0, 0.3, "hard", "absolute"),
    Point(("square", 0.5), ("square", 0.05), 4.0, 0.5, "easy", "absolute"),
    Point(None, SQUARE, 4.0, 0.3, "hard", "absolute"),
    Point(None, LOGISTIC, 3.0, 0.4, "easy", "signed"),
    Point(SQUARE, SQUARE, 3.0, 0.4, "hard", "signed", 1.0, 0.1),
    Point(SQUARE, SQUARE, 4.0, 0.3, "hard", "signed", 0.5),
    Point(SQUARE, LOGISTIC, 4.0, 0.3, "hard", "absolute"),
    Point(LOGISTIC, LOGISTIC, 4.0, 0.5, "hard", "signed", 1.0, 0.1),
    Point(LOGISTIC, ("hinge", 0.1), 4.0, 0.5, "easy", "absolute"),
    Point(SQUARE, None, 4.0, 0.3, "hard", "absolute"),
    Point(("square", 1e-3), None, 6.0, 0.3, "hard", "signed"),
)
SIZES = {100: 128, 200: 64, 400: 32}  # N and draws
COLUMNS = "point", "N", "draws", "theory", "fresh", "mean", "standard_error", "z"


def main() -> None:
    """Compute what is not in the file yet, and print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    asked = parser.parse_args()
    if not asked.output.exists():
        asked.output.write_text(",".join(COLUMNS) + "\n")
    for number, point in enumerate(POINTS):
        done = {(int(row["point"]), int(row["N"])) for row in _read(asked.output)}
        if all((number, size) in done for size in SIZES):
            continue
        expected = _theory(point)
        for size, draws in SIZES.items():
            if (number, size) in done:
                continue
            found = [_trained(point, size, seed) for seed in range(draws)]
            mean, bar = np.mean(found), np.std(found, ddof=1) / np.sqrt(draws)
            numbers = *expected, mean, bar, (mean - expected[0]) / bar
            with asked.output.open("a") as file:
                row = [number, size, draws, *(f"{x:.5f}" for x in numbers)]
                csv.writer(file).writerow(row)
    print(asked.output.read_text(), end="")
    _summary(_read(asked.output))


def _read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def _summary(rows: list[dict[str, str]]) -> None:
    """Extrapolated errors beside the theory, and how far off both theories are."""
    scores = []
    for number in sorted({int(row["point"]) for row in rows}):
        here = [row for row in rows if int(row["point"]) == number]
        names = "N", "mean", "standard_error", "theory", "fresh"
        size, mean, bar, own, fresh = (
            np.array([float(row[name]) for row in here]) for name in names
        )
        design = np.stack([1 / bar, 1 / (size * bar)], axis=1)
        cover = np.linalg.inv(design.T @ design)
        limit = float((cover @ design.T @ (mean / bar))[0])
        scores.append((limit - own[0]) / np.sqrt(cover[0, 0]))
        print(
            f"{number:2d}: N -> infinity {limit:.4f}({np.sqrt(cover[0, 0]):.4f}), "
            f"theory {own[0]:.4f}, fresh {fresh[0]:.4f}"
        )
    z = np.array([float(row["z"]) for row in rows])
    for name, values in (("all N", z), ("extrapolated", np.array(scores))):
        print(
            f"{name}: {len(values)} errors, mean z^2 = {np.mean(values**2):.2f}, "
            f"largest |z| = {max(abs(values)):.2f}"
        )


def _theory(point: Point) -> tuple[float, float]:
    """The error in theory, and that of a fresh probe at the same angle."""
    how: dict[str, Any] = {
        "alpha_tot": point.load,
        "keep_fraction": point.fraction,
        "rule": point.rule,
        "margin": point.margin,
    }
    own = pt.solve_own_probe(
        probe="hebb" if point.probe is None else pt.Convex(*point.probe),
        student="max_margin" if point.student is None else pt.Convex(*point.student),
        trained_part=point.part,
        flip_probability=point.wrong,
        **how,
    )
    taught = pt.HardMargin(point.wrong)
    if point.student is not None:
        taught = pt.Convex(*point.student, point.wrong)
    fresh = pt.solve(theta=own.theta, student=taught, **how)
    return own.error, float(fresh.error)


def _trained(point: Point, size: int, seed: int) -> float:
    """The error of one student, trained on what a probe keeps of its pool."""
    rng = np.random.default_rng([seed, size])
    total = round(point.load * size)
    x = rng.standard_normal((total, size))
    x *= np.where(x[:, :1] < 0, -1.0, 1.0)  # signed by the true label
    x[rng.random(total) < point.wrong] *= -1.0
    margins = x @ _weights(point.probe, x[: round(point.part * total)], "hebb")
    order = np.argsort(abs(margins) if point.margin == "absolute" else margins)
    kept = round(point.fraction * total)
    chosen = order[:kept] if point.rule == "hard" else order[-kept:]
    w = _weights(point.student, x[chosen], "max_margin")
    return float(np.arccos(w[0] / np.linalg.norm(w)) / np.pi)


def _weights(
    how: tuple[str, float] | None, examples: np.ndarray, otherwise: str
) -> np.ndarray:
    """Weights, of any length, of a loss and ridge on signed examples."""
    size = examples.shape[1]
    if how is None and otherwise == "hebb":
        return examples.sum(axis=0)
    if how is not None and how[0] == "square":
        matrix = examples.T @ examples + how[1] * size * np.eye(size)
        return np.linalg.solve(matrix, examples.sum(axis=0))
    student = resolve_student(otherwise) if how is None else ConvexRidge(*how)
    trained = student(examples[None], jax.random.split(jax.random.key(0), 1))
    if not trained.done.all():
        raise pt.ConvergenceError(f"a student of {student.name} did not converge")
    return trained.weights[0]


if __name__ == "__main__":
    main()
