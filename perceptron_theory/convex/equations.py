r"""Students of any convex loss with ridge on pruned data, N -> infinity.

The student minimises sum_mu l(y w.x) + (N lambda/2) |w|^2; write w = A T + B T_perp +
r times a unit vector orthogonal to both.  Under the student trained without it an
example has the margin m = A u + B v + r xi, xi a standard normal; training on it adds p
= prox_{V l}(m) - m.  With E the average over the kept examples (folded to the label +1)
and xi

    alpha E[u p] = lambda V A,   alpha E[v p] = lambda V B,   alpha E[p^2] = r^2,
    alpha E[dp/dm] = -(1 - lambda V).

The problem is convex, the solution unique and replica symmetry exact (the equations
also follow from Gordon's inequality: Thrampoulidis, Abbasi, Hassibi, IEEE Trans. Inf.
Theory 64, 5592, 2018).

Here in units of r: a = A/r, b = B/r, the field M = m/r, q = p/r; where a loss has a
kink its distance sigma is one more unknown, as is the weight w across the probe, a
small difference where the student follows the probe (:mod:`.kink`).  The averages are
those of :mod:`.pulls`.

Wrong labels (a part flip_probability of the pool) are pieces of the label -1
(:mod:`.wrong_labels`); where they prevail a < 0.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..kept.problem import Mode, Problem
from ..kept.wrong_labels import Labels
from . import spectrum
from .kink import origins_of
from .losses import hinge
from .pulls import (
    FINE,
    Setting,
    Sums,
    Unknowns,
    averages,
    student_of,
    unknowns_of,
    weights,
    with_slack,
)
from .spectrum_starts import isotropic_response, of_square_loss


def mean_example(
    problem: Problem, labels: Labels, on_line: bool
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """E of u and v times the label: the hinge's pull where no margin comes near 1."""
    x = jnp.log(jnp.array([1e-6, 1.0, 1.0, 1e-3])).at[1:3].set(0.0)
    setting = Setting(hinge, Mode("absolute", on_line, False), False)
    x = with_slack(x, problem, labels, setting)
    sums = averages(x, problem, labels, setting, FINE).sums
    return sums[1] * 1e-3, sums[2] * 1e-3


def ridge_regression(
    log_ridge: Float[Array, ""], problem: Problem, labels: Labels, setting: Setting
) -> Unknowns:
    """The student of the square loss, whose equations are linear given V.

    lambda V + alpha V/(1 + V) = 1, (lambda + k E[xx^T]) (A, B) = k E[yx] with k =
    alpha/(1 + V) and x = (u, v), and r^2 from E[p^2].  The second of the two equations
    is that along the probe where all examples lie beside its boundary.
    """
    alpha, ridge = problem.alpha_prune, jnp.exp(log_ridge)
    # the moments from the averages of a student without weights, r = V = 1: q =
    # (1 - M)/2
    none = with_slack(jnp.zeros(4), problem, labels, setting)
    found = averages(none, problem, labels, setting, FINE)
    u, v = 2.0 * found.sums[1:3]
    uu, uv, vv = -2.0 * jnp.stack([found.by[1, 1], found.by[2, 1], found.by[2, 2]])
    if problem.spectrum is not None:
        mean, second = jnp.stack([u, v]), jnp.stack([uu, uv, vv])
        x = of_square_loss(problem.spectrum, alpha, ridge, mean, second)
        return with_slack(x, problem, labels, setting)
    step = isotropic_response(alpha, ridge)
    pull = alpha / (1.0 + step)
    c, s = problem.cos_theta, problem.sin_theta
    z, zu, zv = 2.0 * found.sums[3], -2.0 * found.by[3, 1], -2.0 * found.by[3, 2]
    one, both, mean = jnp.where(
        found.beside,
        jnp.stack([ridge * c + pull * zu, ridge * s + pull * zv, z]),
        jnp.stack([pull * uv, ridge + pull * vv, v]),
    )
    whole = (ridge + pull * uu) * both - pull * uv * one
    a = pull * (both * u - pull * uv * mean) / whole
    b = pull * ((ridge + pull * uu) * mean - one * u) / whole
    miss = 1.0 - 2.0 * (a * u + b * v) + a * a * uu + 2.0 * a * b * uv + b * b * vv
    part = alpha * (step / (1.0 + step)) ** 2
    r = jnp.sqrt(part * miss / (1.0 - part))
    a, b = a / r, b / r
    x = unknowns_of(jnp.log(r), a, b, jnp.log(step))
    return with_slack(x, problem, labels, setting)


def combine(
    sums: Sums,
    a: Float[Array, ""],
    b: Float[Array, ""],
    log_shrink: Float[Array, ""],
    against: Float[Array, ""],
    size: Float[Array, ""],
    probe: tuple[Float[Array, ""], Float[Array, ""]],
    beside: Bool[Array, ""],
    on_line: bool,
) -> Float[Array, " 4"]:
    """The four equations, zero at the saddle point, from alpha times the averages.

    ``log_shrink`` is ln(lambda V).  ``against`` and ``size`` only scale: E[u q] =
    lambda V a is compared as arsinh of (its positive part)/(lambda V) with that of a +
    (its negative part)/(lambda V), which is nearly linear in the unknowns at small and
    at large a, and where wrong labels all but cancel the right ones.
    """
    square, u, v, z, bent = sums
    shrink = jnp.exp(log_shrink)
    less, more = jnp.maximum(-a, 0.0), jnp.maximum(a, 0.0)
    first = jnp.arcsinh((u + against) / shrink + less)
    first = first - jnp.arcsinh(against / shrink + more)
    c, s = probe
    third, weight = jnp.where(beside, z, v), jnp.where(beside, a * c + b * s, b)
    third = b if on_line else (third - shrink * weight) / size
    return jnp.stack([jnp.log(square), first, third, jnp.log(bent + shrink)])


class Evaluation(NamedTuple):
    """The equations, their derivatives by x, averages and ln(ridge); the averages."""

    value: Float[Array, " 6"]
    jacobian: Float[Array, "6 6"]
    by_sums: Float[Array, "6 5"]
    by_ridge: Float[Array, " 6"]
    sums: Sums


def evaluate_at(
    x: Unknowns,
    log_ridge: Float[Array, ""],
    problem: Problem,
    labels: Labels,
    setting: Setting,
    n: tuple[int, int],
) -> Evaluation:
    """The equations and all their derivatives at x."""
    found = averages(x, problem, labels, setting, n)
    on_line, alpha = setting.mode.on_line, problem.alpha_prune
    a, b = weights(x)
    c, s = problem.cos_theta, problem.sin_theta
    size = found.size * jnp.where(found.beside, found.widest, 1.0)
    rest = alpha * found.against, alpha * size
    arguments = alpha * found.sums, a, b, log_ridge + x[3]
    resolve = None
    if problem.spectrum is not None:
        place = jnp.exp(arguments[3]), arguments[0][4]
        resolve = spectrum.tangent_at(problem.spectrum, *place)

    def value(*arguments):
        if resolve is None:
            out = combine(*arguments, *rest, (c, s), found.beside, on_line)
        else:
            out = spectrum.combine(*arguments, *rest, on_line, resolve)
        return out, out

    by, out = jax.jacfwd(value, (0, 1, 2, 3), has_aux=True)(*arguments)
    by_sums = alpha * by[0]
    by_r, by_a, by_b, by_step, by_slack = (by_sums @ found.by).T
    # by the weights along and across the probe, or both by the teacher
    near, by_w = found.near, jnp.where(found.near, -by_b, 0.0)
    by_a, by_b = jnp.where(near, c * by_a, by_a), jnp.where(near, s * by_a, by_b)
    by_a, by_b, by_step = by_a + by[1], by_b + by[2], by_step + by[3]
    columns = by_r, by_a, by_b, by_step, by_slack, by_w
    last, last_by = _tied(x, problem, labels, setting)
    jacobian = jnp.concatenate([jnp.stack(columns, axis=1), last_by])
    # a = sinh x_1 and b = x_2 cosh x_1
    root = jnp.sqrt(1.0 + a * a)
    along_a = root * jacobian[:, 1] + x[2] * a * jacobian[:, 2]
    jacobian = jacobian.at[:, 1].set(along_a).at[:, 2].multiply(root)
    none = jnp.zeros((2, 5))
    return Evaluation(
        jnp.concatenate([out, last]),
        jacobian,
        jnp.concatenate([by_sums, none]),
        jnp.concatenate([by[3], none[:, 0]]),
        found.sums,
    )


def _tied(
    x: Unknowns, problem: Problem, labels: Labels, setting: Setting
) -> tuple[Float[Array, " 2"], Float[Array, "2 6"]]:
    """What ties sigma and w to the others, zero where it does, and its derivatives.

    (sigma + p origin) r/kink = 1, or sigma = 0 of a loss without a kink; and w = a s -
    b c in units of the larger of both.  By log r, a, b, log V, sigma and w.
    """
    none, one = jnp.zeros(()), jnp.ones(())
    loss, (a, b) = setting.loss, weights(x)
    c, s = problem.cos_theta, problem.sin_theta
    small = 1.0 / (1.0 + jnp.abs(a * s) + jnp.abs(b * c))
    across = small * (x[5] - (a * s - b * c))
    by_across = jnp.stack([none, -small * s, small * c, none, none, small])
    if not loss.kink:
        by_slack = jnp.stack([none, none, none, none, one, none])
        return jnp.stack([x[4], across]), jnp.stack([by_slack, by_across])
    main = origins_of(problem, labels, loss, setting.mode.on_line).main
    unit = jnp.exp(x[0]) / loss.kink
    whole = unit * (x[4] + student_of(x, problem).along * main)
    by_slack = jnp.stack([whole, c * main * unit, s * main * unit, none, unit, none])
    return jnp.stack([whole - 1.0, across]), jnp.stack([by_slack, by_across])


def blank() -> Evaluation:
    """An evaluation that has not been made."""
    six, five = jnp.zeros(6), jnp.zeros(5)
    return Evaluation(six, jnp.zeros((6, 6)), jnp.zeros((6, 5)), six, five)
