"""Structured inputs against students that are trained on them.

Gaussian inputs of a given covariance are labelled by a teacher, pruned by a probe, and
a student of the logistic loss is trained on what is kept by Newton's method.  Means
over draws, in units of their standard error: a bound of 4 fails by accident once in
2,000 runs of the eight comparisons.
"""

import numpy as np
import pytest
from scipy.special import expit

import perceptron_theory as pt

N, DRAWS, RIDGE, FRACTION, LOAD = 300, 40, 0.1, 0.5, 2.0


def _trained(x, y):
    """The weights that minimise the loss, by Newton's method with shortened steps."""
    w = np.zeros(x.shape[1])

    def loss(w):
        return np.logaddexp(0, -y * (x @ w)).sum() + N * RIDGE / 2 * w @ w

    for _ in range(50):
        m = y * (x @ w)
        slope = -x.T @ (y * expit(-m)) + N * RIDGE * w
        bend = (x.T * (expit(m) * expit(-m))) @ x + N * RIDGE * np.eye(len(w))
        step = np.linalg.solve(bend, slope)
        while loss(w - step) > loss(w):
            step = step / 2
            if np.abs(step).max() < 1e-12:
                return w
        w = w - step
    return w


@pytest.mark.slow
@pytest.mark.parametrize("margin", ["signed", "absolute"])
def test_students_that_are_trained_agree(margin):
    inputs = pt.Inputs.power_law(N, 1.2, teacher=0.3, theta=np.deg2rad(20))
    sigma, teacher, across = inputs.eigenvalues, inputs.label, inputs.across
    draw = np.random.default_rng(11)
    found = []
    for _ in range(DRAWS):
        x = draw.normal(size=(round(LOAD * N / FRACTION), N)) * np.sqrt(sigma)
        y = np.sign(x @ (teacher / sigma))
        z = x @ (inputs.probe / sigma)
        score = y * z if margin == "signed" else np.abs(z)
        kept = np.argsort(score)[: round(LOAD * N)]
        w = _trained(x[kept], y[kept])
        one, other, norm = w @ teacher, w @ across, np.sqrt(w @ (sigma * w))
        found.append([np.arccos(one / norm) / np.pi, one, other, norm])
    mean = np.mean(found, axis=0)
    spread = np.std(found, axis=0, ddof=1) / np.sqrt(DRAWS)
    sol = pt.solve_convex(
        alpha_prune=LOAD,
        keep_fraction=FRACTION,
        margin=margin,
        ridge=RIDGE,
        inputs=inputs,
    )
    wanted = np.array([sol.error, *sol.fields, sol.norm])
    print(margin, mean, spread, wanted)
    assert (spread < 0.05 * sol.norm).all()  # the comparison can tell something
    np.testing.assert_array_less(abs(mean - wanted) / spread, 4.0)
