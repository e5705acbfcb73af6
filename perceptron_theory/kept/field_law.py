r"""The joint law of a student's field and the kept examples.

In units of its noise the field of a student on an example is M = a u + b v + xi, xi a
standard normal.  Of an average of g(M) times a power of u and v only

    W_jk(M) = E[u^j v^k delta(M - a u - b v - xi)]

depends on the rule and on the angle, and only g on the loss.  With z along the probe
and y across it (see :mod:`.quadrature`), a u + b v = p z + w y, given M

    z ~ N(p M/(1 + p^2 + w^2), (1 + w^2)/(1 + p^2 + w^2)),

and given z, too, y ~ N(w (M - p z)/(1 + w^2), 1/(1 + w^2)) on u = c z + s y > 0.  So
with k the distance of that mean to u = 0 in units of y's spread, the moments over y are
the G_j(k) of :mod:`.gaussian`.  The integral over z is done on panels inside the
distance where

    E = (z - mean)^2/variance + min(k, 0)^2

has risen by DEPTH, or at theta = 0 (z = u) in closed form.

Derivatives with respect to a and b come for free: dW_jk/da = -dW_(j+1)k/dM.

A piece of examples of the label -1 (a wrong one: folded they have u > 0 too) is seen
with the opposite field, u and v.

Where all kept examples are nearly alike, a student of a great weight along the probe
tells them apart by small differences of large fields.  So z, u, v and the field can be
counted from that of an ``origin``, the ranked margin label z of some kept example: M -
p origin.  And ``on_probe`` z - origin and -y are told in place of u and v: of examples
next to the probe's boundary (:func:`beside_boundary`) z is a small difference of those.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..numerics.gaussian import density, slack_moments
from ..numerics.quadrature import panels
from .field import Student
from .nodes import DEPTH, HEAD, SHARP
from .noisy_teacher import places_of, tilted
from .problem import Problem
from .wrong_labels import Labels

CLOSE = 3.0  # breaks of the field that are closer are taken for one, but at the end
KNEE = 1.5  # in units of a spread
BESIDE = 0.01  # of sin theta: margins to which z hardly matters in u
FARTHEST = 12.0  # no margin beyond carries weight


class Piece(NamedTuple):
    """sign z in (inner, outer), of examples of a ``label``, kept at a ``level``."""

    sign: Float[Array, ""]
    inner: Float[Array, ""]
    outer: Float[Array, ""]
    level: Float[Array, ""]
    label: Float[Array, ""]

    @property
    def used(self) -> Bool[Array, ""]:
        """Whether it holds examples."""
        return (self.outer > self.inner) & (self.level > 0)


def pieces_of(problem: Problem, labels: Labels, on_line: bool) -> Piece:
    """The pieces of a problem (those of u = z > 0 at theta = 0), empty ones at 0."""
    piece = Piece(*problem.pieces[:4], labels)
    if on_line:
        half = labels.shape[0] // 2
        piece = jax.tree.map(lambda x: x[:half], piece)
    kept = piece.outer > piece.inner
    return piece._replace(
        inner=jnp.where(kept, piece.inner, 0.0),
        outer=jnp.where(kept, piece.outer, 0.0),
        level=jnp.where(kept, piece.level, 0.0) / problem.keep_fraction,
    )


def beside_boundary(
    piece: Piece, sin_theta: Float[Array, ""]
) -> tuple[Bool[Array, ""], Float[Array, ""]]:
    """Whether all kept examples lie next to the probe's boundary; the largest |z|."""
    widest = jnp.max(jnp.where(piece.used, piece.outer, 0.0))
    return widest < BESIDE * sin_theta, widest


def weights_of(student: Student) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The student's a and b."""
    p, w, c, s = student
    return p * c + w * s, p * s - w * c


def field_breaks(
    piece: Piece,
    used: Bool[Array, " n"],
    student: Student,
    on_line: bool,
    origin: Float[Array, ""] | float = 0.0,
    noisy_teacher: bool = False,
) -> Float[Array, " m"]:
    """Increasing fields between which W is smooth; W is nothing beyond the ends.

    Counted from that of the ``origin``.

    W bends on the scale of the noise where the field passes a corner of the kept region
    (an end of z on u = 0), on that of M given z where it passes an end of z.
    """
    p, w, _, s = student
    a, b = weights_of(student)
    across, beside = jnp.sqrt(1.0 + w * w), jnp.sqrt(1.0 + b * b)
    whole = jnp.sqrt(1.0 + a * a + b * b)
    z = piece.sign * jnp.stack([piece.inner, piece.outer])
    far = jnp.clip(z, -FARTHEST, FARTHEST)
    reach = jnp.sqrt(DEPTH + jnp.min(jnp.where(used, piece.inner, jnp.inf)) ** 2)
    # beyond u = 0 the field falls off with b alone; and it is near that of an end of z
    below, above = jnp.where(a > 0, beside, whole), jnp.where(a > 0, whole, beside)
    if noisy_teacher:  # which leaves examples on both sides
        below = above = whole
    begin = piece.label * origin
    zero = -p * begin  # where the field itself vanishes
    ends = p * (far - begin)
    low = jnp.maximum(zero - below * reach, jnp.min(ends, axis=0) - reach * across)
    high = jnp.minimum(zero + above * reach, jnp.max(ends, axis=0) + reach * across)
    right = piece.label > 0
    low, high = jnp.where(right, low, -high), jnp.where(right, high, -low)
    low = jnp.min(jnp.where(used, low, jnp.inf))
    high = jnp.max(jnp.where(used, high, -jnp.inf))

    steps = jnp.array([-SHARP, 0.0, SHARP])[:, None, None]
    real = used & (jnp.abs(z) < FARTHEST)
    at = [jnp.where(real, ends + across * steps, low)]
    # a tail falls off within a small part of its length
    head = jnp.sqrt(piece.inner**2 + HEAD)
    tail = used & (piece.inner > 0) & (head < piece.outer)
    fallen = piece.label * p * (piece.sign * head - begin)
    fallen = jnp.where(tail, fallen, low)
    if not on_line:
        corner = real & (jnp.abs(z) < FARTHEST * s)
        place = b * jnp.where(corner, z, 0.0) / jnp.maximum(s, 1e-150)
        at.append(jnp.where(corner, zero + place + steps, low))
    at = (piece.label * jnp.concatenate(at)).ravel()
    wide = jnp.concatenate([beside * steps.ravel(), whole * jnp.array([-3.0, 3.0])])
    inside = jnp.concatenate([at, fallen, wide - p * origin])
    inside = jnp.sort(jnp.clip(inside, low, high))

    def thin(last, places):
        here, after = places
        # the end of a group stays: a long panel of another scale may begin there
        needed = (here - last >= CLOSE) | (after - here >= CLOSE)
        last = jnp.where(needed, here, last)
        return last, last

    _, inside = jax.lax.scan(thin, low, (inside, jnp.append(inside[1:], high)))
    return jnp.concatenate([low[None], inside, high[None]])


def squeezed(student: Student) -> Float[Array, " 4"]:
    """Fields at which to break where the proximal map draws them together.

    A Gaussian's tail turns into a double exponential there, alone on its panel.
    """
    a, b = weights_of(student)
    wide = jnp.stack([jnp.sqrt(1.0 + b * b), jnp.sqrt(1.0 + a * a + b * b)])
    return KNEE * jnp.concatenate([-wide, wide])


def law_of_field(
    field: Float[Array, " k"],
    piece: Piece,
    problem: Problem,
    student: Student,
    n: int,
    on_line: bool,
    origin: Float[Array, ""] | float = 0.0,
    on_probe: Bool[Array, ""] | bool = False,
) -> Float[Array, "6 k"]:
    """W of 1, u, v, u^2, u v and v^2 at each field (zero those with v at theta = 0).

    The field is counted from that of the ``origin``; ``on_probe`` z - origin and -y
    take the places of u and v (of a label -1: their opposites).
    """

    def one(piece: Piece) -> Float[Array, "6 k"]:
        seen, begin = piece.label * field, piece.label * origin
        if on_line and problem.keep is None:
            law = _line_law(seen, piece, student.along, begin)
        else:
            law = _plane_law(seen, piece, problem, student, n, on_line, begin, on_probe)
        turn = jnp.stack([1.0, piece.label, piece.label, 1.0, 1.0, 1.0])
        return piece.level * turn[:, None] * law

    return jnp.sum(jax.vmap(one)(piece), axis=0)


def _line_law(
    field: Float[Array, " k"],
    piece: Piece,
    a: Float[Array, ""],
    begin: Float[Array, ""],
) -> Float[Array, "6 k"]:
    """W at theta = 0, where only u matters; its moments are differences of G_j."""
    whole = jnp.sqrt(1.0 + a * a)
    width = 1.0 / whole
    size = piece.outer - piece.inner
    finite = jnp.isfinite(size)
    size = jnp.where(finite, size, 0.0)
    inner = piece.inner - begin
    t = (a * field - begin) / whole - whole * inner
    _, *near = slack_moments(t)
    _, *beyond = slack_moments(jnp.where(finite, t - size / width, -40.0))
    # powers of u - inner, in units of the width
    d = size / width
    beyond = (
        beyond[0],
        beyond[1] + d * beyond[0],
        beyond[2] + 2.0 * d * beyond[1] + d * d * beyond[0],
    )
    wide = [x - y for x, y in zip(near, beyond, strict=True)]
    # of a narrow piece these would be differences of like numbers
    unit, share = panels(jnp.array([0.0, 1.0]), 6)
    x = jnp.minimum(d, 1.0) * unit
    mass = jnp.minimum(d, 1.0) * share * density(x - t[:, None])
    slim = [jnp.sum(mass * x**j, axis=1) for j in range(3)]
    narrow = finite & (d < 0.5)
    zeroth, first, second = (
        jnp.where(narrow, x, y) for x, y in zip(slim, wide, strict=True)
    )
    first, second = width * first, width * width * second
    u = first + inner * zeroth
    square = second + 2.0 * inner * first + inner**2 * zeroth
    field = field + a * begin
    weight, none = 2.0 * density(field / whole) / whole, jnp.zeros_like(field)
    return jnp.stack([weight * zeroth, weight * u, none, weight * square, none, none])


def _plane_law(
    field: Float[Array, " k"],
    piece: Piece,
    problem: Problem,
    student: Student,
    n: int,
    on_line: bool,
    begin: Float[Array, ""],
    on_probe: Bool[Array, ""] | bool,
) -> Float[Array, "6 k"]:
    """W by an integral over z for each field, y in closed form."""
    p, w, c, s = student
    _, b = weights_of(student)
    noise = problem.noise
    s = jnp.maximum(s, 1e-150) if noise is None else s
    spread = jnp.sqrt(1.0 + w * w)
    whole = jnp.sqrt(1.0 + p * p + w * w)
    # the margin, z, from where it begins
    mean, precision = (p * field - spread**2 * begin) / whole**2, (whole / spread) ** 2
    # k = start + slope z
    sharp = not (on_line or noise is not None)
    slope = (c - w * b) / (s * spread) if sharp else jnp.zeros(())
    start = jnp.full_like(field, SHARP)
    if sharp:
        start = w * field / spread + spread * c / s * begin
    low, high = piece.sign * piece.inner - begin, piece.sign * piece.outer - begin
    line = start, slope
    if noise is None:
        nodes, weight = _z_nodes((low, high), mean, precision, start, slope, n)
    else:
        # the mean of u given z, its value at 0 and its slope
        part = s * w / spread**2
        line = c * begin + part * field, c - part * p
        width = jnp.sqrt((s / spread) ** 2 + noise.width**2)
        places = jnp.array(places_of(noise)) * width
        nodes, weight = _smooth_nodes((low, high), mean, precision, line, places, n)
    weight = weight * jnp.sqrt(precision)[..., None]
    weight = weight * density(jnp.sqrt(precision) * (nodes - mean[:, None]))
    if problem.keep is not None:
        keep = problem.keep(piece.label * (begin + nodes).ravel())
        weight = weight * keep.reshape(nodes.shape)
    whole_field = field + p * begin
    weight = 2.0 * weight * (density(whole_field / whole) / whole)[:, None]
    if on_line:
        moments = [weight * nodes**j for j in range(3)]
        one, u, uu = (jnp.sum(x, axis=1) for x in moments)
        none = jnp.zeros_like(one)
        return jnp.stack([one, u, none, uu, none, none])
    # of y = mean + eta/spread: 1, eta, eta^2, and u, u^2, u eta
    size = s / spread
    if noise is None:
        k = start[:, None] + slope * nodes
        peak, zeroth, first, second = slack_moments(k)
        square = zeroth - k * peak
        u, uu, u_eta = size * first, size * size * second, size * zeroth
    else:
        middle = line[0][:, None] + line[1] * nodes
        zeroth, peak, bend = tilted(middle, size, noise)
        square = zeroth - bend
        u, u_eta = middle * zeroth + size * peak, middle * peak + size * square
        uu = middle * u + size * u_eta
    # v without the part of y that is cut off, or -y
    off = (field[:, None] - p * nodes) * (w / spread**2)
    c, s = jnp.where(on_probe, 1.0, c), jnp.where(on_probe, 0.0, s)
    rest, turn = s * nodes - c * off, c / spread
    ahead = rest * zeroth - turn * peak
    terms = (
        zeroth,
        jnp.where(on_probe, nodes * zeroth, u),
        ahead,
        jnp.where(on_probe, nodes * nodes * zeroth, uu),
        jnp.where(on_probe, nodes * ahead, rest * u - turn * u_eta),
        rest * rest * zeroth - 2.0 * turn * rest * peak + turn * turn * square,
    )
    return jnp.stack([jnp.sum(weight * term, axis=1) for term in terms])


def _z_nodes(
    ends: tuple[Float[Array, ""], Float[Array, ""]],
    mean: Float[Array, " k"],
    precision: Float[Array, ""],
    start: Float[Array, " k"],
    slope: Float[Array, ""],
    n: int,
) -> tuple[Float[Array, "k m"], Float[Array, "k m"]]:
    """Nodes and weights along z for each field, all that carry weight there."""
    least, most = jnp.minimum(*ends), jnp.maximum(*ends)
    # the second parabola of E, where k < 0
    square = precision + slope * slope
    centre = (mean * precision - start * slope) / square
    bottom = precision * (centre - mean) ** 2 + (start + slope * centre) ** 2

    def energy(z):
        k = jnp.minimum(start + slope * z, 0.0)
        return precision * (z - mean) ** 2 + k * k

    free = jnp.where(start + slope * mean >= 0, mean, centre)
    peak = jnp.clip(free, least, most)
    level = energy(peak) + DEPTH

    def end(side):
        first = mean + side * jnp.sqrt(level / precision)
        second = jnp.sqrt(jnp.maximum(level - bottom, 0.0) / square)
        return jnp.where(start + slope * first >= 0, first, centre + side * second)

    low, high = jnp.maximum(end(-1.0), least), jnp.minimum(end(1.0), most)
    high = jnp.maximum(high, low)
    flat = jnp.abs(slope) < 1e-12
    over = (SHARP - start) / jnp.where(flat, 1.0, slope)
    over = jnp.where(flat, low, jnp.clip(over, low, high))
    peak = jnp.clip(peak, low, high)
    inner = jnp.minimum(peak, over), jnp.maximum(peak, over)
    return panels(jax.lax.stop_gradient(jnp.stack([low, *inner, high], axis=-1)), n)


def _smooth_nodes(
    ends: tuple[Float[Array, ""], Float[Array, ""]],
    mean: Float[Array, " k"],
    precision: Float[Array, ""],
    line: tuple[Float[Array, " k"], Float[Array, ""]],
    places: Float[Array, " m"],
    n: int,
) -> tuple[Float[Array, "k m"], Float[Array, "k m"]]:
    """The same under a noisy teacher, which leaves examples on both sides of u = 0.

    The mean of u given z is line[0] + line[1] z, and the panels end where it has the
    values ``places``.
    """
    least, most = jnp.minimum(*ends), jnp.maximum(*ends)
    peak = jnp.clip(mean, least, most)
    far = jnp.sqrt((peak - mean) ** 2 + DEPTH / precision)
    low, high = jnp.maximum(mean - far, least), jnp.minimum(mean + far, most)
    high = jnp.maximum(high, low)
    flat = jnp.abs(line[1]) < 1e-12
    at = (places[:, None] - line[0]) / jnp.where(flat, 1.0, line[1])
    inner = jnp.concatenate([jnp.where(flat, low, at), peak[None]])
    breaks = jnp.sort(jnp.clip(inner, low, high), axis=0)
    breaks = jnp.concatenate([low[None], breaks, high[None]])
    return panels(jax.lax.stop_gradient(breaks.T), n)
