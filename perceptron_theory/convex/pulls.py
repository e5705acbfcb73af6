r"""Averages of the pulls of the kept examples, in the notation of :mod:`.equations`.

All are integrals over the field with the weights W of
:mod:`perceptron_theory.kept.field_law`.  Since dW_jk/da = -dW_(j+1)k/dM their
derivatives are integrals of dq/dM, which may jump; that of E[dq/dM] is taken after a
partial integration, E[dq/dM] = E[xi q] with xi = M - a u - b v.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..kept.field import Student
from ..kept.field_law import (
    Piece,
    beside_boundary,
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

COARSE = (12, 16)  # nodes a panel along z and along M, to follow a path
FINE = (20, NODES)  # ... to settle the root: 1e-10 or better

# log r, arsinh a, b/sqrt(1 + a^2), log V, sigma, w
Unknowns = Float[Array, " 6"]
# E of q^2, u q, v q, z q (of examples at the probe's boundary a small difference of the
# two before) and -dq/dM
Sums = Float[Array, " 5"]


class Setting(NamedTuple):
    """What is fixed at compile time; ``noisy``: whether labels may be wrong."""

    loss: Loss
    mode: Mode
    noisy: bool


class Averages(NamedTuple):
    """The sums, their derivatives (columns: log r, a, b, log V, sigma), and two sizes.

    ``against`` is the part of E[u q] from where it is negative, ``size`` is E|q|.
    ``beside``: all examples lie next to the probe's boundary, no farther than
    ``widest``.  Where fields are counted from an origin (``near``) p and -w take the
    places of a and b.
    """

    sums: Sums
    by: Float[Array, "5 5"]
    against: Float[Array, ""]
    size: Float[Array, ""]
    near: Bool[Array, ""]
    beside: Bool[Array, ""]
    widest: Float[Array, ""]


def weights(x: Unknowns) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The student's a and b."""
    a = jnp.sinh(x[1])
    return a, x[2] * jnp.sqrt(1.0 + a * a)


def unknowns_of(
    log_r: Float[Array, ""],
    a: Float[Array, ""],
    b: Float[Array, ""],
    log_step: Float[Array, ""],
) -> Float[Array, " 4"]:
    """The first four unknowns: log r, arsinh a, b/sqrt(1 + a^2) and log V."""
    return jnp.stack([log_r, jnp.arcsinh(a), b / jnp.sqrt(1.0 + a * a), log_step])


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
    z_pull: Any
    bent: Any
    square_by_r: Any
    u_pull_by_r: Any
    v_pull_by_r: Any
    z_pull_by_r: Any
    bent_by_r: Any
    square_by_a: Any
    u_pull_by_a: Any
    v_pull_by_a: Any
    z_pull_by_a: Any
    bent_by_a: Any
    square_by_b: Any
    u_pull_by_b: Any
    v_pull_by_b: Any
    z_pull_by_b: Any
    bent_by_b: Any
    square_by_step: Any
    u_pull_by_step: Any
    v_pull_by_step: Any
    z_pull_by_step: Any
    bent_by_step: Any
    square_by_slack: Any
    u_pull_by_slack: Any
    v_pull_by_slack: Any
    z_pull_by_slack: Any
    bent_by_slack: Any
    against: Any
    size: Any


class _Frame(NamedTuple):
    """Where the fields of the examples of one group are counted from.

    ``origin`` is the ranked margin that they are, ``main`` that of sigma (or both 0),
    and ``kink`` the field of the loss's kink; ``near``: whether sigma tells it.
    ``on_probe``: whether they are told by z and -y.
    """

    origin: Float[Array, ""]
    main: Float[Array, ""]
    kink: Float[Array, ""]
    near: Float[Array, ""]
    on_probe: Bool[Array, ""]
    student: Student


def _frame(
    origin: Float[Array, ""],
    beside: Bool[Array, ""],
    x: Unknowns,
    student: Student,
    origins: Origins,
    loss: Loss,
) -> _Frame:
    near = close(x[4], x[0], origins, loss)
    origin, main = jnp.where(near, jnp.stack([origin, origins.main]), 0.0)
    kink = distance(origin, x[4], x[0], student.along, origins, loss)
    return _Frame(origin, main, kink, jnp.where(near, 1.0, 0.0), near | beside, student)


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
    origin, main, kink, near, on_probe, student = frame
    # z and -y, or u and v, with the student's weights; u, v and z of them
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
    law = law_of_field(field, piece, problem, student, n, on_line, origin, on_probe)
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
    if not on_line:
        c = jnp.where(on_probe, 1.0, problem.cos_theta)
        s = jnp.where(on_probe, 0.0, problem.sin_theta)
        z, z_past, z_dv = c * z + s * dv, c * z_past + s * dv_past, c * z_dv + s * dvdv
    # with dq/dlog r, and dq/dlog V
    shrunk = (past + (1.0 - near) * setting.loss.kink / r) * slope - pull
    risen, shift = step / r * answer.by_step, -near * slope
    rows = [pull * pull * one, pull * u, pull * v, pull * z, -slope * one]
    rows += [2.0 * pull * shrunk * one, shrunk * u, shrunk * v, shrunk * z]
    rows += [-shrunk * xi]
    rows += [2.0 * pull * slope * u_past, slope * uu, slope * vu, slope * z_past]
    rows += [-slope * (xi_du + apart * xi)]
    rows += [2.0 * pull * slope * dv, slope * uv, slope * vv, slope * z_dv]
    rows += [-slope * xi_dv]
    rows += [2.0 * pull * risen * one, risen * u, risen * v, risen * z, -risen * xi]
    rows += [2.0 * pull * shift * one, shift * u, shift * v, shift * z, -shift * xi]
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
    used = piece.used
    beside, widest = jnp.zeros((), bool), jnp.ones(())
    if not mode.on_line:
        beside, widest = beside_boundary(piece, problem.sin_theta)
    origins = jax.lax.stop_gradient(origins_of(problem, labels, loss, mode.on_line))
    student = student_at(x, problem, origins, loss)

    def frame_of(origin: Float[Array, ""]) -> _Frame:
        return _frame(origin, beside, x, student, origins, loss)

    def breaks_of(here: Any, frame: _Frame) -> Float[Array, " m"]:
        """The ends of the panels in t of some pieces."""
        noisy = problem.noise is not None
        places = field_breaks(piece, here, student, mode.on_line, frame.origin, noisy)
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
    m, by = _Terms(*total), total[5:30].reshape(5, 5).T
    near = close(x[4], x[0], origins, loss)
    c, s = problem.cos_theta, problem.sin_theta
    by_a, by_b = c * by[:, 1] - s * by[:, 2], s * by[:, 1] + c * by[:, 2]
    turned = by.at[:, 1].set(by_a).at[:, 2].set(by_b)
    by = jnp.where(beside & ~near, turned, by)
    return Averages(total[:5], by, m.against, m.size, near, beside, widest)


def with_slack(
    x: Float[Array, " 4"], problem: Problem, labels: Labels, setting: Setting
) -> Unknowns:
    """The other four unknowns with the sigma and the w that follow from them."""
    origins = origins_of(problem, labels, setting.loss, setting.mode.on_line)
    (a, b), c, s = weights(x), problem.cos_theta, problem.sin_theta
    sigma = slack(x[0], a * c + b * s, origins, setting.loss)
    return jnp.concatenate([x, jnp.stack([sigma, a * s - b * c])])
