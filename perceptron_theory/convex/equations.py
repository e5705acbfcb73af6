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

Here in units of r: a = A/r, b = B/r, the field M = m/r, q = p/r.  All averages are
integrals over M with the weights W of :mod:`.field_law`.  Since dW_jk/da =
-dW_(j+1)k/dM their derivatives are integrals of dq/dM, which may jump; that of E[dq/dM]
is taken after a partial integration, E[dq/dM] = E[xi q] with xi = M - a u - b v.

Wrong labels (a part flip_probability of the pool) are pieces of the label -1
(:mod:`.wrong_labels`); where they prevail a < 0.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..kept.field import Student
from ..kept.field_law import Piece, field_breaks, law_of_field, pieces_of, squeezed
from ..kept.problem import Mode, Problem
from ..kept.wrong_labels import Labels
from ..numerics.quadrature import panels
from .loss import NODES, Loss
from .losses import hinge

COARSE = (12, 16)  # nodes a panel along z and along M, to follow a path
FINE = (20, NODES)  # ... to settle the root: 1e-10 or better

# log r, arsinh a, b/sqrt(1 + a^2), log V
Unknowns = Float[Array, " 4"]
# E of q^2, u q, v q and -dq/dM
Sums = Float[Array, " 4"]


class Setting(NamedTuple):
    """What is fixed at compile time; ``noisy``: whether labels may be wrong."""

    loss: Loss
    mode: Mode
    noisy: bool


class Averages(NamedTuple):
    """The sums, their derivatives (columns: log r, a, b, log V), and two sizes.

    ``against`` is the part of E[u q] from where it is negative, ``size`` is E|q|.
    """

    sums: Sums
    by: Float[Array, "4 4"]
    against: Float[Array, ""]
    size: Float[Array, ""]


def weights(x: Unknowns) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The student's a and b."""
    a = jnp.sinh(x[1])
    return a, x[2] * jnp.sqrt(1.0 + a * a)


def student_of(x: Unknowns, problem: Problem) -> Student:
    """The unknowns as weights along and across the probe."""
    a, b = weights(x)
    c, s = problem.cos_theta, problem.sin_theta
    return Student(a * c + b * s, a * s - b * c, c, s)


class _Terms(NamedTuple):
    """Every average in the equations and their Jacobian, as :class:`Averages`."""

    square: Any
    u_pull: Any
    v_pull: Any
    bent: Any
    square_by_r: Any
    u_pull_by_r: Any
    v_pull_by_r: Any
    bent_by_r: Any
    square_by_a: Any
    u_pull_by_a: Any
    v_pull_by_a: Any
    bent_by_a: Any
    square_by_b: Any
    u_pull_by_b: Any
    v_pull_by_b: Any
    bent_by_b: Any
    square_by_step: Any
    u_pull_by_step: Any
    v_pull_by_step: Any
    bent_by_step: Any
    against: Any
    size: Any


def _terms(
    t: Float[Array, " k"],
    weight: Float[Array, " k"],
    x: Unknowns,
    problem: Problem,
    piece: Piece,
    setting: Setting,
    n: int,
) -> Float[Array, " terms"]:
    """The terms, in the order of :class:`_Terms`, summed over some nodes in t."""
    r, step = jnp.exp(x[0]), jnp.exp(x[3])
    a, b = weights(x)
    answer = setting.loss.response(t, step)
    field, pull, slope = answer.margin / r, answer.pull / r, answer.by_margin
    law = law_of_field(
        field, piece, problem, student_of(x, problem), n, setting.mode.on_line
    )
    one, u, v, uu, uv, vv = weight * answer.stretch / r * law
    # with dq/dlog r, and dq/dlog V
    shrunk, risen = field * slope - pull, step / r * answer.by_step
    xi, xi_u = field * one - a * u - b * v, field * u - a * uu - b * uv
    xi_v = field * v - a * uv - b * vv
    rows = [pull * pull * one, pull * u, pull * v, -slope * one]
    rows += [2.0 * pull * shrunk * one, shrunk * u, shrunk * v, -shrunk * xi]
    rows += [2.0 * pull * slope * u, slope * uu, slope * uv, -slope * xi_u]
    rows += [2.0 * pull * slope * v, slope * uv, slope * vv, -slope * xi_v]
    rows += [2.0 * pull * risen * one, risen * u, risen * v, -risen * xi]
    rows += [jnp.maximum(-pull * u, 0.0), jnp.abs(pull) * one]
    return jnp.sum(jnp.stack(_Terms(*rows)), axis=1)


def averages(
    x: Unknowns,
    problem: Problem,
    labels: Labels,
    setting: Setting,
    n: tuple[int, int],
    levels: Float[Array, " n"] | None = None,
) -> Averages:
    """The averages over the kept examples, one panel of the field after the other.

    ``levels`` replace those of the pieces, but not in the choice of the nodes.
    """
    loss, mode, _ = setting
    r, step = jnp.exp(x[0]), jnp.exp(x[3])
    piece = pieces_of(problem, labels, mode.on_line)
    used = (piece.outer > piece.inner) & (piece.level > 0)
    student = student_of(x, problem)
    places = field_breaks(piece, used, student, mode.on_line)
    if not loss.explicit:
        more = jnp.clip(squeezed(student), places[0], places[-1])
        places = jnp.sort(jnp.concatenate([places, more]))
    places = r * places
    if levels is not None:
        changed = problem._replace(pieces=problem.pieces._replace(level=levels))
        piece = pieces_of(changed, labels, mode.on_line)
    breaks = loss.parameter(places, step)
    inside = loss.bends(step)
    last = breaks[-1] if not loss.ends else jnp.minimum(breaks[-1], inside[-1])
    breaks = jnp.concatenate([breaks, inside])
    # the nodes stay where they are when the average is differentiated
    breaks = jax.lax.stop_gradient(jnp.sort(jnp.clip(breaks, breaks[0], last)))
    real = jnp.diff(breaks) > 0
    where = jnp.nonzero(real, size=real.size, fill_value=0)[0]

    def add(state):
        j, total = state
        ends = jax.lax.dynamic_slice(breaks, (where[j],), (2,))
        t, weight = panels(ends, n[1])
        more = _terms(t, weight, x, problem, piece, setting, n[0])
        return j + 1, total + more

    state = jnp.zeros((), int), jnp.zeros(len(_Terms._fields))
    _, total = jax.lax.while_loop(lambda s: s[0] < jnp.sum(real), add, state)
    m, by = _Terms(*total), total[4:20].reshape(4, 4).T
    return Averages(total[:4], by, m.against, m.size)


def mean_example(
    problem: Problem, labels: Labels, on_line: bool
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """E of u and v times the label: the hinge's pull where no margin comes near 1."""
    x = jnp.log(jnp.array([1e-6, 1.0, 1.0, 1e-3])).at[1:3].set(0.0)
    setting = Setting(hinge, Mode("absolute", on_line, False), False)
    sums = averages(x, problem, labels, setting, FINE).sums
    return sums[1] * 1e-3, sums[2] * 1e-3


def ridge_regression(
    log_ridge: Float[Array, ""], problem: Problem, labels: Labels, setting: Setting
) -> Unknowns:
    """The student of the square loss, whose equations are linear given V.

    lambda V + alpha V/(1 + V) = 1 (Marchenko & Pastur), (lambda + k E[xx^T]) (A, B) = k
    E[yx] with k = alpha/(1 + V) and x = (u, v), and r^2 from E[p^2].
    """
    alpha, ridge = problem.alpha_prune, jnp.exp(log_ridge)
    # the moments from the averages of a student without weights, r = V = 1: q =
    # (1 - M)/2
    found = averages(jnp.zeros(4), problem, labels, setting, FINE)
    u, v = 2.0 * found.sums[1:3]
    uu, uv, vv = -2.0 * jnp.stack([found.by[1, 1], found.by[2, 1], found.by[2, 2]])
    # of the two forms of the root the one without cancellation
    half = 0.5 * (ridge + alpha - 1.0)
    root = jnp.sqrt(half * half + ridge)
    down = 1.0 / jnp.where(half > 0, half + root, 1.0)
    step = jnp.where(half > 0, down, (root - half) / ridge)
    pull = alpha / (1.0 + step)
    one, both, other = ridge + pull * uu, pull * uv, ridge + pull * vv
    whole = one * other - both * both
    a = pull * (other * u - both * v) / whole
    b = pull * (one * v - both * u) / whole
    miss = 1.0 - 2.0 * (a * u + b * v) + a * a * uu + 2.0 * a * b * uv + b * b * vv
    part = alpha * (step / (1.0 + step)) ** 2
    r = jnp.sqrt(part * miss / (1.0 - part))
    a, b = a / r, b / r
    ratio = b / jnp.sqrt(1.0 + a * a)
    return jnp.stack([jnp.log(r), jnp.arcsinh(a), ratio, jnp.log(step)])


def combine(
    sums: Sums,
    a: Float[Array, ""],
    b: Float[Array, ""],
    log_shrink: Float[Array, ""],
    against: Float[Array, ""],
    size: Float[Array, ""],
    on_line: bool,
) -> Float[Array, " 4"]:
    """The four equations, zero at the saddle point, from alpha times the averages.

    ``log_shrink`` is ln(lambda V).  ``against`` and ``size`` only scale: E[u q] =
    lambda V a is compared as arsinh of (its positive part)/(lambda V) with that of a +
    (its negative part)/(lambda V), which is nearly linear in the unknowns at small and
    at large a, and where wrong labels all but cancel the right ones.
    """
    square, u, v, bent = sums
    shrink = jnp.exp(log_shrink)
    less, more = jnp.maximum(-a, 0.0), jnp.maximum(a, 0.0)
    first = jnp.arcsinh((u + against) / shrink + less)
    first = first - jnp.arcsinh(against / shrink + more)
    third = b if on_line else (v - shrink * b) / size
    return jnp.stack([jnp.log(square), first, third, jnp.log(bent + shrink)])


class Evaluation(NamedTuple):
    """The equations, their derivatives by x, averages and ln(ridge); the averages."""

    value: Float[Array, " 4"]
    jacobian: Float[Array, "4 4"]
    by_sums: Float[Array, "4 4"]
    by_ridge: Float[Array, " 4"]
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
    rest = alpha * found.against, alpha * found.size
    arguments = alpha * found.sums, a, b, log_ridge + x[3]

    def value(*arguments):
        out = combine(*arguments, *rest, on_line)
        return out, out

    by, out = jax.jacfwd(value, (0, 1, 2, 3), has_aux=True)(*arguments)
    by_sums = alpha * by[0]
    by_r, by_a, by_b, by_step = (by_sums @ found.by).T
    by_a, by_b = by_a + by[1], by_b + by[2]
    # a = sinh x_1 and b = x_2 cosh x_1
    root = jnp.sqrt(1.0 + a * a)
    columns = by_r, root * by_a + x[2] * a * by_b, root * by_b, by_step + by[3]
    return Evaluation(out, jnp.stack(columns, axis=1), by_sums, by[3], found.sums)


def blank() -> Evaluation:
    """An evaluation that has not been made."""
    four, square = jnp.zeros(4), jnp.zeros((4, 4))
    return Evaluation(four, square, square, four, four)
