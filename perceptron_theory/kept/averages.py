"""Averages over the kept examples, on nodes laid for a student."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from ..numerics.gaussian import cdf, density
from ..numerics.quadrature import panels
from .nodes import Panel, Weights, line_points, panel_lines, plane_piece
from .noisy_teacher import tilted
from .problem import Problem

EMPTY = 8.6  # no example beyond so many standard deviations carries weight


def over_kept(
    problem: Problem,
    student: Weights,
    n: int,
    on_line: bool,
    summand: Callable[[Any], Any],
    none: Any,
) -> tuple[Any, Int[Array, ""]]:
    """The sums of ``summand`` over the kept examples, normalised to a kept mass of one.

    ``summand`` gives those over some lines, ``n`` in a panel, or over points
    (``on_line``: theta = 0, where one dimension is enough), as a NamedTuple (see
    :func:`summed`); ``none`` is what it gives of no lines.

    Also the number of panels.  One panel after the other, and only as many as there
    are: most points need two or three, a few a dozen.  On the line one panel a piece
    is enough, all of them at once.
    """
    theta = problem.cos_theta, problem.sin_theta
    sign, inner, outer, level, _ = problem.pieces
    level = level / problem.keep_fraction

    def total(nodes: Any, level: Float[Array, "*_"]) -> Any:
        weight = nodes.weight * level
        if problem.keep is not None:
            weight = weight * problem.keep(nodes.z)
        return summand(nodes._replace(weight=weight))

    if on_line:
        half = level.shape[0] // 2
        lay = lambda *ends: line_points(*ends, student)  # noqa: E731
        points = jax.vmap(lay)(inner[:half], outer[:half])
        level = jnp.broadcast_to(level[:half, None], points.z.shape)
        return total(jax.tree.map(jnp.ravel, points), level.ravel()), jnp.asarray(half)
    lay = lambda *piece: plane_piece(*piece, theta, student)  # noqa: E731
    pieces = jax.vmap(lay)(sign, inner, outer)
    if problem.keep is not None:
        # the margins of a function of the margin are fixed, and so may their nodes be:
        # only the cut u > 0 moves, along each line.  The tangents of the breaks would
        # be NaN where a break lies at infinity.
        pieces = jax.lax.stop_gradient(pieces)
    level = jnp.broadcast_to(level[:, None], pieces.width.shape)
    used = ((pieces.width > 0) & (level != 0)).ravel()
    # one row a panel, those that are used before the others
    rows = jnp.stack([*pieces, level], axis=-1).reshape(used.size, -1)
    rows = rows[jnp.nonzero(used, size=used.size, fill_value=0)[0]]

    def add(state: tuple[Int[Array, ""], Any]) -> tuple[Int[Array, ""], Any]:
        j, sums = state
        *panel, level = rows[j]
        lines = panel_lines(Panel(*panel), theta, student, n)
        return j + 1, jax.tree.map(jnp.add, sums, total(lines, level))

    start = jnp.zeros((), int), none
    count, sums = jax.lax.while_loop(lambda s: s[0] < jnp.sum(used), add, start)
    return sums, count


def summed(values: Any) -> Any:
    """A NamedTuple of values at lines or points (the last axis), summed over them."""
    return jax.tree.map(lambda x: jnp.sum(x, axis=-1), values)


def average(
    problem: Problem,
    function: Callable[[Float[Array, "*k"], Float[Array, "*k"]], Any],
    kind: Any,
    on_line: bool,
) -> Any:
    """The averages over the kept examples of functions of (u, v) of scale one.

    u = T.x is the teacher's field of an example folded to the label +1, v = T_perp.x
    that of the direction of the probe orthogonal to the teacher.  ``function`` maps
    arrays of them to a NamedTuple of the class ``kind``; ``on_line`` says that theta is
    0, where v averages to nothing and is given as 0.  Accurate to 1e-11 or so, and
    differentiable with respect to everything in the problem: the outermost nodes move
    with the thresholds and with the teacher's boundary, the others follow.
    """
    sign, inner, outer, level, _ = problem.pieces
    c, s = problem.cos_theta, jnp.maximum(problem.sin_theta, 1e-150)
    if on_line:
        half = level.shape[0] // 2
        sign, inner, outer, level = (x[:half] for x in (sign, inner, outer, level))
    # for z < 0 there is only a wedge of width s about z = 0
    unit = jnp.where(sign > 0, 1.0, s)
    # an empty piece may lie at infinity
    start = jnp.minimum(inner, EMPTY * unit)
    stop = jnp.maximum(jnp.minimum(outer, EMPTY * unit), start)
    steps = jnp.array([0.5, 1.0, 2.0, 4.0, 7.0])
    inside = jnp.concatenate([steps, s * steps]) if not on_line else steps
    inside = start[:, None] + unit[:, None] * inside
    inside = jnp.sort(jnp.clip(inside, start[:, None], stop[:, None]), axis=1)
    breaks = [start[:, None], jax.lax.stop_gradient(inside), stop[:, None]]
    z, width = panels(jnp.concatenate(breaks, axis=1), 12)
    z = sign[:, None] * z
    weight = 2.0 * width * density(z) * level[:, None] / problem.keep_fraction
    if problem.keep is not None:
        weight = weight * problem.keep(z.ravel()).reshape(z.shape)
    if on_line:
        return _weighted(function(z, jnp.zeros_like(z)), weight)
    edge = jnp.clip(-z * (c / s), -EMPTY, EMPTY)  # u > 0 above it
    parts = jnp.linspace(0.0, 1.0, 6)
    y, height = panels(edge[..., None] + (EMPTY - edge)[..., None] * parts, 16)
    weight = weight[..., None] * height * density(y)
    u, v = c * z[..., None] + s * y, s * z[..., None] - c * y
    return _weighted(function(u, v), weight)


def _weighted(values: Any, weight: Float[Array, "*k"]) -> Any:
    return jax.tree.map(lambda x: jnp.sum(weight * x), values)


def kept_rows(
    problem: Problem, labels: Float[Array, " n"] | None = None
) -> Float[Array, "3 k"]:
    """E[u] and E[v] of the examples of some margins, and the share of each margin.

    Given z they are c z + s h and s z - c h, h = phi(k)/Phi(k) and k = z c/s.  Good to
    a percent or so.  The ``labels`` of the pieces (none: +1) are those that a
    keep-probability sees.
    """
    c, s = problem.cos_theta, jnp.maximum(problem.sin_theta, 1e-150)
    sign, inner, outer, level, _ = problem.pieces
    # the front falls off within a few of these, the wedge z < 0 within a few s
    # empty pieces may lie at infinity
    some = outer > inner
    inner, outer = jnp.where(some, inner, 0.0), jnp.where(some, outer, 0.0)
    span = jnp.where(sign > 0, 8.0 / (1.0 + inner), 8.0 * s)
    if problem.noise is not None:  # with the scale of its noise
        span = jnp.full_like(inner, 8.0)
    end = jnp.clip(outer - inner, 0.0, span)
    x, weight = panels(jnp.stack([jnp.zeros_like(end), end], axis=-1), 12)
    z = sign[:, None] * (inner[:, None] + x)
    weight = weight * level[:, None] * density(z)
    if problem.keep is not None:
        seen = z if labels is None else labels[:, None] * z
        weight = weight * jax.vmap(problem.keep)(seen)
    if problem.noise is None:
        k = c * z / s
        inside = cdf(k)
        tilt = density(k) / jnp.maximum(inside, 1e-300)
    else:
        inside, tilt, _ = tilted(c * z, s, problem.noise)
        tilt = tilt / jnp.maximum(inside, 1e-300)
    share = weight * inside
    rows = jnp.stack([c * z + s * tilt, s * z - c * tilt, share / jnp.sum(share)])
    return jnp.where(share > 0, rows, 0.0).reshape(3, -1)
