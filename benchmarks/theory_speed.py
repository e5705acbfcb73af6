"""Seconds a point of ``pt.solve`` and of its peers, in one run, at a checked accuracy.

    python benchmarks/theory_speed.py [--points-scipy N] [--json FILE]

See benchmarks/README.md for what is measured.  Every solver gets the same grid, the
hard rule on the absolute margin, and is checked against ``pt.solve`` there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import subprocess
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np
from peers import numpy_gauss_legendre, numpy_plain, scipy_paper

import perceptron_theory as pt

ALPHA = np.geomspace(0.1, 100.0, 100)
KEEP = np.geomspace(0.01, 1.0, 100)
THETA = np.radians(10.0)
ACCURACY = 1e-8  # relative, or 16 x 2^-52 x K where the problem allows no better
SEED = 20220629
REPEATS = 5
COLD = {
    "theta = 0": "pt.solve(alpha_prune=3., keep_fraction=.1, theta=0.)",
    "theta = 0.2": "pt.solve(alpha_prune=3., keep_fraction=.1, theta=0.2)",
}
ROW = "{:<42}{:>11}{:>13}{:>11}{:>8}{:>10}{:>10}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points-scipy", type=int, default=40, metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if not 10 <= options.points_scipy <= ALPHA.size * (KEEP.size - 1):
        parser.error("--points-scipy: from 10 to 9900")
    warnings.simplefilter("ignore")  # QUADPACK's remarks on round-off

    report = {"machine": machine(), "cold_start_s": cold_start(), "rows": []}
    for theta, peers in ((THETA, angled_peers), (0.0, aligned_peers)):
        ours, solution = time_solve(theta)
        report["rows"].append(ours)
        for row in peers(solution, options.points_scipy):
            row["ratio"] = row["seconds_a_point"] / ours["seconds_a_point"]
            report["rows"].append(row)
    print_report(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1, default=float) + "\n")
    agree = all(row.get("max_excess", 0.0) <= 1.0 for row in report["rows"])
    return 0 if agree else 1


def time_solve(theta: float) -> tuple[dict, pt.Solution]:
    """``pt.solve`` on the whole grid: the first call compiles, the others are timed."""

    def call():
        solution = pt.solve(
            alpha_prune=ALPHA[:, None], keep_fraction=KEEP[None, :], theta=theta
        )
        np.asarray(solution.error)  # wait for the result
        return solution

    first, solution = stopwatch(call)
    seconds = [stopwatch(call)[0] for _ in range(REPEATS)]
    row = result(
        f"pt.solve, {label(theta)}", np.median(seconds), ALPHA.size * KEEP.size
    )
    row["spread"] = [min(seconds), max(seconds)]
    row["first_call_s"] = first
    return row, solution


def angled_peers(solution, points):
    """The peers at theta = 10 degrees."""
    march = numpy_gauss_legendre.march
    error = np.asarray(solution.error)

    def plain():
        return numpy_plain.march(ALPHA, KEEP[tenth], THETA)

    def rows():
        return np.hstack([march(ALPHA, KEEP[j : j + 1], THETA)[0] for j in tenth])

    def columns():
        return march(ALPHA, KEEP, THETA)[0]

    tenth, every = np.arange(4, KEEP.size, 10), slice(None)
    for name, call, where, target in (
        ("NumPy Gauss-Legendre, plain", plain, tenth, 5),
        ("... tuned, point by point", rows, tenth, None),
        ("... tuned, all f at once", columns, every, None),
    ):
        timed = [stopwatch(call) for _ in range(REPEATS)]
        seconds, found = np.median([t for t, _ in timed]), timed[0][1]
        row = result(name, seconds, found.size, target)
        yield row | agreement(
            found, error[:, where], np.asarray(solution.condition)[:, where]
        )

    def solve(i, j, start):
        return scipy_paper.solve_angled(ALPHA[i], KEEP[j], THETA, start)

    yield from scipy_rows("SciPy dblquad + root", solve, solution, THETA, points, 250)


def aligned_peers(solution, points):
    """The peer at theta = 0, with two kinds of integrands."""
    for name, functions, target in (
        ("SciPy quad + root", scipy_paper.PLAIN, 1000),
        ("... tuned", scipy_paper.TUNED, None),
    ):

        def solve(i, j, start, functions=functions):
            start = start[[0, 2]]
            return scipy_paper.solve_aligned(ALPHA[i], KEEP[j], start, functions)

        yield from scipy_rows(name, solve, solution, 0.0, points, target)


def scipy_rows(name, solve, solution, theta, points, target):
    """A peer timed at random points, from two starts.

    One is a guess, as ``pt.solve`` itself has to make; points it does not solve are
    counted and left out.  The other is the exact solution at the neighbour in f (5 %
    larger), which is more than a user has: the peer at its best.
    """
    neighbour = student(solution, theta)
    random = np.random.default_rng(SEED)
    chosen = random.choice(ALPHA.size * (KEEP.size - 1), points, replace=False)
    i, j = np.divmod(chosen, KEEP.size - 1)
    guesses = np.stack([ALPHA[i], 0.0 * ALPHA[i], np.sqrt(np.minimum(ALPHA[i], 2.0))])
    ours, condition = (
        np.asarray(solution.error)[i, j],
        np.asarray(solution.condition)[i, j],
    )
    for label, starts in (
        ("from a guess", guesses),
        ("from next to it", neighbour[:, i, j + 1]),
    ):
        seconds, found = np.empty(points), np.full(points, np.nan)
        for k, start in enumerate(starts.T):
            begin = time.perf_counter()
            with contextlib.suppress(RuntimeError, ArithmeticError, ValueError):
                found[k] = solve(i[k], j[k], start)[0]
            seconds[k] = time.perf_counter() - begin
        # hybr may also stop at a point that solves nothing
        done = np.abs(found / ours - 1.0) < 1e-2
        row = result(f"{name}, {label}", seconds[done].sum(), done.sum(), target)
        row |= agreement(found[done], ours[done], condition[done])
        yield row | {"unsolved": int(points - done.sum())}


def student(solution, theta):
    """(A, B, r) (3, ...) at margin 1 from the overlaps, margin and error."""
    error, overlap, probe_overlap, margin = (
        np.asarray(getattr(solution, name))
        for name in ("error", "overlap", "probe_overlap", "margin")
    )
    A, B = overlap / margin, np.zeros_like(margin)
    if theta:
        B = (probe_overlap - overlap * np.cos(theta)) / (np.sin(theta) * margin)
    across = A * np.tan(np.pi * error)  # all of it that is off the teacher
    return np.stack([A, B, np.sqrt(across**2 - B**2)])


def agreement(found, ours, condition):
    """Relative differences of the error, and the largest in units of the accuracy."""
    difference = np.abs(found / ours - 1.0)
    allowed = 2.0 * np.maximum(ACCURACY, 16.0 * 2.0**-52 * condition)  # both may err
    return {
        "max_difference": float(difference.max()),
        "median_difference": float(np.median(difference)),
        "max_excess": float((difference / allowed).max()),
    }


def cold_start() -> dict[str, float]:
    """Wall time of a fresh process from nothing to a result; median of three."""
    seconds = {}
    for name, call in COLD.items():
        code = f"import perceptron_theory as pt; print({call}.error)"
        command = [sys.executable, "-c", code]

        def run(command=command):
            subprocess.run(command, check=True, capture_output=True)

        seconds[name] = float(np.median([stopwatch(run)[0] for _ in range(3)]))
    return seconds


def stopwatch(call):
    start = time.perf_counter()
    value = call()
    return time.perf_counter() - start, value


def result(name, seconds, points, target=None):
    each = float(seconds) / points
    return {"name": name, "points": points, "seconds_a_point": each, "target": target}


def label(theta: float) -> str:
    return f"theta = {np.degrees(theta):.0f} deg"


def machine() -> dict[str, str]:
    model = next(
        (
            line.split(":")[1].strip()
            for line in cpuinfo()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    packages = ", ".join(f"{p} {version(p)}" for p in ("numpy", "scipy", "jax"))
    return {
        "machine": f"{model}, {os.cpu_count()} cores, load {load} at the start",
        "versions": f"Python {platform.python_version()}, {packages}",
    }


def cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def print_report(report) -> None:
    print(*report["machine"].values(), sep="\n")
    print(
        f"grid {ALPHA.size} x {KEEP.size}: alpha_prune {ALPHA[0]:g}..{ALPHA[-1]:g}, "
        f"keep_fraction {KEEP[0]:g}..{KEEP[-1]:g}, both geometric; hard rule\n"
    )
    heads = ("", "s a point", "points a s", "ratio", "target", "max diff", "median")
    print(ROW.format(*heads))
    for row in report["rows"]:
        if "first_call_s" in row:
            print(f"{'':-<106}")
        each, ratio, target = row["seconds_a_point"], row.get("ratio"), row["target"]
        print(
            ROW.format(
                row["name"],
                f"{each:.2e}",
                f"{1.0 / each:,.0f}",
                f"{ratio:,.1f}" if ratio else "",
                target or "",
                f"{row['max_difference']:.1e}" if ratio else "",
                f"{row['median_difference']:.1e}" if ratio else "",
            )
        )
        if "first_call_s" in row:
            print(f"  first call, with compilation: {row['first_call_s']:.2f} s")
        if row.get("unsolved"):
            print(f"  not solved: {row['unsolved']} more points")
        if row.get("max_excess", 0.0) > 1.0:
            print(
                f"  DISAGREES: {row['max_excess']:.1f} times what the accuracy allows"
            )
    print("\ncold start to first result, a fresh process (aim: under 5 s):")
    for name, seconds in report["cold_start_s"].items():
        print(f"  {name}: {seconds:.2f} s")


if __name__ == "__main__":
    sys.exit(main())
