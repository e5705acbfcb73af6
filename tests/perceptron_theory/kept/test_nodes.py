"""Nodes laid for a student: averages of its slack against integrals by SciPy."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import ndtr

from perceptron_theory.kept.nodes import (
    Lines,
    Weights,
    at_margin,
    line_moments,
    line_points,
    outward,
    panel_lines,
    plane_piece,
    point_moments,
    teacher_line,
)

ROOT = math.sqrt(2 * math.pi)

# sign, inner, outer, theta, along, across, slack at the corner z = 0.1, y = -0.2
CASES = np.array(
    [
        (1.0, 0.0, np.inf, 0.5, 1.5, -0.7, 0.4),
        (1.0, 0.3, 0.9, 0.5, 3.0, 1.2, 1.0),
        (-1.0, 0.0, 0.5, 0.5, 1.5, -0.7, 0.4),
        (-1.0, 0.2, np.inf, 1.2, -0.8, 2.0, 0.5),
        (1.0, 0.0, 0.4, 0.02, 40.0, 0.5, 2.0),
        (-1.0, 0.0, np.inf, 0.02, 40.0, 3.0, 2.0),
        (1.0, 1.8, np.inf, math.pi / 2, 0.5, -25.0, 1.0),
        (1.0, 0.0, 0.01, 1.0, 0.1, 0.0, -3.0),
    ]
)
CORNER = 0.1, -0.2
ORDERS = range(3)


def _setting(row):
    sign, inner, outer, theta, along, across, slack = row
    student = Weights(along, across, slack, (jnp.asarray(0.1), jnp.asarray(-0.2)))
    return (sign, inner, outer), (jnp.cos(theta), jnp.sin(theta)), student


def _sums(lines, moments, theta):
    """Of 1, then of G_0, G_1 with 1, u and v, of G_2 and phi, of G_0 u^2."""
    c, s = theta
    u, v = lines.u, lines.v
    (one, _), (peak, _), zeroth, first, second = moments
    rows = [
        one,
        zeroth[0],
        u * zeroth[0] + s * zeroth[1],
        v * zeroth[0] - c * zeroth[1],
    ]
    rows += [first[0], u * first[0] + s * first[1], v * first[0] - c * first[1]]
    rows += [second, peak]
    rows += [u * u * zeroth[0] + 2 * u * s * zeroth[1] + s * s * zeroth[2]]
    return jnp.stack([jnp.sum(row) for row in rows])


def _terms(z, y, theta, row):
    """The same of an example, by SciPy's Phi."""
    along, across, slack = row[4:]
    t = slack - along * (z - CORNER[0]) - across * (y - CORNER[1])
    c, s = math.cos(theta), math.sin(theta)
    u, v = c * z + s * y, s * z - c * y
    peak, below = np.exp(-t * t / 2) / ROOT, ndtr(t)
    first = t * below + peak
    second = t * first + below
    return np.array(
        [
            1 + 0 * t,
            below,
            u * below,
            v * below,
            first,
            u * first,
            v * first,
            second,
            peak,
            u * u * below,
        ]
    )


def _dense(ends, count=24):
    """Points and weights of many short panels: a rule for smooth integrands."""
    unit, weight = np.polynomial.legendre.leggauss(count)
    ends = np.asarray(ends)
    half = 0.5 * np.diff(ends)[:, None]
    x = ends[:-1, None] + half * (unit + 1.0)
    return x.ravel(), (half * weight).ravel()


def _exact(row):
    """The double integral over z, and over y above the teacher's boundary."""
    sign, inner, outer, theta = row[:4]
    far = 9.0 if sign > 0 else 9.0 * math.sin(theta)
    z, weight = _dense(np.linspace(inner, min(outer, far), 26), 12)
    z = sign * z[:, None]
    edge = np.clip(-z * math.cos(theta) / math.sin(theta), -9.0, 9.0)
    unit, share = _dense(np.linspace(0.0, 1.0, 31), 12)
    y, height = edge + (9.0 - edge) * unit, (9.0 - edge) * share
    weight = 2.0 * weight[:, None] * height * np.exp(-(z * z + y * y) / 2) / ROOT**2
    return np.sum(weight * _terms(z, y, theta, row), axis=(1, 2))


def test_piecewise_sums_are_double_integrals():
    """To 1e-10 of the largest average of a piece, whose scales span 0.01 to 9.

    What the slack cuts off is left out, so that of the mass there may be less.
    """

    def one(row):
        piece, theta, student = _setting(row)
        panel = plane_piece(*piece, theta, student)

        def of(panel):
            lines = panel_lines(panel, theta, student, 16)
            return _sums(lines, line_moments(lines, student, 20), theta)

        return jnp.sum(jax.vmap(of)(panel), axis=0)

    with jax.enable_x64(True):
        found = np.asarray(jax.jit(jax.vmap(one))(CASES))
    for row, values in zip(CASES, found, strict=True):
        exact = _exact(row)
        size = np.abs(exact[1:]).max()
        np.testing.assert_allclose(values[1:], exact[1:], rtol=0, atol=1e-10 * size)
        assert values[0] <= exact[0] * (1 + 1e-9)


def test_a_line_holds_the_examples_of_its_margin():
    """Phi(z c/s) of them: u > 0; far out in the wedge a relative part, too."""
    z = np.array([-0.9, -0.05, 0.0, 0.3, 2.5])

    def one(theta):
        zero = jnp.zeros(())
        blank = Weights(zero, zero, jnp.ones(()), (zero, zero))
        lines = at_margin(jnp.asarray(z), (jnp.cos(theta), jnp.sin(theta)), blank)
        m = line_moments(lines, blank, 24)
        s = jnp.sin(theta)
        return m.one[0], lines.u * m.one[0] + s * m.one[1], lines

    angles = np.array([0.1, 0.7, 1.5])
    with jax.enable_x64(True):
        mass, u, lines = jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(angles))
    assert isinstance(lines, Lines)
    for i, theta in enumerate(angles):
        c, s = math.cos(theta), math.sin(theta)
        k = z * c / s
        np.testing.assert_allclose(mass[i], ndtr(k), rtol=1e-11)
        # the mean of a truncated normal number
        mean = c * z * ndtr(k) + s * np.exp(-k * k / 2) / ROOT
        np.testing.assert_allclose(u[i], mean, rtol=1e-9)
        np.testing.assert_allclose(lines.u[i], c * z + s * lines.y[i], atol=1e-14)
        np.testing.assert_allclose(lines.v[i], s * z - c * lines.y[i], atol=1e-14)


def test_the_line_of_the_teacher_s_boundary():
    """u = 0, so that z = s v and y = -c v: an integral over v alone."""

    def one(row):
        piece, theta, student = _setting(row)
        lines = teacher_line(*piece, theta, student, 20)
        m = point_moments(lines, student)
        rows = m.zeroth[0], lines.v * m.zeroth[0], m.first[0], m.peak[0]
        return jnp.stack([jnp.sum(row) for row in rows]), lines

    with jax.enable_x64(True):
        found, lines = jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(CASES))
    assert (lines.u == 0.0).all()
    for row, values in zip(CASES, found, strict=True):
        sign, inner, outer, theta = row[:4]
        c, s = math.cos(theta), math.sin(theta)
        ends = np.linspace(min(inner / s, 9.0), min(outer / s, 9.0), 201)
        v, weight = _dense(sign * ends, 12)
        terms = _terms(s * v, -c * v, theta, row)[[1, 3, 4, 8]]
        exact = terms @ (np.abs(weight) * np.exp(-v * v / 2) / ROOT)
        np.testing.assert_allclose(values, exact, rtol=0, atol=1e-10 * abs(exact).max())


@pytest.mark.parametrize("along", [0.3, 4.0, 200.0])
def test_points_at_theta_zero(along):
    """One dimension, also of a narrow piece and of one far out."""
    pieces = [(0.0, 0.5), (0.2, 0.2001), (0.0, np.inf), (2.5, np.inf), (np.inf, np.inf)]

    def one(ends):
        zero = jnp.zeros(())
        student = Weights(jnp.asarray(along), zero, jnp.asarray(0.8), (ends[0], zero))
        points = line_points(ends[0], ends[1], student)
        t = student.slack - along * points.offset
        return points.weight, t

    with jax.enable_x64(True):
        laid = jax.jit(jax.vmap(one))(np.array(pieces[:4]))
        weight, t = map(np.asarray, laid)
        empty = jax.jit(one)(np.array(pieces[4]))
        assert (np.asarray(empty[0]) == 0.0).all()
    found = np.sum(weight * (t * ndtr(t) + np.exp(-t * t / 2) / ROOT), axis=1)
    for (inner, outer), value in zip(pieces[:4], found, strict=True):

        def inside(u, inner=inner):
            t = 0.8 - along * (u - inner)
            weight = 2 * math.exp(-u * u / 2) / ROOT
            return weight * (t * ndtr(t) + math.exp(-t * t / 2) / ROOT)

        steps = inner + np.array([0.0, 0.5, 1.0, 3.0, 10.0]) / max(along, 1.0)
        steps = np.unique(
            np.clip([*steps, inner + 3, outer], inner, min(outer, inner + 9))
        )
        exact = sum(
            quad(inside, *x, epsabs=0, epsrel=1e-12)[0] for x in pairwise(steps)
        )
        assert value == pytest.approx(exact, rel=3e-11)


def test_outward_breaks_end_where_the_energy_has_risen_by_the_depth():
    """In order, within the piece; beyond them the weight is below exp(-28)."""
    rows = [(0.0, np.inf, 2.0, 1.0, 1.0), (1.5, 1.7, 0.1, 5.0, 2.0)]
    rows += [(0.5, np.inf, -1.0, 2.0, 1.0), (3.0, np.inf, 300.0, 0.5, 1.0)]
    with jax.enable_x64(True):
        program = jax.jit(jax.vmap(lambda row: outward(*row, row[0] + 0.2)))
        found = np.asarray(program(np.array(rows)))
    for breaks, (start, stop, slope, slack, spread) in zip(found, rows, strict=True):
        energy = lambda x: (start + x) ** 2 + (min(slack - slope * x, 0) / spread) ** 2  # noqa: E731, B023
        assert breaks[0] == 0.0 and (np.diff(breaks) >= 0).all()
        rise = energy(breaks[-1]) - energy(0.0)
        if breaks[-1] < (stop - start) * (1 - 1e-14):
            assert rise == pytest.approx(56.0, rel=1e-12)
        else:
            assert rise < 56.0
