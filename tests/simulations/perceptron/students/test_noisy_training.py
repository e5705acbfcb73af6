"""Students trained on wrong labels, ranked by the signed margin, against the theory.

One load, so that all points share the shapes that are compiled.
"""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, Point, averages, simulate
from simulations.perceptron.data.pruned_pools import training_sets
from simulations.perceptron.studies.agreement import extrapolate, judge

LOAD, RIDGE, DRAWS = 2.0, 0.1, 64
# hard and easy are windows: one compiled program for both
HARD, EASY = (0.0, 0.4), (0.5, 0.5)


def compare(loss, angles, sizes, draws=DRAWS, seed=5):
    """(points, theory, fits in 1/N, mean and standard error) of the errors."""
    points = [
        (p, theta, lower, f)
        for theta in angles
        for p in (0.05, 0.2)
        for lower, f in (HARD, EASY)
    ]
    p, theta, lower, fraction = np.array(points).T
    exact = pt.solve_convex(
        alpha_prune=LOAD,
        keep_fraction=fraction,
        theta=theta,
        rule=pt.Window(lower),
        margin="signed",
        loss=loss,
        ridge=RIDGE,
        flip_probability=p,
    )
    found = np.empty((len(points), len(sizes), 2))
    for (i, (q, angle, low, f)), (j, size) in itertools.product(
        enumerate(points), enumerate(sizes)
    ):
        student = ConvexRidge(loss, RIDGE)
        point = Point(LOAD, f, angle, pt.Window(low), "signed", student=student)
        students = simulate(
            point, size=size, draws=draws, seed=seed, flip_probability=q
        )
        found[i, j] = averages(students).error.values
    ratio = found / np.asarray(exact.error)[:, None, None]
    ratio[..., 0] -= 1.0
    sizes = np.asarray(sizes, float)
    fits = [extrapolate(sizes, *row.T, allowance=0.0) for row in ratio]
    return points, exact, fits, found


@pytest.mark.slow
def test_errors_with_wrong_labels():
    points, exact, fits, found = compare("logistic", [np.deg2rad(20)], (32, 64))
    for test in judge(fits, 1e-3):
        assert test.passed, (test, [f.value / f.error for f in fits])
    assert max(fit.error for fit in fits) < 0.05
    # hard examples of the signed margin: worse than chance at p = 0.2
    hard = np.array([p == 0.2 and low == 0.0 for p, _, low, _ in points])
    assert (np.asarray(exact.error)[hard] > 0.55).all()
    assert (found[hard, -1, 0] > 0.55).all()


def test_what_the_signed_margin_keeps_of_a_noisy_pool():
    """The kept wrong labels, by counting, against the mixture's own thresholds."""
    p, f = 0.2, 0.3
    point = Point(LOAD, f, 0.0, "hard", "signed")
    sets = np.stack(training_sets(point, size=40, draws=50, seed=1, flip_probability=p))
    wrong = sets[..., 0] < 0
    # theta = 0, f > p: all wrong labels and the right ones next to the boundary
    share = wrong.mean()
    assert abs(share - p / f) < 4 * np.sqrt(p * (1 - p) / (80 / f) / 50) / f


@pytest.mark.slow
def test_a_keep_probability_of_the_noisy_signed_margin():
    rule = pt.KeepProbability(lambda m: 1 / (1 + jnp.exp(2 * m)))
    student = ConvexRidge("logistic", RIDGE)
    point = Point(LOAD, None, 0.5, rule, "signed", student=student)
    exact = pt.solve_convex(
        alpha_prune=LOAD,
        theta=0.5,
        rule=rule,
        margin="signed",
        ridge=RIDGE,
        flip_probability=0.1,
    )
    assert abs(point.fraction_of(0.1) - exact.keep_fraction) < 1e-8
    assert abs(point.fraction - exact.keep_fraction) > 0.01
    students = simulate(point, size=64, draws=DRAWS, seed=2, flip_probability=0.1)
    students = students.assign(
        overlap=students.overlap * students.length, alpha_prune=students.kept / 64
    )
    found = averages(students)
    for name, value in (
        ("error", exact.error),
        ("alpha_prune", LOAD),
        ("overlap", exact.weights[0]),
    ):
        mean, error = found[name].values
        assert abs(mean - value) < 4 * error + 0.015, name
