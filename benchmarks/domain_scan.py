"""The students of the version space against independent integrals, at random points.

    PYTHONPATH=tests python benchmarks/domain_scan.py --points 34

For each margin (signed, absolute), theta = 0 or above and rule (hard, easy): loads
log-uniform in [0.03, 30], f in [1e-3, 1], theta in [0.01, pi/2].  The oracle
(tests/oracle/version_space.py: the plain stationarity conditions on dense NumPy grids,
no code or variables of the package) solves each point anew, with twice the nodes again
where it disagrees, and gives (A, q), from which the errors of a Gibbs student and of
the centre follow.  Where it does not meet its own conditions, or holds too few digits
of 1 - A or 1 - q, the point is skipped, and counted.
"""

import argparse
import time

import numpy as np
from oracle import version_space

import perceptron_theory as pt

ROWS = [
    (margin, aligned, rule)
    for margin in ("absolute", "signed")
    for aligned in (True, False)
    for rule in ("hard", "easy")
    if margin == "absolute" or not aligned  # the same at theta = 0
]
DIGITS = 1e-6  # the least 1 - A, 1 - q or A that the oracle holds to eight digits
LIMIT = 1e-8
MISFIT = 1e-9  # of the oracle's conditions at its own root


def _draw(rng, n, aligned):
    theta = 10 ** rng.uniform(-2.0, np.log10(np.pi / 2), n)
    return {
        "alpha_prune": 10 ** rng.uniform(-1.5, 1.5, n),
        "keep_fraction": 10 ** rng.uniform(-3.0, 0.0, n),
        "theta": np.zeros(n) if aligned else theta,
    }


def _by_hand(point, rule, margin, start):
    """The errors of gibbs and bayes_point by the oracle, and its own misfit."""
    (A, _, q), miss, _ = version_space.solve(*point, rule, margin, start)
    rest = np.sqrt(1.0 - A * A), np.sqrt(q - A * A)
    return np.arctan2(rest, A) / np.pi, miss


def _differences(point, rule, margin, A, q, probe_overlap, errors):
    theta = point[2]
    B = (probe_overlap - A * np.cos(theta)) / np.sin(theta) if theta else 0
    grid = version_space._grid
    off, miss = np.full(2, np.inf), np.inf
    for nodes in (10, 20):
        version_space._grid = lambda breaks, n=nodes: grid(breaks, n)
        try:
            by_hand, miss = _by_hand(point, rule, margin, (A, B, q))
        except ValueError:  # its search left the domain
            continue
        finally:
            version_space._grid = grid
        off = np.abs(errors / by_hand - 1.0)
        if miss < MISFIT and np.max(off) < LIMIT:
            break
    return off, miss


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=34, help="a row")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    began = time.perf_counter()
    total = np.zeros(4, int)
    print("margin    theta  rule   points  unsolved  skipped  over  gibbs    centre")
    for margin, aligned, rule in ROWS:
        rng = np.random.default_rng(
            [options.seed, *map(ord, f"{margin}{aligned}{rule}")]
        )
        given = _draw(rng, options.points, aligned)
        both = [
            pt.solve(student=name, rule=rule, margin=margin, throw=False, **given)
            for name in ("gibbs", "bayes_point")
        ]
        solved = (both[0].status == 0) & (both[1].status == 0)
        A, q = both[0].overlap, both[0].self_overlap
        held = solved & (np.minimum(np.minimum(1 - A, 1 - q), A) > DIGITS)
        worst, over = np.zeros(2), 0
        for i in np.flatnonzero(held):
            point = tuple(float(x[i]) for x in given.values())
            overlaps = float(A[i]), float(q[i]), float(both[0].probe_overlap[i])
            errors = np.array([solution.error[i] for solution in both])
            off, miss = _differences(point, rule, margin, *overlaps, errors)
            if not miss < MISFIT:
                held[i] = False
                continue
            worst = np.maximum(worst, off)
            if np.max(off) > LIMIT:
                over += 1
                print(f"    over {off} oracle's misfit {miss:.1e} at {point}")
        counts = options.points, (~solved).sum(), (solved & ~held).sum(), over
        total += counts
        print(
            f"{margin:9} {'= 0' if aligned else '> 0':6} {rule:6} {counts[0]:6} "
            f"{counts[1]:9} {counts[2]:8} {over:5}  {worst[0]:.1e}  {worst[1]:.1e}",
            flush=True,
        )
    print(
        f"{total[0]} points, {total[1]} unsolved, {total[2]} skipped, {total[3]} over, "
        f"{time.perf_counter() - began:.0f} s"
    )


if __name__ == "__main__":
    main()
