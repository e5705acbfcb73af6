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

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..numerics.gaussian import density, slack_moments
from ..numerics.quadrature import legendre, over_nodes, panels, reach

DEPTH = 56.0  # exp(-DEPTH/2) = 7e-13, relative to the peak of each piece
HEAD = 16.0  # most of a one-sided piece lies within this rise of E
ON_LINE = 20  # nodes of a piece at theta = 0: 1e-12 or better
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


class Panel(NamedTuple):
    """A panel of a piece of the kept margins: z = ``first`` + ``step`` x.

    x goes from ``start`` over ``width``; ``offset`` is the first z measured from the
    student's corner.  Panels of no width are there only to give every piece the same
    number of them.
    """

    start: Float[Array, "*m"]
    width: Float[Array, "*m"]
    first: Float[Array, "*m"]
    offset: Float[Array, "*m"]
    step: Float[Array, "*m"]


class Lines(NamedTuple):
    """Nodes in z, and for each of them the line of examples along y through it.

    ``y`` = first + x with 0 < x < ``length``, in two panels that meet at ``middle``; u
    = ``u`` + s x and v = ``v`` - c x.  ``from_corner`` are z and the first y measured
    from the student's corner, computed without cancellation.  ``weight`` is twice the
    Gaussian measure of z times the keep-probability; that of y enters along the line.
    """

    z: Float[Array, " k"]
    y: Float[Array, " k"]
    from_corner: tuple[Float[Array, " k"], Float[Array, " k"]]
    u: Float[Array, " k"]
    v: Float[Array, " k"]
    middle: Float[Array, " k"]
    length: Float[Array, " k"]
    weight: Float[Array, " k"]


class Points(NamedTuple):
    """Theta = 0, where z = u and y does not matter: nodes in z, ``weight`` as in Lines.

    ``offset`` is z measured from the student's corner, computed without cancellation.
    """

    z: Float[Array, " k"]
    offset: Float[Array, " k"]
    weight: Float[Array, " k"]


class Moments(NamedTuple):
    r"""Averages over each line: of 1, phi(t), G_0, G_1 (each with powers of x), G_2.

    They sum to those of the kept examples where the slack cuts nothing off.
    """

    one: tuple[Float[Array, " k"], Float[Array, " k"]]
    peak: tuple[Float[Array, " k"], Float[Array, " k"]]
    zeroth: tuple[Float[Array, " k"], Float[Array, " k"], Float[Array, " k"]]
    first: tuple[Float[Array, " k"], Float[Array, " k"]]
    second: Float[Array, " k"]


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
    *steps: Float[Array, ""],
) -> Float[Array, " m"]:
    """Breaks x in [0, stop - start], a distance from the inner end of a piece.

    They end where E has risen by DEPTH; inside are the given ``steps`` and where the
    slack changes sign (a step of width spread/slope).
    """
    end, head = reach(start, slope, slack, spread, jnp.array([DEPTH, HEAD]))
    end = jnp.minimum(end, stop - start)
    head = jnp.minimum(head, end)
    crossing = _crossing(slack, slope)
    width = SHARP * spread / jnp.maximum(slope, 1e-300)
    return _sorted_breaks(end, head, crossing - width, crossing, *steps)


def _lines(
    z: Float[Array, " k"],
    offset: Float[Array, " k"],
    weight: Float[Array, " k"],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
) -> Lines:
    """Lines along y, on u > 0, for each node of z."""
    c, s = theta
    w, (_, y_0) = student.across, student.corner
    edge = -z * (c / s)
    lower = jnp.maximum(edge, -1e3)
    slack = student.slack - student.along * offset + w * y_0  # t at y = 0
    free = jnp.where(slack < 0, w * slack / (1.0 + w * w), 0.0)
    peak = jnp.maximum(lower, free)
    top = slack - w * peak
    both = jnp.array([[1.0], [-1.0]])
    up, down = reach(both * peak, both * w, top, 1.0, DEPTH)
    down = jnp.minimum(down, peak - lower)
    begin, length = peak - down, down + up
    steep = jnp.abs(w) > 1.0
    knee = (slack - 0.75 * SHARP) / jnp.where(steep, w, 1.0) - begin
    usable = steep & (knee > 0) & (knee < length)
    middle = jnp.where(usable, knee, 0.5 * length)
    above = (peak - lower) - down
    u = s * (above + (lower - edge))
    corner = offset, (lower - y_0) + above
    return Lines(z, begin, corner, u, s * z - c * begin, middle, length, weight)


def _moments(
    t: Float[Array, " k"], x: Float[Array, " k"], weight: Float[Array, " k"]
) -> Moments:
    peak, zeroth, first, second = slack_moments(t)
    peak, zeroth, first = weight * peak, weight * zeroth, weight * first
    return Moments(
        (weight, x * weight),
        (peak, x * peak),
        (zeroth, x * zeroth, x * x * zeroth),
        (first, x * first),
        weight * second,
    )


def line_moments(lines: Lines, student: Weights, n: int) -> Moments:
    """Averages along lines, with n nodes on each of their two panels."""
    z, y = lines.from_corner
    slack = student.slack - student.along * z - student.across * y
    panels = (0.0, lines.middle), (lines.middle, lines.length - lines.middle)

    def term(unit: Float[Array, ""], unit_weight: Float[Array, ""]) -> Moments:
        parts = []
        for start, width in panels:
            x = start + width * unit
            weight = lines.weight * width * unit_weight * density(lines.y + x)
            parts.append(_moments(slack - student.across * x, x, weight))
        return jax.tree.map(jnp.add, *parts)

    return over_nodes(term, *map(jnp.asarray, legendre(n)))


def point_moments(points: Lines, student: Weights) -> Moments:
    """The same for single examples: lines of no length."""
    z, y = points.from_corner
    slack = student.slack - student.along * z - student.across * y
    return _moments(slack, jnp.zeros_like(slack), points.weight)


def plane_piece(
    sign: Float[Array, ""],
    inner: Float[Array, ""],
    outer: Float[Array, ""],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
) -> Panel:
    """The panels, m of them, for inner < sign z < outer (both >= 0) and u > 0."""
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
    # the cut u > 0, and the sign of the slack on its edge
    steps = [SHARP * s - inner]
    steps += [s * _crossing(steep + more, bend) for more in (-SHARP, 0.0, SHARP)]
    steps = [jnp.where(front, step, 0.0) for step in steps]
    slope, slack = jnp.where(front, p, -bend), jnp.where(front, flat, steep)
    spread = jnp.where(front, jnp.sqrt(1.0 + w * w), 1.0)
    breaks = outward(start, stop, slope, slack, spread, *steps)
    ends = breaks[:-1], jnp.diff(breaks)
    return Panel(*jnp.broadcast_arrays(*ends, first, first - z_0, sign * unit))


def panel_lines(
    panel: Panel,
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
    n: int,
) -> Lines:
    """Lines at the n nodes of one panel of a piece."""
    unit, unit_weight = legendre(n)
    step = panel.step * (panel.start + panel.width * unit)
    z, offset = panel.first + step, panel.offset + step
    weight = 2.0 * jnp.abs(panel.step) * panel.width * unit_weight * density(z)
    theta = theta[0], jnp.maximum(theta[1], 1e-150)
    return _lines(z, offset, weight, theta, student)


def at_margin(
    z: Float[Array, " k"],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
) -> Lines:
    """Lines of the examples of given margins z, u > 0: a part Phi(z c/s) of each."""
    theta = theta[0], jnp.maximum(theta[1], 1e-150)
    return _lines(z, z - student.corner[0], jnp.ones_like(z), theta, student)


def teacher_line(
    sign: Float[Array, ""],
    inner: Float[Array, ""],
    outer: Float[Array, ""],
    theta: tuple[Float[Array, ""], Float[Array, ""]],
    student: Weights,
    n: int,
) -> Lines:
    """Examples on the teacher's boundary u = 0, with the density of v."""
    c, s = theta[0], jnp.maximum(theta[1], 1e-150)
    p, w, (z_0, y_0) = student.along, student.across, student.corner
    bend = s * p - c * w
    start, stop = jnp.minimum(inner / s, 1e3), jnp.minimum(outer / s, 1e4)
    steep = student.slack - p * (sign * s * start - z_0) + w * (sign * c * start + y_0)
    x, weight = panels(outward(start, stop, sign * bend, steep, 1.0), n)
    v = sign * (start + x)
    z, y, none = s * v, -c * v, jnp.zeros_like(v)
    corner = z - z_0, y - y_0
    return Lines(z, y, corner, none, v, none, none, weight * density(v))


def line_points(
    inner: Float[Array, ""], outer: Float[Array, ""], student: Weights
) -> Points:
    """Theta = 0: nodes of one piece inner < u < outer.

    The slack falls with u, so that an average changes on one scale from the inner end
    of a piece to where its weight has died out: one panel is enough.
    """
    some = outer > inner  # empty pieces may lie at infinity
    inner, outer = jnp.where(some, inner, 0.0), jnp.where(some, outer, 0.0)
    p, (z_0, _) = student.along, student.corner
    offset = inner - z_0
    slack = student.slack - p * offset
    end = jnp.minimum(reach(inner, p, slack, 1.0, DEPTH), outer - inner)
    unit, unit_weight = legendre(ON_LINE)
    z = inner + end * unit
    return Points(z, offset + end * unit, 2.0 * end * unit_weight * density(z))
