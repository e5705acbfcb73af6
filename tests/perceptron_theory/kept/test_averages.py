"""Averages over the kept examples against integrals over the kept region by SciPy.

Given z the other coordinate y is a normal number above the teacher's boundary, whose
moments are SciPy's; the integral over z is quad's.  At one angle all is dblquad's, in
the coordinates u and v.
"""

import math
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.special import ndtr

from perceptron_theory.kept.averages import average, kept_rows, over_kept, summed
from perceptron_theory.kept.nodes import Lines, Weights, line_moments
from perceptron_theory.kept.problem import FINE, Problem, blank_student, corner
from perceptron_theory.kept.thresholds import kept_pieces
from perceptron_theory.rules.by_quantile import Easy, Hard, Mixture, Window

F = 0.3
ANGLES = np.array([1e-6, 0.02, 0.5, math.pi / 2])
RULES = {
    ("hard", "absolute"): Hard(),
    ("easy", "absolute"): Easy(),
    ("window", "absolute"): Window(0.4),
    ("mixture", "absolute"): Mixture(0.6),
    ("hard", "signed"): Hard(),
    ("window", "signed"): Window(0.1),
    ("easy", "signed"): Easy(),
}


class Means(NamedTuple):
    one: Any
    u: Any
    v: Any
    square: Any


def _means(u, v):
    return Means(jnp.ones_like(u), u, v, u * u)


def problem_of(rule, margin, theta, f=F):
    f = jnp.asarray(f)
    pieces = kept_pieces(rule.cells(f), theta, margin)
    return Problem(jnp.ones(()), f, jnp.cos(theta), jnp.sin(theta), pieces)


def _by_quad(pieces, theta, f):
    """1, u, v and u^2 over the kept pieces, per kept example."""
    c, s = math.cos(theta), math.sin(theta)

    def given(z):
        edge = -z * c / s
        peak, above = math.exp(-edge * edge / 2) / math.sqrt(2 * math.pi), ndtr(-edge)
        second = above + edge * peak
        weight = 2.0 * math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
        u, v = c * z * above + s * peak, s * z * above - c * peak
        square = (c * z) ** 2 * above + 2 * c * s * z * peak + s * s * second
        return weight * np.array([above, u, v, square])

    total = np.zeros(4)
    for sign, inner, outer, level in zip(*pieces, strict=True):
        farthest = 9.0 if sign > 0 else 9.0 * s
        steps = np.array([0.0, 0.5, 1.0, 3.0, 9.0])
        ends = np.clip(
            [*steps, *(s * steps), inner, outer], inner, min(outer, farthest)
        )
        for low, high in pairwise(np.unique(ends)):
            if high > low:
                for k in range(4):
                    part = lambda x, k=k, sign=sign: given(sign * x)[k]  # noqa: E731
                    total[k] += level * quad(part, low, high, epsabs=1e-13)[0]
    return total / f


def _two(rule):
    """The cells of a rule, an empty one of level 0 for the second."""
    cells = rule.cells(jnp.asarray(F))
    return jax.tree.map(lambda x: jnp.concatenate([x, 0.0 * x])[:2], cells)


def _everything(pieces, theta):
    f, one, zero = jnp.asarray(F), jnp.ones(()), jnp.zeros(())
    problem = Problem(one, f, jnp.cos(theta), jnp.sin(theta), pieces)
    student = Weights(zero, zero, one, corner(problem))

    def summand(lines: Lines) -> Means:
        m = line_moments(lines, student, FINE[1])
        s, c = problem.sin_theta, problem.cos_theta
        one, x = m.one
        return summed(Means(one, lines.u * one + s * x, lines.v * one - c * x, one))

    blank = blank_student(problem)
    laid, count = over_kept(problem, blank, FINE[0], False, summand, Means(*[zero] * 4))
    means = average(problem, _means, Means, False)
    return means, laid, jnp.stack(list(kept_rows(problem))), count


@pytest.fixture(scope="module")
def every_case():
    """All rules at all angles, by one program."""
    with jax.enable_x64(True):
        pieces = []
        for kind in ("absolute", "signed"):
            one = partial(kept_pieces, margin=kind)
            program = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))
            rules = [_two(rule) for (_, m), rule in RULES.items() if m == kind]
            cells = jax.tree.map(lambda *x: jnp.stack(x), *rules)
            pieces.append(program(cells, ANGLES))
        pieces = jax.tree.map(lambda *x: jnp.concatenate(x), *pieces)
        program = jax.jit(jax.vmap(jax.vmap(_everything), (0, None)))
        found = program(pieces, ANGLES)
        return jax.tree.map(np.asarray, (pieces, *found))


@pytest.fixture(params=RULES, ids="-".join)
def case(request, every_case):
    n = list(RULES).index(request.param)
    pieces, means, laid, rows, count = jax.tree.map(lambda x: x[n], every_case)
    return means, pieces, laid, rows, count


def _exact(case, i):
    pieces = case[1]
    return _by_quad([x[i] for x in pieces[:4]], ANGLES[i], F)


@pytest.mark.parametrize("i", range(len(ANGLES)))
def test_averages_and_laid_nodes(case, i):
    """Of 1, u, v and u^2; and on the nodes of a student without weights."""
    means, _, laid, rows, count = case
    u, v, share = rows[i]
    exact = _exact(case, i)
    assert exact[0] == pytest.approx(1.0, abs=1e-11)
    np.testing.assert_allclose([x[i] for x in means], exact, rtol=0, atol=5e-11)
    # those of `over_kept` end where exp(-28) of the weight is left
    np.testing.assert_allclose([x[i] for x in laid[:3]], exact[:3], rtol=0, atol=2e-10)
    assert 0 < count[i] < 40
    # a start of the saddle point: to a percent
    assert share.sum() == pytest.approx(1.0, rel=1e-14)
    assert [share @ u, share @ v] == pytest.approx(exact[1:3], abs=0.01)


def test_averages_in_the_plane_of_teacher_and_probe(case):
    """At theta = 0.5, over u > 0 and v between the lines that a threshold draws."""
    theta = 0.5
    means, pieces = case[0], case[1]
    c, s = math.cos(theta), math.sin(theta)
    total = np.zeros(3)
    for sign, inner, outer, level in zip(*(x[2] for x in pieces[:4]), strict=True):
        if outer <= inner or level == 0:
            continue
        # c u + s v = z
        low, high = sorted([sign * inner, sign * outer])
        for k, (p, q) in enumerate(((0, 0), (1, 0), (0, 1))):
            total[k] += (
                level
                * dblquad(
                    lambda v, u, p=p, q=q: u**p * v**q * math.exp(-(u * u + v * v) / 2),
                    0.0,
                    8.0,
                    lambda u, low=low: min(max((low - c * u) / s, -8.0), 8.0),
                    lambda u, high=high: min(max((high - c * u) / s, -8.0), 8.0),
                    epsabs=1e-8,
                )[0]
            )
    found = [x[2] for x in means[:3]]
    np.testing.assert_allclose(found, total / (math.pi * F), rtol=0, atol=3e-7)


def test_on_the_line_only_u_is_left():
    """theta = 0: u is half normal between the thresholds, v averages to nothing."""

    def one(f):
        problem = problem_of(Window(0.2), "absolute", jnp.zeros(()), f)
        return average(problem, _means, Means, True), problem.pieces

    with jax.enable_x64(True):
        fractions = np.array([1e-9, 0.3, 0.8])
        found, pieces = jax.tree.map(np.asarray, jax.jit(jax.vmap(one))(fractions))
    for i, f in enumerate(fractions):
        ends = pieces.inner[i, 0], min(pieces.outer[i, 0], 9.0)
        for k, values in zip(
            (0, 1, 2), (found.one, found.u, found.square), strict=True
        ):
            weight = lambda u, k=k: u**k * math.exp(-u * u / 2)  # noqa: E731
            exact = quad(weight, *ends, epsrel=1e-13, epsabs=0)[0]
            exact *= math.sqrt(2 / math.pi) / f
            # of a narrow window the width is a difference of its ends
            assert values[i] == pytest.approx(exact, rel=1e-11 + 4e-16 / f)
        assert found.v[i] == 0.0


def test_a_keep_probability_multiplies_the_weight():
    keep = lambda z: 1.0 / (1.0 + z * z)  # noqa: E731

    def one(theta):
        pieces = problem_of(Easy(), "absolute", theta, 1.0).pieces
        sides = jnp.cos(theta), jnp.sin(theta)
        problem = Problem(jnp.ones(()), jnp.ones(()), *sides, pieces, keep)
        return average(problem, _means, Means, False)

    with jax.enable_x64(True):
        found = jax.jit(one)(0.7)
        values = [float(x) for x in found]
    c, s = math.cos(0.7), math.sin(0.7)
    for k, value in enumerate(values[:3]):

        def inside(y, z, k=k):
            u, v = c * z + s * y, s * z - c * y
            return keep(z) * (1.0, u, v)[k] * math.exp(-(z * z + y * y) / 2) / math.pi

        edge = lambda z: min(-z * c / s, 9.0)  # noqa: E731
        exact = dblquad(inside, -7.0, 9.0, edge, 9.0, epsabs=1e-9)[0]
        assert value == pytest.approx(exact, abs=2e-8)


@pytest.mark.slow
def test_derivatives_of_an_average_are_its_differences():
    """The outermost nodes move with the threshold and the teacher's boundary."""
    step = 1e-4
    points = np.array([0.4, 0.5]) + step * np.array(
        [[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]
    )

    def u(point):
        problem = problem_of(Hard(), "absolute", point[1], point[0])
        return average(problem, _means, Means, False).u

    with jax.enable_x64(True):
        _, f_up, f_down, t_up, t_down = np.asarray(jax.jit(jax.vmap(u))(points))
        rate = np.asarray(jax.jit(jax.grad(u))(points[0]))
    slopes = np.array([f_up - f_down, t_up - t_down]) / (2 * step)
    np.testing.assert_allclose(rate, slopes, rtol=1e-6)
