"""The largest margin on structured inputs against two slow oracles.

The first is the problem itself and no saddle point: Gordon's inequality turns the
largest margin into a convex program of a few numbers for each eigenvalue.  In the
direction j the weights have a component d_j in the plane of the loadings and a random
one of size s_j; then

    |w|^2 = sum of d_j^2 + mean of s_j^2 is smallest under
    alpha E[(1 - y m.(u, v) - r xi)_+^2] <= (mean of sqrt(sigma_j) s_j)^2

with m = L^T d and r^2 = sum of sigma_j d_j^2 - |m|^2 + mean of sigma_j s_j^2.  SciPy
solves it with differences for derivatives.  The second are the plain equations with the
covariance inverted as a full matrix, from there on, by SciPy's hybrid method.
"""

import numpy as np
import pytest
from scipy.optimize import minimize, root
from scipy.stats import norm
from test_structured_oracle import _examples, _kept, _setting

import perceptron_theory as pt


def _short(mean, r):
    """E of (1 - m)_+ and its square, and Prob(m < 1), at each mean margin."""
    t = (1.0 - mean) / r
    inside, peak = norm.cdf(t), norm.pdf(t)
    square = (t * t + 1) * inside + t * peak
    return r * (t * inside + peak), r * r * square, inside


def gordon(values, loadings, fields, mass, alpha):
    """(1/|w|, m_u, m_v, norm) of the convex program."""
    n = len(values)

    def parts(x):
        d, s = x[:n], x[n:]
        m = loadings.T @ d
        square = values @ (d * d) + values @ (s * s) / n
        return d, s, m, square

    def room(x):
        _, s, m, square = parts(x)
        pull = alpha * mass @ _short(m @ fields, np.sqrt(square - m @ m))[1]
        return np.sqrt(values) @ s / n - np.sqrt(pull)

    def length(x):
        return 0.5 * (x[:n] @ x[:n] + x[n:] @ x[n:] / n)

    x = np.concatenate([loadings[:, 0] / values, 0.3 * np.ones(n)])
    # long enough to be allowed, if data can be separated at all
    found = minimize(
        length,
        4.0 * x,
        method="SLSQP",
        constraints={"type": "ineq", "fun": room},
        options={"ftol": 1e-13, "maxiter": 500},
    )
    assert abs(room(found.x)) < 1e-7
    _, _, m, square = parts(found.x)
    return np.array([1 / np.sqrt(2 * length(found.x)), *m, np.sqrt(square)])


def equations(sigma, loadings, fields, mass, alpha, start):
    """The same, and the error, from the plain equations."""
    n = len(sigma)

    def told(x):
        m, r, step = x[:2], np.exp(x[2]), np.exp(x[3])
        pull, square, inside = _short(m @ fields, r)
        vhat = alpha * mass @ inside / step
        inverse = np.linalg.inv(np.eye(n) + vhat * sigma)
        w = inverse @ loadings @ (alpha * fields @ (mass * pull) / step + vhat * m)
        noise = alpha * mass @ square / step**2
        spread = inverse @ sigma @ inverse
        size = w @ sigma @ w + noise * np.trace(sigma @ spread) / n
        length = w @ w + noise * np.trace(spread) / n
        return w, size, length, np.trace(sigma @ inverse) / n

    def miss(x):
        w, size, _, trace = told(x)
        new = loadings.T @ w
        return [
            *(new - x[:2]),
            np.log(max(size - new @ new, 1e-30)) - 2 * x[2],
            np.log(trace) - x[3],
        ]

    _, *m, size = start
    log_r = 0.5 * np.log(size**2 - m[0] ** 2 - m[1] ** 2)
    found = root(miss, [*m, log_r, -1.0], tol=1e-13)
    assert np.abs(found.fun).max() < 1e-10
    m, size = found.x[:2], np.sqrt(found.x[:2] @ found.x[:2] + np.exp(2 * found.x[2]))
    margin = told(found.x)[2] ** -0.5
    return np.arccos(m[0] / size) / np.pi, margin, *m, size


# load, fraction, rule, margin, flips, part of the label that the inputs show
CASES = [
    (1.5, 0.4, "hard", "absolute", 0.0, 1.0),
    pytest.param((3.0, 0.5, "hard", "signed", 0.0, 1.0), marks=pytest.mark.slow),
    pytest.param((0.7, 0.3, "easy", "absolute", 0.1, 1.0), marks=pytest.mark.slow),
    pytest.param((1.2, 0.6, "hard", "signed", 0.05, 0.8), marks=pytest.mark.slow),
    pytest.param((2.0, 0.5, "easy", "signed", 0.0, 0.9), marks=pytest.mark.slow),
    pytest.param((1.0, 1.0, "random", "absolute", 0.2, 0.7), marks=pytest.mark.slow),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_largest_margin_is_that_of_the_oracles(case):
    alpha, fraction, rule, margin, flips, shown = case
    sigma, teacher, probe = _setting(5, n=6)
    whole = pt.Inputs.from_covariance(sigma, teacher, probe)
    inputs = pt.Inputs(
        whole.eigenvalues, shown * whole.label, whole.probe, shown * whole.cosine
    )
    loadings = np.stack([inputs.label, inputs.across], axis=1)
    kept = _kept(fraction, inputs.theta, rule, margin, flips)
    fields, mass = _examples(kept, inputs.theta)
    first = gordon(inputs.eigenvalues, loadings, fields, mass, alpha)
    sol = pt.solve(
        alpha_prune=alpha,
        keep_fraction=fraction,
        rule=rule,
        margin=margin,
        student=pt.HardMargin(flip_probability=flips),
        inputs=inputs,
    )
    got = np.array([sol.margin, *sol.fields, sol.norm])
    # the program's minimum is known better than its place
    np.testing.assert_allclose(got[0], first[0], rtol=1e-6)
    np.testing.assert_allclose(got, first, rtol=1e-3, atol=1e-3 * first[3])
    wanted = equations(
        np.diag(inputs.eigenvalues), loadings, fields, mass, alpha, first
    )
    got = np.array([sol.error, *got])
    np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-8 * wanted[-1])
