"""The field at theta = 0, against quad and as the limit of small angles."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import ndtr

from perceptron_theory.kept.field import Student
from perceptron_theory.kept.field_aligned import (
    Interval,
    aligned_breaks,
    aligned_moments,
)
from perceptron_theory.kept.field_law import Piece, law_of_field
from perceptron_theory.kept.problem import Problem
from perceptron_theory.kept.thresholds import Pieces
from perceptron_theory.numerics.gaussian import cdf
from perceptron_theory.numerics.quadrature import panels

# inner, outer, a, cut
CASES = np.array(
    [
        (0.0, 0.5, 1.5, 1.0),
        (0.7, 0.7001, 3.0, 0.05),
        (0.0, np.inf, 0.2, 5.0),
        (1.5, 2.5, 30.0, 0.3),
        (2.0, np.inf, 1.0, 0.01),
        (0.0, 1e-4, 50.0, 2.0),
    ]
)
FIELDS = np.array([-5.0, -1.0, 0.0, 0.4, 3.0, 40.0])


def test_moments_are_integrals_over_the_margins():
    """Of phi(u) phi(M - a u) u^j; relative to the largest u, also of narrow ones."""

    def one(row):
        return jnp.stack(
            aligned_moments(jnp.asarray(FIELDS), Interval(row[0], row[1]), row[2])
        )

    with jax.enable_x64(True):
        found = np.asarray(jax.jit(jax.vmap(one))(CASES))
    for (inner, outer, a, _), of_row in zip(CASES, found, strict=True):
        for field, values in zip(FIELDS, of_row.T, strict=True):
            centre, s = a * field / (1 + a * a), 1 / math.hypot(1, a)
            ends = np.clip([centre - 12 * s, centre, centre + 12 * s], inner, outer)
            ends = np.unique([inner, *ends, min(outer, inner + 12.0)])
            for j, value in enumerate(values):

                def inside(u, a=a, field=field, j=j):
                    return u**j * math.exp(-(u * u + (field - a * u) ** 2) / 2)

                parts = [
                    quad(inside, *x, epsabs=0, epsrel=1e-11)[0]
                    for x in pairwise(ends)
                    if inside(x[0]) + inside(x[1]) + inside(sum(x) / 2) > 1e-200
                ]
                exact = sum(parts) / (2 * math.pi)
                assert value == pytest.approx(exact, rel=1e-9, abs=1e-17)


def test_the_breaks_hold_all_that_a_response_sees():
    """The average of Phi(-M/cut), over M in closed form for quad."""

    def one(row):
        interval = Interval(row[0], row[1])
        breaks = aligned_breaks(interval, row[2], row[3])
        field, weight = panels(breaks, 20)
        answer = cdf(-field / row[3])
        moments = jnp.stack(aligned_moments(field, interval, row[2]))
        return breaks, moments @ (weight * answer)

    with jax.enable_x64(True):
        breaks, found = map(np.asarray, jax.jit(jax.vmap(one))(CASES))
    # in order, but for the rounding of breaks that coincide
    assert np.diff(breaks, axis=1).min() >= -1e-14
    for (inner, outer, a, cut), values in zip(CASES, found, strict=True):

        def inside(u, j, a=a, cut=cut):
            return u**j * ndtr(-a * u / math.hypot(1, cut)) * math.exp(-u * u / 2)

        steps = inner + np.array([0.0, 0.3, 1.0, 3.0, 9.0]) / max(1.0, a)
        ends = np.unique(np.clip([*steps, inner + 3, inner + 9], inner, outer))
        for j, value in enumerate(values):
            parts = (
                quad(inside, *x, (j,), epsabs=0, epsrel=1e-12)[0]
                for x in pairwise(ends)
            )
            exact = sum(parts) / math.sqrt(2 * math.pi)
            assert value == pytest.approx(exact, rel=2e-11)


@pytest.mark.slow
def test_one_case_by_dblquad():
    inner, outer, a = 0.2, 0.9, 1.3
    with jax.enable_x64(True):
        ends = Interval(jnp.asarray(inner), jnp.asarray(outer))
        field, weight = panels(jnp.linspace(-8.0, 0.0, 9), 12)
        moments = jnp.stack(aligned_moments(field, ends, jnp.asarray(a)))
        found = np.asarray(moments @ weight)
    for j, value in enumerate(found):
        exact = dblquad(
            lambda m, u, j=j: u**j * math.exp(-(u * u + (m - a * u) ** 2) / 2),
            inner,
            outer,
            -8.0,
            0.0,
            epsabs=1e-11,
        )[0] / (2 * math.pi)
        assert value == pytest.approx(exact, abs=1e-11)


def test_the_oblique_law_goes_to_the_aligned_one_as_the_square_of_the_angle():
    """Twice the aligned density (folding); away from u = 0, where s is the scale."""
    fields = np.array([-1.0, 0.3, 2.0])
    inner, outer, a = 0.5, 1.2, 1.4

    def law(theta):
        c, s = jnp.cos(theta), jnp.sin(theta)
        row = [jnp.asarray(x) for x in (1.0, inner, outer, 1.0)]
        pieces = Pieces(*(x[None] for x in row), jnp.zeros((1, 2)))
        problem = Problem(jnp.ones(()), jnp.ones(()), c, s, pieces)
        piece = Piece(*(x[None] for x in row), jnp.ones(1))
        # a along the teacher, nothing across it
        student = Student(a * c, a * s, c, s)
        return law_of_field(jnp.asarray(fields), piece, problem, student, 16, False)

    with jax.enable_x64(True):
        angles = np.array([0.01, 0.005])
        wide, close = np.asarray(jax.jit(jax.vmap(law))(angles))
        ends = Interval(jnp.asarray(inner), jnp.asarray(outer))
        aligned = aligned_moments(jnp.asarray(fields), ends, jnp.asarray(a))
        aligned = 2.0 * np.asarray(aligned)
    for row, exact in zip((0, 1, 3), aligned, strict=True):
        far, near = wide[row] - exact, close[row] - exact
        assert (np.abs(near) < 1e-3 * exact).all()
        np.testing.assert_allclose(far / near, 4.0, rtol=0.02)
