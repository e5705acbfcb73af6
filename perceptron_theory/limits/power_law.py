r"""The power law of many examples at fixed f, and the smallest useful f.

Limit alpha -> inf of the equations of :mod:`.max_margin`, with its notation: a = A/r,
b = B/r, tau = 1/r, slack t = tau - a u - b v, moments G_k(t) = E (t - xi)_+^k.  a grows
like alpha, so only examples next to the teacher's boundary support the student:
u = U/a, with U flat on (0, inf) and v distributed as w(v) = phi(v) q(z = s v), q the
keep-probability.  Integrated over U the equations are

    Int w v G_2(tau - b v) dv = 0,    Int w (G_3/3 - G_1)(tau - b v) dv = 0,
    a = alpha (2/pi)^(1/2)/f Int w G_1(tau - b v) dv,

and error -> C/alpha with C = sqrt(1 + b^2) alpha/(pi a).  If q is even in z (absolute
margin), b = 0, tau = 0.639 solves G_3 = 3 G_1, and C = C_random f/W with W = Int w dv,
the density of kept examples on the boundary relative to random ones.  At theta = 0 the
boundary of the kept examples is u = gamma (0 unless the rule leaves a gap), whose
density relative to random data is q(gamma) phi(gamma)/phi(0).

The students of the version space have the same law with other functions of the slack
(:mod:`.version_space_limits`), unless theta = 0 and there is a gap: no example near the
boundary cuts the version space any more.  There it becomes a cone about the teacher
with g = A/V^(1/2) and r << V^(1/2), where g/(1 + g^2) = alpha E[u psi(g u)],
psi = phi/Phi, so that

    gibbs: error = arctan(1/g)/pi, which falls like gamma/(pi (2 ln alpha)^(1/2)),
    bayes_point: error = arctan(g^-1 (alpha E[psi(g u)^2])^(1/2))/pi.

With D the density of u at gamma and large g gamma the latter is
1/(pi g (2 gamma alpha D)^(1/2)): slower than 1/alpha as well.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.special import erf, ndtr

from ..errors import InputError
from ..kept.thresholds import Pieces, kept_pieces
from ..numerics.batching import batched
from ..numerics.checks import (
    as_array,
    broadcast,
    check_margin,
    check_theta,
    one_number,
)
from ..numerics.gaussian import SQRT_2, SQRT_2PI
from ..numerics.limit_nodes import Nodes, Values, nodes_between, root_between
from ..numerics.minima import minimise
from ..numerics.precision import eager_only, own_settings
from ..rules.keep_probability import KNOTS, KeepProbability
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..solving.front_door import pruned_by
from ..students.bayes_optimal.limits import jumps_of
from ..students.names import resolve_student
from ..students.student import Student

FAR = 38.0  # phi is zero in float64 beyond


@lru_cache
def random_coefficient(student: str | Student = "max_margin") -> float:
    """C of random data: error -> C/alpha; of max margin from G_3(tau) = 3 G_1(tau)."""
    return resolve_student(student).boundary_coefficient(np.zeros(1), np.ones(1))


# alpha -> inf


@eager_only
def power_law_coefficient(
    keep_fraction: Any = None,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
) -> Values:
    """C of error -> C/alpha_prune as alpha_prune -> inf at fixed f.

    Equations of this module's docstring.  The next term is relative and of order
    1/alpha^2 where the kept density has no slope at the boundary (absolute margin), of
    order 1/alpha where it has one (signed margin, a gap at theta = 0).  The student
    resolves u to 1/a = pi C/alpha: the asymptote wants this well below theta if that is
    small, well below the cells of the rule, and for the easy rule and windows with a
    gap gamma at theta > 0 below s^2/gamma, which may put it out of reach.

    Infinite where the error falls more slowly: the signed rule's kept examples all on
    one side of the probe (hard with f < theta/pi: error -> 1/2; easy with
    f < 1 - theta/pi: error -> theta/pi; at f = theta/pi and 1 - theta/pi themselves
    halfway to these; not for bayes_optimal), a keep-probability
    that vanishes at the boundary, or a density there below the range of float64.

    Args:
        keep_fraction: f in (0, 1]; not for a :class:`KeepProbability` rule.
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: "hard", "easy", "random" or a rule object; its parameters broadcast too.
        margin: "absolute" or "signed".
        student: any that :func:`solve` takes.

    Raises:
        InputError: an argument outside its range, or shapes that do not broadcast.

    Example:
        >>> f"{power_law_coefficient(1.0):.10f}"
        '0.5004889318'
    """
    kind = resolve_student(student)
    kind.boundary_coefficient(np.zeros(1), np.ones(1))  # is known at all
    check_margin(margin)
    rule = resolve_rule(rule)
    named = {"keep_fraction": np.ones(())}
    named |= pruned_by(rule, margin, keep_fraction, theta)
    leaves, tree = jax.tree.flatten(rule)
    values = broadcast(named, leaves)
    flat = [x.ravel() for x in values]
    pieces: Any = [None] * flat[0].size
    if not isinstance(rule, KeepProbability):
        with own_settings(x64=True):
            every = jax.tree.map(np.asarray, _pieces(margin, tree)(*flat))
        pieces = [Pieces(*row) for row in zip(*every, strict=True)]
    each = zip(flat[0], flat[1], pieces, strict=True)
    result = [_coefficient(f, t, rule, margin, piece, kind) for f, t, piece in each]
    return np.array(result).reshape(values[0].shape)[()]


@lru_cache
def _pieces(margin: str, tree: Any) -> Any:
    """The kept pieces of z of many points."""

    def one(f, theta, *leaves):
        rule = jax.tree.unflatten(tree, leaves)
        return kept_pieces(rule.cells(f), theta, margin)

    return batched(one)


def _coefficient(
    f: float,
    theta: float,
    rule: Rule,
    margin: str,
    pieces: Pieces | None,
    student: Student,
) -> float:
    """C at one point."""
    s, c = (np.sin(theta), np.cos(theta)) if theta > 0 else (1.0, 0.0)
    z, width, keep = _kept(rule, margin, pieces, s)
    if isinstance(rule, KeepProbability):
        half = ndtr(z * c / s) if theta > 0 else 1.0 * (z > 0)
        f = float(np.sum(2.0 * width * _density(z) * half * keep))
    if theta == 0:
        edge, level = _edge(rule, pieces, z, keep)
        return student.aligned_coefficient(f, edge, level, _jumps(rule, pieces))
    v, weight = z / s, width / s * _density(z / s) * keep
    if margin == "absolute":
        total = np.sum(weight)
        return float(random_coefficient(student) * f / total) if total > 0 else np.inf
    weight, v = weight[weight > 0], v[weight > 0]
    one_sided = not (v.size and v.min() < 0 < v.max())
    if not v.size or (one_sided and not student.learns_one_sided):
        return np.inf
    return student.boundary_coefficient(v, weight) * f


def _density(z: Nodes) -> Nodes:
    return np.exp(-0.5 * z * z) / SQRT_2PI


def _kept(
    rule: Rule, margin: str, pieces: Pieces | None, s: float
) -> tuple[Nodes, Nodes, Nodes]:
    """Nodes in z, their widths and keep-probabilities, fine wherever phi(z/s) asks."""
    if pieces is None:
        assert isinstance(rule, KeepProbability)
        ends = np.array([*KNOTS, *np.abs(rule.breakpoints), FAR * s])
    else:
        ends = np.array([*pieces.inner, *pieces.outer])
    ends = ends[(ends > 0) & (ends < FAR)]
    # panels shrink towards u = 0, as far as the nearest threshold
    least = min([1.0, *(ends / s)])
    octaves = 8.0 * 0.5 ** np.arange(6 - np.log2(least))
    decay = ends[:, None] / s + np.outer(s / np.maximum(ends, s), [0, 1, 3, 8, 20])
    points = s * np.concatenate([octaves, decay.ravel(), np.arange(1.5, 10.0, 1.5)])
    points = np.concatenate([[0.0], np.minimum(points, FAR), ends])
    z, width = nodes_between(np.concatenate([-points, points]))
    if pieces is None:
        margins = np.abs(z) if margin == "absolute" else z
        return z, width, _probability(rule, margins)
    distance = pieces.sign[:, None] * z
    inside = (distance > pieces.inner[:, None]) & (distance < pieces.outer[:, None])
    return z, width, np.sum(inside * pieces.level[:, None], axis=0)


def _probability(rule: Any, margins: Nodes) -> Nodes:
    """The keep-probability of a rule at margins."""
    with own_settings(x64=True):
        keep = jax.vmap(rule.function)(jnp.asarray(margins))
        return np.maximum(np.asarray(keep), 0.0)


def _jumps(rule: Rule, pieces: Pieces | None) -> list[tuple[float, float, float]]:
    """The jumps of the keep-probability at theta = 0; below the margin 0 it is 0."""
    if pieces is not None:
        return jumps_of(pieces)
    assert isinstance(rule, KeepProbability)
    jumps = []
    for g in sorted({0.0, *np.abs(rule.breakpoints)}):
        low, high = map(float, _probability(rule, np.nextafter(g, [-1.0, np.inf])))
        jumps.append((float(g), low if g > 0 else 0.0, high))
    return jumps


def _edge(
    rule: Rule, pieces: Pieces | None, z: Nodes, keep: Nodes
) -> tuple[float, float]:
    """The least kept margin at theta = 0, and the keep-probability from there on."""
    if pieces is not None:
        kept = (pieces.level > 0) & (pieces.outer > pieces.inner) & (pieces.sign > 0)
        first = np.argmin(np.where(kept, pieces.inner, np.inf))
        return float(pieces.inner[first]), float(pieces.level[first])
    assert isinstance(rule, KeepProbability)
    ends = np.array(sorted({0.0, *np.abs(rule.breakpoints)}))
    kept = z[(z > 0) & (keep > 0)]
    edge = ends[ends < kept[0]].max() if kept.size else np.inf
    (level,) = _probability(rule, np.nextafter([edge], np.inf))
    return float(edge), float(level)


# the smallest useful fraction


@eager_only
def f_min(
    theta: Any,
    *,
    tolerance: float = 0.1,
    margin: str = "absolute",
    student: str | Student = "max_margin",
) -> Values:
    r"""The smallest useful fraction of hard examples at large alpha_prune.

    Of the coefficient C(f, theta) in error -> C/alpha_prune:

    - absolute margin: C(f) = C_random f/(2 Phi(gamma/s) - 1), s = sin theta, falls with
      f all the way to its infimum C_random s at f -> 0, so what counts as useful is a
      matter of tolerance: f_min is where C is (1 + ``tolerance``) times the infimum;
      pruning further saves less than that part of the data.  One if the infimum is no
      further below C(1).  As theta -> 0, f_min -> g theta with
      g = (1 + tolerance)(2 Phi(Gamma) - 1), Gamma = g sqrt(pi/2): 0.6155 theta at 0.1.
      The two ends of the curve, C_random f and C_random s, meet at f = sin theta, where
      C is 1.27 times its infimum as theta -> 0.
    - signed margin: C grows without bound as f -> theta/pi, and f_min is where it is
      least, no tolerance being needed: 0.8780 theta as theta -> 0.

    Args:
        theta: angle of teacher and probe in radians, [0, pi/2]; 0 at 0.
        tolerance: of the absolute margin, positive.
        margin: "absolute" or "signed".
        student: any whose power law is known.

    Raises:
        InputError: an argument outside its range.

    Example:
        >>> f"{f_min(0.01):.7f}", f"{f_min(0.01, margin='signed'):.7f}"
        ('0.0061548', '0.0087803')
    """
    kind = resolve_student(student)
    kind.boundary_coefficient(np.zeros(1), np.ones(1))  # is known at all
    check_margin(margin)
    angle = as_array("theta", theta)
    check_theta(angle)
    tolerance = float(one_number("tolerance", tolerance))
    if not 0 < tolerance < np.inf:
        raise InputError(f"tolerance must be positive and finite, got {tolerance:g}")
    signed = partial(_least_signed, student=kind)
    one = signed if margin == "signed" else partial(_knee, tolerance=tolerance)
    value = [one(x) if x > 0 else 0.0 for x in angle.flat]
    return np.array(value).reshape(angle.shape)[()]


def _knee(theta: float, tolerance: float) -> float:
    s = np.sin(theta)
    if (1.0 + tolerance) * s >= 1.0:
        return 1.0

    def excess(gamma: float) -> float:
        f, kept = erf(gamma / SQRT_2), erf(gamma / s / SQRT_2)
        return float(f / kept / s - 1.0 - tolerance)

    gamma = root_between(excess, 1e-6 * s, 9.0, 1e-16 * s)
    return float(erf(gamma / SQRT_2))


def _least_signed(theta: float, student: Student) -> float:
    """Where the signed rule's coefficient is least: between 0.6 and 0.9 theta."""

    def along(x: Float[np.ndarray, "1 k"], _: Any) -> Float[np.ndarray, "1 k"]:
        f = np.minimum(np.exp(x), 1.0)
        return np.log(power_law_coefficient(f, theta, "hard", "signed", student))

    ends = np.log([0.5 * theta]), np.log([min(1.2 * theta, 1.0)])
    return float(np.exp(minimise(along, *ends).position[0]))
