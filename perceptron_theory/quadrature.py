r"""Quadrature nodes for averages over the kept examples, seen by a student.

Coordinates of an example (folded to the label +1): z = P.x along the probe, y along
the direction orthogonal to it in the teacher-probe plane, so that

    u = T.x = c z + s y > 0,    v = T_perp.x = s z - c y,

and the student's slack t = tau - p z - w y in units of its noise (p, w: its weights
along and across the probe, over r).  The measure is the Gaussian of (z, y) times the
keep-probability of z on u > 0, twice (folding).

Scales from 1e-8 to 1 meet in one integral: the cut u > 0 acts on |z| < s, the student
resolves margins of size 1/p, and the kept window may be narrower or further out than
both.  The weight of an average that involves the slack falls off like exp(-E/2) with

    E = z^2 + y^2 + min(t, 0)^2,

convex and piecewise quadratic: its minimum on each piece and the distance where it has
risen by ``DEPTH`` are known in closed form.  Panels are laid inside that distance and
broken where a scale changes; Gauss-Legendre nodes fill them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .gaussian import density

DEPTH = 90.0  # exp(-DEPTH/2) = 3e-20, relative to the peak of each piece
HEAD = 20.0  # most of a one-sided piece lies within this rise of E
SHARP = 6.0  # a step is over within this many of its own widths


class Weights(NamedTuple):
    """A student over its noise r: ``along`` the probe (p), ``across`` it (w).

    ``slack`` is t at a corner (z, y) of the kept region, where it stays of order one
    while 1/r may grow without bound (rules that keep margins far out).
    """

    along: Float[Array, ""]
    across: Float[Array, ""]
    slack: Float[Array, ""]
    corner: tuple[Float[Array, ""], Float[Array, ""]]


class Nodes(NamedTuple):
    """Flat quadrature nodes: coordinates, and the measure of the kept examples.

    ``from_corner`` are z and y measured from the student's corner, computed without
    cancellation; ``weight`` is twice the Gaussian measure times the keep-probability:
    it sums to the kept fraction where the slack cuts nothing off.
    """

    z: Float[Array, " n"]
    from_corner: tuple[Float[Array, " n"], Float[Array, " n"]]
    u: Float[Array, " n"]
    v: Float[Array, " n"]
    weight: Float[Array, " n"]


@lru_cache
def _legendre(n: int) -> tuple[np.ndarray, np.ndarray]:
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def panels(
    breaks: Float[Array, "... m"], n: int
) -> tuple[Float[Array, "... k"], Float[Array, "... k"]]:
    """Gauss-Legendre nodes and weights on consecutive panels between sorted breaks."""
    unit, weights = _legendre(n)
    width = jnp.diff(breaks, axis=-1)[..., None]
    points = breaks[..., :-1, None] + width * unit
    flat = (*points.shape[:-2], -1)
    return points.reshape(flat), (width * weights).reshape(flat)


def reach(
    start: Float[Array, "*_"],
    slope: Float[Array, "*_"],
    slack: Float[Array, "*_"],
    spread: Float[Array, "*_"] | float,
    depth: float,
) -> Float[Array, "*_"]:
    r"""Distance x > 0 at which E has risen by ``depth``.

    E(x) = (start + x)^2 + min(slack - slope x, 0)^2 / spread^2, with x = 0 its minimum
    over x >= 0.  Where the slack grows with x (slope <= 0) the bound of the first term
    alone is returned.
    """
    slope = jnp.maximum(slope, 0.0) / spread
    slack = slack / spread
    over = jnp.maximum(-slack, 0.0)
    # no second term up to the crossing
    first = depth + over * over
    free = first / (jnp.sqrt(start * start + first) + jnp.abs(start))
    free = jnp.where(start < 0, free - 2.0 * start, free)
    # a second term from the beginning
    linear = jnp.maximum(start + slope * over, 0.0)
    square = 1.0 + slope * slope
    at_once = depth / (linear + jnp.sqrt(linear * linear + square * depth))
    # a second term from the crossing on
    cross = jnp.where(slope > 0, slack / jnp.where(slope > 0, slope, 1.0), jnp.inf)
    cross = jnp.clip(cross, 0.0, free)
    left = jnp.maximum(depth - cross * (2.0 * start + cross), 0.0)
    linear = jnp.maximum(start + cross, 0.0)
    root = jnp.sqrt(linear * linear + square * left)
    later = cross + left / jnp.where(root > 0, linear + root, 1.0)
    return jnp.where(slope > 0, jnp.where(slack > 0, later, at_once), free)


def _sorted_breaks(
    end: Float[Array, "*_"], *inside: Float[Array, "*_"]
) -> Float[Array, "... m"]:
    """0, the inner breaks clipped to [0, end] in increasing order, and the end."""
    inner = [jnp.clip(b, 0.0, end) for b in inside]
    # a sorting network: a handful of minima and maxima, fused by the compiler
    for last in range(len(inner) - 1, 0, -1):
        for i in range(last):
            low, high = inner[i], inner[i + 1]
            inner[i], inner[i + 1] = jnp.minimum(low, high), jnp.maximum(low, high)
    return jnp.stack([jnp.zeros_like(end), *inner, end], axis=-1)


def _crossing(slack: Float[Array, ""], slope: Float[Array, ""]) -> Float[Array, ""]:
    """Where slack - slope x = 0; beyond everything if it never does for x > 0."""
    falls = slope > 0
    return jnp.where(falls, slack / jnp.where(falls, slope, 1.0), jnp.inf)


def outward(
    start: Float[Array, ""],
    stop: Float[Array, ""],
    slope: Float[Array, ""],
    slack: Float[Array, ""],
    spread: Float[Array, ""] | float,
    steps: tuple[Float[Array, ""], ...],
    n: int,
) -> tuple[Float[Array, " k"], Float[Array, " k"]]:
    """Nodes x in [0, stop - start], a distance from the inner end of a piece.

    The panels end where E has risen by DEPTH and break at the given ``steps`` and where
    the slack changes sign (a step of width spread/slope).
    """
    end = jnp.minimum(reach(start, slope, slack, spread, DEPTH), stop - start)
    head = jnp.minimum(reach(start, slope, slack, spread, HEAD), end)
    crossing = _crossing(slack, slope)
    width = SHARP * spread / jnp.maximum(slope, 1e-300)
    return panels(_sorted_breaks(end, head, crossing - width, crossing, *steps), n)


def across_nodes(
    lower: Float[Array, " k"],
    slack: Float[Array, " k"],
    across: Float[Array, ""],
    n: int,
) -> tuple[Float[Array, "k m"], Float[Array, "k m"]]:
    """Nodes y - lower and weights (with the density of y) on y > lower.

    ``slack`` is t at y = 0, one value for each node of z.
    """
    w = across
    free = jnp.where(slack < 0, w * slack / (1.0 + w * w), 0.0)
    peak = jnp.maximum(lower, free)
    top = slack - w * peak
    up = reach(peak, w, top, 1.0, DEPTH)
    down = jnp.minimum(reach(-peak, -w, top, 1.0, DEPTH), peak - lower)
    # both as distances from the lower end of the support
    length = down + up
    steep = jnp.abs(w) > 1.0
    knee = (slack - 0.75 * SHARP) / jnp.where(steep, w, 1.0) - (peak - down)
    usable = steep & (knee > 0) & (knee < length)
    middle = jnp.where(usable, knee, 0.5 * length)
    x, weight = panels(_sorted_breaks(length, middle), n)
    from_lower = x + (peak - down - lower)[:, None]
    return from_lower, weight * density(x + (peak - down)[:, None])


def _across(
    z: Float[Array, " k"],
    offset: Float[Array, " k"],
    weight: Float[Array, " k"],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
    n: int,
) -> Nodes:
    """Nodes in y, on u > 0, for each node of z; weights times the density of y."""
    c, s = theta
    w, (_, y_0) = student.across, student.corner
    edge = -z * (c / s)
    lower = jnp.maximum(edge, -1e3)
    slack = student.slack - student.along * offset + w * y_0
    x, inner_weight = across_nodes(lower, slack, w, n)
    y = lower[:, None] + x
    u = s * (x + (lower - edge)[:, None])
    v = s * z[:, None] - c * y
    column = lambda value: jnp.broadcast_to(value[:, None], y.shape).ravel()  # noqa: E731
    corner = column(offset), ((lower - y_0)[:, None] + x).ravel()
    full = (weight[:, None] * inner_weight).ravel()
    return Nodes(column(z), corner, u.ravel(), v.ravel(), full)


def plane_piece(
    sign: Float[Array, ""],
    inner: Float[Array, ""],
    outer: Float[Array, ""],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
    n: tuple[int, int],
) -> Nodes:
    """Nodes for inner < sign z < outer (both >= 0) and u > 0, the density included."""
    c, s = theta[0], jnp.maximum(theta[1], 1e-150)
    p, w, (z_0, y_0) = student.along, student.across, student.corner
    bend = s * p - c * w  # weight along T_perp: the slope of t on the line u = 0
    front = sign > 0
    # z < 0 is only a wedge of width s about z = 0: it is measured in units of s
    unit = jnp.where(front, 1.0, s)
    start = jnp.where(front, inner, jnp.minimum(inner / s, 1e3))
    stop = jnp.where(front, outer, jnp.minimum(outer / s, 1e4))
    first = sign * unit * start
    # slack at y = 0, and on u = 0, at the inner end
    flat = student.slack - p * (first - z_0) + w * y_0
    steep = student.slack - p * (first - z_0) - w * (-first * c / s - y_0)
    steps = (
        jnp.where(front, SHARP * s - inner, 0.0),
        jnp.where(front, s * _crossing(steep, bend), 0.0),
    )
    slope, slack = jnp.where(front, p, -bend), jnp.where(front, flat, steep)
    spread = jnp.where(front, jnp.sqrt(1.0 + w * w), 1.0)
    x, weight = outward(start, stop, slope, slack, spread, steps, n[0])
    step = sign * unit * x
    z, offset = first + step, (first - z_0) + step
    weight = 2.0 * density(z) * unit * weight
    return _across(z, offset, weight, (c, s), student, n[1])


def at_margin(
    z: Float[Array, ""],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
    n: int,
) -> Nodes:
    """Nodes of the examples of one margin z with u > 0: a part Phi(z c/s) of them."""
    theta = theta[0], jnp.maximum(theta[1], 1e-150)
    z, one = z[None], jnp.ones(1)
    return _across(z, z - student.corner[0], one, theta, student, n)


def teacher_line(
    sign: Float[Array, ""],
    inner: Float[Array, ""],
    outer: Float[Array, ""],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
    n: int,
) -> Nodes:
    """Nodes on the teacher's boundary u = 0, inner < sign z < outer, density of v."""
    c, s = theta[0], jnp.maximum(theta[1], 1e-150)
    p, w, (z_0, y_0) = student.along, student.across, student.corner
    bend = s * p - c * w
    start, stop = jnp.minimum(inner / s, 1e3), jnp.minimum(outer / s, 1e4)
    steep = student.slack - p * (sign * s * start - z_0) + w * (sign * c * start + y_0)
    x, weight = outward(start, stop, sign * bend, steep, 1.0, (), n)
    v = sign * (start + x)
    corner = s * v - z_0, -c * v - y_0
    return Nodes(s * v, corner, jnp.zeros_like(v), v, weight * density(v))


def line_piece(
    inner: Float[Array, ""],
    outer: Float[Array, ""],
    student: Weights,
    n: int,
) -> Nodes:
    """Theta = 0, where z = u > 0 is all that matters: nodes for inner < u < outer."""
    p, (z_0, _) = student.along, student.corner
    at_start = student.slack - p * (inner - z_0)
    x, weight = outward(inner, outer, p, at_start, 1.0, (), n)
    z = inner + x
    zero = jnp.zeros_like(z)
    weight = 2.0 * weight * density(z)
    return Nodes(z, ((inner - z_0) + x, zero), z, zero, weight)
