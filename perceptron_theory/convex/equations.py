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
small difference where the student follows the probe (:mod:`.kink`).  All averages are
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
from jaxtyping import Array, Bool, Float

from ..kept.field import Student
from ..kept.field_law import (
    Piece,
    field_breaks,
    law_of_field,
    pieces_of,
    squeezed,
    weights_of,
)
from ..kept.problem import Mode, Problem
from ..kept.wrong_labels import Labels
from ..numerics.quadrature import panels
from .kink import GROUPS, Origins, close, distance, groups_of, origins_of, slack
from .loss import NODES, Loss
from .losses import hinge

COARSE = (12, 16)  # nodes a panel along z and along M, to follow a path
FINE = (20, NODES)  # ... to settle the root: 1e-10 or better

# log r, arsinh a, b/sqrt(1 + a^2), log V, sigma, w
Unknowns = Float[Array, " 6"]
# E of q^2, u q, v q and -dq/dM
Sums = Float[Array, " 4"]


class Setting(NamedTuple):
    """What is fixed at compile time; ``noisy``: whether labels may be wrong."""

    loss: Loss
    mode: Mode
    noisy: bool


class Averages(NamedTuple):
    """Sums, their derivatives (columns: log r, a, b, log V, sigma), and two sizes.

    ``against`` is the part of E[u q] from where it is negative, ``size`` is E|q|.
    Where fields are counted from an origin (``near``) p and -w take the places of a, b.
    """

    sums: Sums
    by: Float[Array, "4 5"]
    against: Float[Array, ""]
    size: Float[Array, ""]
    near: Bool[Array, ""]


def weights(x: Unknowns) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The student's a and b."""
    a = jnp.sinh(x[1])
    return a, x[2] * jnp.sqrt(1.0 + a * a)


def student_of(x: Unknowns, problem: Problem) -> Student:
    """The unknowns as weights along and across the probe."""
    a, b = weights(x)
    c, s = problem.cos_theta, problem.sin_theta
    return Student(a * c + b * s, a * s - b * c, c, s)


def student_at(x: Unknowns, problem: Problem, origins: Origins, loss: Loss) -> Student:
    """The same, with w as it is known where the fields are counted from an origin."""
    student = student_of(x, problem)
    near = close(x[4], x[0], origins, loss)
    return student._replace(across=jnp.where(near, x[5], student.across))


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
    square_by_slack: Any
    u_pull_by_slack: Any
    v_pull_by_slack: Any
    bent_by_slack: Any
    against: Any
    size: Any


class _Frame(NamedTuple):
    """Where the fields of the examples of one group are counted from.

    ``origin`` is the ranked margin that they are, ``main`` that of sigma (or both 0),
    and ``kink`` the field of the loss's kink; ``near``: whether sigma tells it.
    """

    origin: Float[Array, ""]
    main: Float[Array, ""]
    kink: Float[Array, ""]
    near: Float[Array, ""]
    student: Student


def _frame(
    origin: Float[Array, ""],
    x: Unknowns,
    student: Student,
    origins: Origins,
    loss: Loss,
) -> _Frame:
    near = close(x[4], x[0], origins, loss)
    origin, main = jnp.where(near, jnp.stack([origin, origins.main]), 0.0)
    kink = distance(origin, x[4], x[0], student.along, origins, loss)
    return _Frame(origin, main, kink, jnp.where(near, 1.0, 0.0), student)


def _terms(
    t: Float[Array, " k"],
    weight: Float[Array, " k"],
    x: Unknowns,
    problem: Problem,
    piece: Piece,
    frame: _Frame,
    setting: Setting,
    n: int,
) -> Float[Array, " terms"]:
    """The terms, in the order of :class:`_Terms`, summed over some nodes in t."""
    r, step = jnp.exp(x[0]), jnp.exp(x[3])
    origin, main, kink, near, student = frame
    # z and -y, or u and v, with the student's weights; u and v of the former
    on_probe = near > 0
    c = jnp.where(on_probe, problem.cos_theta, 1.0)
    s = jnp.where(on_probe, problem.sin_theta, 0.0)
    a, b = weights_of(student)
    a, b = (
        jnp.where(on_probe, student.along, a),
        jnp.where(on_probe, -student.across, b),
    )
    answer = setting.loss.response(t, step)
    past, pull, slope = answer.margin / r, answer.pull / r, answer.by_margin
    field, on_line = past + kink, setting.mode.on_line
    law = law_of_field(field, piece, problem, student, n, on_line, origin)
    one, du, dv, dudu, dudv, dvdv = weight * answer.stretch / r * law
    xi, xi_du = field * one - a * du - b * dv, field * du - a * dudu - b * dudv
    xi_dv = field * dv - a * dudv - b * dvdv
    # the same past the main origin, and times the whole u and v
    apart = origin - main
    u_past = du + apart * one
    z, z_past, z_dv = du + origin * one, dudu + origin * du, dudv + origin * dv
    z_past, dv_past = z_past + apart * z, dudv + apart * dv
    u, v = c * z - s * dv, s * z + c * dv
    uu, uv = c * z_past - s * dv_past, c * z_dv - s * dvdv
    vu, vv = s * z_past + c * dv_past, s * z_dv + c * dvdv
    # with dq/dlog r, and dq/dlog V
    shrunk = (past + (1.0 - near) * setting.loss.kink / r) * slope - pull
    risen, shift = step / r * answer.by_step, -near * slope
    rows = [pull * pull * one, pull * u, pull * v, -slope * one]
    rows += [2.0 * pull * shrunk * one, shrunk * u, shrunk * v, -shrunk * xi]
    rows += [2.0 * pull * slope * u_past, slope * uu, slope * vu]
    rows += [-slope * (xi_du + apart * xi)]
    rows += [2.0 * pull * slope * dv, slope * uv, slope * vv, -slope * xi_dv]
    rows += [2.0 * pull * risen * one, risen * u, risen * v, -risen * xi]
    rows += [2.0 * pull * shift * one, shift * u, shift * v, -shift * xi]
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
    origins = jax.lax.stop_gradient(origins_of(problem, labels, loss, mode.on_line))
    student = student_at(x, problem, origins, loss)

    def frame_of(origin: Float[Array, ""]) -> _Frame:
        return _frame(origin, x, student, origins, loss)

    def breaks_of(here: Any, frame: _Frame) -> Float[Array, " m"]:
        """The ends of the panels in t of some pieces."""
        places = field_breaks(piece, here, student, mode.on_line, frame.origin)
        if not loss.explicit:
            more = jnp.clip(squeezed(student), places[0], places[-1])
            places = jnp.sort(jnp.concatenate([places, more]))
        breaks = loss.parameter(r * (places - frame.kink), step)
        inside = loss.bends(step)
        last = breaks[-1] if not loss.ends else jnp.minimum(breaks[-1], inside[-1])
        breaks = jnp.concatenate([breaks, inside])
        # the nodes stay where they are when the average is differentiated
        breaks = jnp.sort(jnp.clip(breaks, breaks[0], last))
        return jax.lax.stop_gradient(jnp.where(jnp.any(here), breaks, last))

    # examples that share an origin share their panels
    if loss.kink:
        near = close(x[4], x[0], origins, loss)
        frames = jax.vmap(frame_of)(origins.groups)
        whole = jnp.arange(len(GROUPS))[:, None] == 0
        groups = jnp.where(near, groups_of(piece), whole)
    else:
        frames = jax.tree.map(lambda y: y[None], frame_of(origins.main))
        groups = jnp.ones((1, used.size), bool)
    breaks = jax.vmap(breaks_of)(groups & used, frames)
    if levels is not None:
        changed = problem._replace(pieces=problem.pieces._replace(level=levels))
        piece = pieces_of(changed, labels, mode.on_line)
    real = jnp.diff(breaks) > 0
    where = jnp.nonzero(real.ravel(), size=real.size, fill_value=0)[0]

    def add(state):
        j, total = state
        group, k = where[j] // real.shape[1], where[j] % real.shape[1]
        ends = jnp.stack([breaks[group, k], breaks[group, k + 1]])
        t, weight = panels(ends, n[1])
        frame = jax.tree.map(lambda y: y[group], frames)
        some = piece._replace(level=jnp.where(groups[group], piece.level, 0.0))
        more = _terms(t, weight, x, problem, some, frame, setting, n[0])
        return j + 1, total + more

    state = jnp.zeros((), int), jnp.zeros(len(_Terms._fields))
    _, total = jax.lax.while_loop(lambda s: s[0] < jnp.sum(real), add, state)
    m, by = _Terms(*total), total[4:24].reshape(5, 4).T
    near = close(x[4], x[0], origins, loss)
    return Averages(total[:4], by, m.against, m.size, near)


def with_slack(
    x: Float[Array, " 4"], problem: Problem, labels: Labels, setting: Setting
) -> Unknowns:
    """The other four unknowns with the sigma and the w that follow from them."""
    origins = origins_of(problem, labels, setting.loss, setting.mode.on_line)
    (a, b), c, s = weights(x), problem.cos_theta, problem.sin_theta
    sigma = slack(x[0], a * c + b * s, origins, setting.loss)
    return jnp.concatenate([x, jnp.stack([sigma, a * s - b * c])])


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

    lambda V + alpha V/(1 + V) = 1 (Marchenko & Pastur), (lambda + k E[xx^T]) (A, B) = k
    E[yx] with k = alpha/(1 + V) and x = (u, v), and r^2 from E[p^2].
    """
    alpha, ridge = problem.alpha_prune, jnp.exp(log_ridge)
    # the moments from the averages of a student without weights, r = V = 1: q =
    # (1 - M)/2
    none = with_slack(jnp.zeros(4), problem, labels, setting)
    found = averages(none, problem, labels, setting, FINE)
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
    x = jnp.stack([jnp.log(r), jnp.arcsinh(a), ratio, jnp.log(step)])
    return with_slack(x, problem, labels, setting)


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

    value: Float[Array, " 6"]
    jacobian: Float[Array, "6 6"]
    by_sums: Float[Array, "6 4"]
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
    rest = alpha * found.against, alpha * found.size
    arguments = alpha * found.sums, a, b, log_ridge + x[3]

    def value(*arguments):
        out = combine(*arguments, *rest, on_line)
        return out, out

    by, out = jax.jacfwd(value, (0, 1, 2, 3), has_aux=True)(*arguments)
    by_sums = alpha * by[0]
    by_r, by_a, by_b, by_step, by_slack = (by_sums @ found.by).T
    # by the weights along and across the probe, or both by the teacher
    c, s = problem.cos_theta, problem.sin_theta
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
    none = jnp.zeros((2, 4))
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
    six, four = jnp.zeros(6), jnp.zeros(4)
    return Evaluation(six, jnp.zeros((6, 6)), jnp.zeros((6, 4)), six, four)
