"""The joint law of the field and the kept examples, against double integrals."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad

from perceptron_theory.kept.field import Student
from perceptron_theory.kept.field_law import (
    Piece,
    field_breaks,
    law_of_field,
    pieces_of,
    squeezed,
    weights_of,
)
from perceptron_theory.kept.problem import Problem
from perceptron_theory.kept.thresholds import Pieces
from perceptron_theory.numerics.quadrature import panels

# sign, inner, outer, level, label, theta, a, b
CASES = np.array(
    [
        (1.0, 0.3, 0.9, 0.6, 1.0, 0.5, 1.5, -0.4),
        (1.0, 0.0, np.inf, 1.0, -1.0, 1.1, 0.7, 2.0),
        (-1.0, 0.1, np.inf, 0.8, 1.0, 0.5, 3.0, 1.0),
        (-1.0, 0.0, 0.05, 0.3, -1.0, 0.05, 6.0, 0.0),
    ]
)
POWERS = (0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)
FIELDS = np.array([-3.0, -0.4, 0.0, 1.2, 5.0])


def _setting(row, keep=None):
    sign, inner, outer, level, label, theta, a, b = row
    c, s = jnp.cos(theta), jnp.sin(theta)
    student = Student(a * c + b * s, a * s - b * c, c, s)
    one = [x[None] for x in (sign, inner, outer, level)]
    pieces = Pieces(*one, jnp.zeros((1, 2)))
    problem = Problem(jnp.ones(()), jnp.asarray(0.5), c, s, pieces, keep)
    return pieces_of(problem, label[None], False), problem, student


def _laws(row):
    piece, problem, student = _setting(row)
    law = law_of_field(jnp.asarray(FIELDS), piece, problem, student, 16, False)
    breaks = field_breaks(piece, piece.level > 0, student, False)
    field, weight = panels(breaks, 20)
    total = law_of_field(field, piece, problem, student, 16, False) @ weight
    return law, breaks, total, jnp.stack([*weights_of(student)]), squeezed(student)


def _dense(count=20):
    """A rule of 16 nodes on each of many panels between 0 and 1."""
    unit, share = np.polynomial.legendre.leggauss(16)
    start = np.arange(count)[:, None] / count
    return (start + (1 + unit) / (2 * count)).ravel(), np.tile(
        share / (2 * count), count
    )


def _normal(x):
    return np.exp(-x * x / 2) / math.sqrt(2 * math.pi)


def _by_hand(row, keep=lambda m: 1.0, field=None):
    """W at a field, or summed over all of them, by dense rules in z and y."""
    sign, inner, outer, level, label, theta, a, b = row
    c, s = math.cos(theta), math.sin(theta)
    unit, share = _dense()
    width = min(outer, 9.0 if sign > 0 else 9.0 * s) - inner
    z = sign * (inner + width * unit[:, None])
    edge = np.clip(-z * c / s, -9.0, 9.0)
    y = edge + (9.0 - edge) * unit
    u, v = label * (c * z + s * y), label * (s * z - c * y)
    weight = width * share[:, None] * (9.0 - edge) * share * keep(label * z)
    weight = 2.0 * weight * _normal(z) * _normal(y) * level / 0.5
    if field is not None:
        weight = weight * _normal(field - a * u - b * v)
    return np.array([np.sum(weight * u**j * v**k) for j, k in POWERS])


@pytest.mark.slow
def test_the_law_at_a_field_and_summed_over_all_fields():
    """The sums are the moments of the piece, whatever the student is."""
    with jax.enable_x64(True):
        found = jax.tree.map(np.asarray, jax.jit(jax.vmap(_laws))(CASES))
    for i, row in enumerate(CASES):
        law, breaks, total, weights, squeeze = (x[i] for x in found)
        np.testing.assert_allclose(weights, row[6:], rtol=1e-14, atol=1e-15)
        assert (np.diff(breaks) >= 0).all()
        size = np.abs(law).max()
        for field, values in zip(FIELDS, law.T, strict=True):
            exact = _by_hand(row, field=field)
            np.testing.assert_allclose(values, exact, rtol=0, atol=2e-10 * size)
        exact = _by_hand(row)
        size = np.abs(exact).max()
        np.testing.assert_allclose(total, exact, rtol=0, atol=1e-10 * size)
        widths = np.sqrt([1 + row[7] ** 2, 1 + row[6] ** 2 + row[7] ** 2])
        np.testing.assert_allclose(np.abs(squeeze), 1.5 * np.tile(widths, 2))


def test_one_law_by_dblquad():
    """P(field < 0) and the mean of u there, over (z, y) by SciPy."""
    row = CASES[0]
    theta, a, b = row[5:]
    c, s = math.cos(theta), math.sin(theta)

    def one(row):
        piece, problem, student = _setting(row)
        field, weight = panels(jnp.linspace(-12.0, 0.0, 13), 12)
        return law_of_field(field, piece, problem, student, 12, False) @ weight

    with jax.enable_x64(True):
        found = np.asarray(jax.jit(one)(row))
    for k in range(2):

        def inside(y, z, k=k):
            u, v = c * z + s * y, s * z - c * y
            below = 0.5 * math.erfc((a * u + b * v) / math.sqrt(2))
            return u**k * below * math.exp(-(z * z + y * y) / 2) / math.pi

        exact = dblquad(inside, 0.3, 0.9, lambda z: -z * c / s, 9.0, epsabs=1e-10)[0]
        assert abs(found[k] - exact * 0.6 / 0.5) < 1e-9


def test_a_keep_probability_sees_the_ranked_margin():
    """Of a wrong label it is that of the opposite margin."""
    keep = lambda m: 1.0 / (1.0 + np.exp(1.0) ** (-2.0 * m))  # noqa: E731

    def one(row):
        piece, problem, student = _setting(row, keep)
        return law_of_field(jnp.asarray(FIELDS), piece, problem, student, 16, False)

    with jax.enable_x64(True):
        found = np.asarray(jax.jit(jax.vmap(one))(CASES[:2]))
    for row, law in zip(CASES, found, strict=False):
        for field, values in zip(FIELDS, law.T, strict=True):
            exact = _by_hand(row, keep, field)
            np.testing.assert_allclose(values, exact, rtol=0, atol=1e-10)


def test_the_law_on_the_line():
    """theta = 0: integrals over u, of wide, narrow and infinite pieces."""
    pieces = np.array([(0.2, 0.9), (0.5, 0.5003), (1.0, np.inf), (0.4, 0.4)])

    def one(ends):
        row = [x[None] for x in (jnp.ones(()), ends[0], ends[1], jnp.asarray(0.7))]
        kept = Pieces(*(jnp.tile(x, 2) for x in row), jnp.zeros((1, 2)))
        sides = jnp.ones(()), jnp.zeros(())
        problem = Problem(jnp.ones(()), jnp.asarray(0.5), *sides, kept)
        student = Student(jnp.asarray(1.3), jnp.zeros(()), *sides)
        piece: Piece = pieces_of(problem, jnp.ones(2), True)
        return law_of_field(jnp.asarray(FIELDS), piece, problem, student, 12, True)

    with jax.enable_x64(True):
        found = np.asarray(jax.jit(jax.vmap(one))(pieces))
    assert not found[:, [2, 4, 5]].any() and not found[3].any()
    for (inner, outer), law in zip(pieces[:3], found, strict=False):
        for j, row in ((0, 0), (1, 1), (2, 3)):
            for field, value in zip(FIELDS, law[row], strict=True):
                density = lambda u, j=j, m=field: (  # noqa: E731
                    u**j * math.exp(-(u * u + (m - 1.3 * u) ** 2) / 2) / math.pi
                )
                top = min(outer, inner + 9.0)
                exact = 1.4 * quad(density, inner, top, epsabs=1e-15, epsrel=1e-12)[0]
                assert abs(value - exact) < 1e-11 * abs(exact) + 2e-16
