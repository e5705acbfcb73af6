"""The student's field given the margin, against SciPy's bivariate integrals."""

import math
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.stats import norm as norm_jax
from scipy.integrate import quad
from scipy.special import log_ndtr, ndtr
from scipy.stats import norm

from perceptron_theory.kept.field import Shape, Student, field_breaks, field_moments
from perceptron_theory.numerics.quadrature import panels

# along, across, theta, cut (of the order of one where theta > 0)
STUDENTS = np.array(
    [
        (1.5, -0.7, 0.5, 1.0),
        (0.3, 6.0, 1.3, 0.7),
        (20.0, 0.5, 0.05, 3.0),
        (-0.8, -0.2, math.pi / 2, 1.5),
    ]
)
ROOT = math.sqrt(2 * math.pi)
RELATIVE = 1e-10  # what 16 nodes a panel are for
MARGINS = np.array([-0.4, -0.02, 0.0, 0.1, 1.4])


def _student(row):
    return Student(row[0], row[1], jnp.cos(row[2]), jnp.sin(row[2]))


def test_moments_are_integrals_over_the_part_across_the_probe():
    """Of phi(y) phi(M - p z - w y) y^j over y above the teacher's boundary."""
    fields = np.array([-4.0, -0.3, 0.0, 1.1, 6.0])

    def one(row, z):
        return jnp.stack(field_moments(z, jnp.asarray(fields), _student(row), False))

    with jax.enable_x64(True):
        every = jax.vmap(jax.vmap(one, (None, 0)), (0, None))
        found = np.asarray(jax.jit(every)(STUDENTS, MARGINS))
    for row, of_row in zip(STUDENTS, found, strict=True):
        p, w, theta, _ = row
        for z, of_z in zip(MARGINS, of_row, strict=True):
            edge = -z / math.tan(theta)
            for field, moments in zip(fields, of_z.T, strict=True):
                centre = w * (field - p * z) / (1 + w * w)
                low = max(edge, centre - 12 / math.hypot(1, w))
                high = max(low, centre + 12 / math.hypot(1, w))
                far = low + 40 / max(math.hypot(1, w), (1 + w * w) * (low - centre))
                high = min(high, far) if low > centre else high
                for j, value in enumerate(moments):

                    def inside(y, p=p, w=w, z=z, field=field, j=j):
                        rest = field - p * z - w * y
                        return y**j * math.exp(-(y * y + rest * rest) / 2)

                    exact = quad(inside, low, high, epsabs=1e-15)[0] / (2 * math.pi)
                    assert value == pytest.approx(exact, rel=1e-8, abs=3e-14)


def test_on_the_line_there_is_no_boundary():
    fields = np.array([-2.0, 0.5])
    with jax.enable_x64(True):
        student = Student(*map(jnp.asarray, (1.5, 0.0, 1.0, 0.0)))
        moments = field_moments(jnp.asarray(0.8), jnp.asarray(fields), student, True)
        one, y, square = map(np.asarray, moments)
    np.testing.assert_allclose(one, norm.pdf(fields, 1.2), rtol=1e-14)
    assert not y.any() and not square.any()


def _broken(row, z):
    """Breaks of one line; on them E[cut phi/Phi(M/cut)], a version space's response."""
    student, cut = _student(row), row[3]
    breaks = field_breaks(z, student, Shape((-3.0 * cut, 2.0 * cut), cut), False)
    field, weight = panels(breaks, 16)
    one, _, _ = field_moments(z, field, student, False)
    pull = jnp.exp(norm_jax.logpdf(field / cut) - norm_jax.logcdf(field / cut))
    return breaks, jnp.sum(weight * one * cut * pull)


def test_the_breaks_hold_all_that_a_response_sees():
    """Against quad over M, of y's part in closed form: to 1e-10 of the response."""
    with jax.enable_x64(True):
        every = jax.vmap(jax.vmap(_broken, (None, 0)), (0, None))
        breaks, found = map(np.asarray, jax.jit(every)(STUDENTS, MARGINS))
    assert (np.diff(breaks, axis=-1) >= 0).all()
    for row, of_row in zip(STUDENTS, found, strict=True):
        p, w, theta, cut = row
        spread = math.hypot(1, w)
        for z, value in zip(MARGINS, of_row, strict=True):

            def inside(m, p=p, w=w, z=z, cut=cut, theta=theta, spread=spread):
                off = m - p * z
                k = spread * z / math.tan(theta) + w * off / spread
                weight = math.exp(-0.5 * (off / spread) ** 2) / (ROOT * spread)
                x = m / cut
                return (
                    weight * ndtr(k) * cut * math.exp(-x * x / 2 - log_ndtr(x)) / ROOT
                )

            turn = p * z - spread**2 * z / math.tan(theta) / w
            ends = [p * z + x * spread for x in (-10, -1, 1, 10)]
            ends += [turn + x * spread / w for x in (-6, 0, 6)]
            ends = np.clip([*ends, *(cut * x for x in (-30, -5, 0, 3, 9, 30))], -70, 70)
            ends = ends[(ends >= p * z - 10 * spread) & (ends <= p * z + 10 * spread)]
            exact = sum(
                quad(inside, *x, epsabs=1e-14)[0] for x in pairwise(sorted(ends))
            )
            assert value == pytest.approx(exact, rel=RELATIVE, abs=1e-13)
