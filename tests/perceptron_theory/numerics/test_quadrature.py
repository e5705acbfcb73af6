"""Gauss-Legendre panels and `reach`, against exact integrals and SciPy's roots."""

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from perceptron_theory.numerics.quadrature import legendre, panels, reach


@pytest.mark.parametrize("n", [1, 2, 5, 12, 20])
def test_n_nodes_integrate_polynomials_of_degree_2n_minus_1_and_no_more(n):
    nodes, weights = legendre(n)
    assert ((nodes > 0) & (nodes < 1)).all()
    powers = np.arange(2 * n)
    sums = weights @ nodes[:, None] ** powers
    # the rounding of a node counts as often as its power
    np.testing.assert_allclose(sums, 1.0 / (powers + 1.0), rtol=3e-15 * n)
    # the Legendre polynomial squared, of the next degree, is zero at all nodes
    missed = np.polynomial.Legendre.basis(n, domain=[0, 1]) ** 2
    assert weights @ missed(nodes) == pytest.approx(0.0, abs=1e-14)
    assert quad(missed, 0, 1)[0] == pytest.approx(1.0 / (2 * n + 1))


def test_panels_integrate_between_the_breaks_of_each_row():
    """Uneven and empty panels, rows of their own; the pieces meet without a gap."""
    breaks = np.array([[-2.0, -1.9, 0.3, 0.3], [0.0, 1e-6, 1.0, 3.0]])
    with jax.enable_x64(True):
        x, weight = map(np.asarray, panels(jax.numpy.asarray(breaks), 12))
    assert x.shape == weight.shape == (2, 36)
    assert x.dtype == weight.dtype == np.float64
    for row, at, w in zip(breaks, x, weight, strict=True):
        assert (np.diff(at) >= 0).all()
        assert ((at >= row[0]) & (at <= row[-1])).all()
        exact = quad(lambda t: np.exp(np.sin(t)), row[0], row[-1])[0]
        assert w @ np.exp(np.sin(at)) == pytest.approx(exact, rel=1e-11)
        # of each panel alone
        for part, width in zip(w.reshape(3, 12), np.diff(row), strict=True):
            assert part.sum() == pytest.approx(width, rel=1e-14)


def _energy(x, start, slope, slack, spread):
    return (start + x) ** 2 + min(slack - slope * x, 0.0) ** 2 / spread**2


def _starts(n):
    """Arguments of `reach` of all scales whose E rises from x = 0 on."""
    rng = np.random.default_rng(3)
    cases = []
    while len(cases) < n:
        scale = lambda: 10.0 ** rng.uniform(-6, 4)  # noqa: E731
        start, slack = scale() * rng.choice([-1, 0, 1]), scale() * rng.choice([-1, 1])
        slope, spread, depth = scale(), 10.0 ** rng.uniform(-2, 3), rng.choice([1, 56])
        if 2 * start - 2 * min(slack, 0.0) * slope / spread**2 < 0:
            continue
        if abs(start) < 30 and abs(slack) < 30 * spread:
            cases.append((start, slope, slack, spread, float(depth)))
    return np.array(cases)


def test_reach_is_where_the_energy_has_risen_by_the_depth():
    """Before, at and after the sign change of the slack, for scales from 1e-6 to 1e4.

    The tolerance is what rounding of E, up to 1e3 times its rise, leaves.
    """
    cases = _starts(200)
    with jax.enable_x64(True):
        found = np.asarray(jax.jit(reach)(*map(jax.numpy.asarray, cases.T)))
    crossing = cases[:, 2] / cases[:, 1]
    kinds = crossing < 0, (crossing > 0) & (crossing < found), crossing > found
    assert min(map(np.sum, kinds)) > 10 and (cases[:, 0] < 0).sum() >= 10
    for x, (*rest, depth) in zip(found, cases, strict=True):
        level = _energy(0.0, *rest) + depth
        exact = brentq(
            lambda x, rest=rest, level=level: _energy(x, *rest) - level,
            0.0,
            1e3,
            xtol=1e-300,
            rtol=np.float64(1e-15),
        )
        assert x == pytest.approx(exact, rel=1e-11)


def test_reach_where_the_slack_grows_is_the_bound_of_the_first_term():
    start = np.array([0.0, 0.4, 3.0, 2.0])
    slope, slack = np.array([-1.0, 0.0, -0.2, -3.0]), np.array([0.5, 2.0, -1.0, -2.0])
    with jax.enable_x64(True):
        arrays = map(jax.numpy.asarray, (start, slope, slack))
        found = np.asarray(reach(*arrays, 0.5, 56.0))
    for x, *rest in zip(found, start, slope, slack, strict=True):
        level = _energy(0.0, *rest, 0.5) + 56.0
        assert (rest[0] + x) ** 2 == pytest.approx(level, rel=1e-14)
        assert _energy(x, *rest, 0.5) >= level * (1 - 1e-14)
