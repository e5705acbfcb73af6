r"""Many examples of a noisy teacher: the floor of a pruned pool and how it is reached.

A noisy teacher leaves wrong labels wherever examples are kept, so that as alpha -> inf
the student tends to the (A, B) of least mean loss over the kept law,

    E[(u, v) l'(A u + B v)] = 0,            floor = atan2(|B|, A)/pi,

u and v folded to the label that is seen (:mod:`perceptron_theory.kept.noisy_teacher`).
For the whole pool B = 0 by symmetry, and the floor is 0; at theta = 0, too, or it is 1
where wrong labels prevail.  And where the loss is the likelihood of the noise (both
logistic) and the rule does not see the labels (absolute margin): A = 1/strength, B = 0,
whatever is kept.

The equations of :mod:`perceptron_theory.convex.equations` to first order in 1/alpha:
with V = 1/(alpha E[l'']) and p = m - V l'(m) + ...

    r^2 = E[l'^2]/(alpha E[l'']^2),
    H (dA, dB) = E[(u, v) l' l'']/(alpha E[l'']) - r^2/2 E[(u, v) l''']
                 - ridge (A, B)/alpha,

H = E[(u, v)(u, v)^T l''] the Hessian, averages at the minimum.  So

    tan^2(pi error) = (B^2 + r^2)/A^2 = t_0 + t_1/alpha + O(1/alpha^2),

and two rules that keep as many examples are equal at the load alpha = -(difference of
t_1)/(difference of t_0), good where that is large: at small noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from ..convex.loss import Loss
from ..convex.losses import resolve_loss
from ..errors import ConvergenceError, InputError
from ..kept.label_laws import (
    Flips,
    LabelNoise,
    check_strength,
    resolve_label_noise,
)
from ..kept.noisy_pool import masses
from ..kept.noisy_teacher import Noise, noise_of
from ..numerics.checks import as_array, check_margin, one_number
from ..numerics.limit_nodes import root_between
from ..numerics.precision import eager_only, own_settings
from ..rules.names import resolve_rule
from ..rules.rule import Rule
from ..solving.front_door import pruned_by
from .noisy_nodes import FAR, KeptNodes, LayerNodes, seen

STEPS = 100
ROUNDING = 1e-15  # of tan^2: the law of the noise is known to 1e-9


@dataclass(frozen=True)
class LargeLoad:
    """The student of a noisy teacher's labels at large loads.

    Attributes:
        floor: the error as alpha -> inf, on the teacher's own labels.
        weights: (A, B) as alpha -> inf.
        floor_square, slope: t_0 and t_1 of tan^2(pi error) = t_0 + t_1/alpha_prune.
    """

    floor: float
    weights: tuple[float, float]
    floor_square: float
    slope: float

    def error(self, alpha_prune: Any) -> Any:
        """The error at a large load, to first order in 1/alpha_prune."""
        square = self.floor_square + self.slope / np.asarray(alpha_prune)
        part = np.arctan(np.sqrt(np.maximum(square, 0.0))) / np.pi
        return part if self.weights[0] > 0 else 1.0 - part


@eager_only
def large_load(
    keep_fraction: Any = None,
    *,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    loss: Any = "logistic",
    ridge: Any = 0.0,
    label_noise: Any,
    flip_probability: Any = 0.0,
) -> LargeLoad:
    """The student of a noisy teacher's labels as the load goes to infinity, at fixed f.

    Args:
        keep_fraction: f in (0, 1]; not for a :class:`KeepProbability` rule.
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: "hard", "easy", "random" or a rule object.
        margin: "absolute" (|P.x|) or "signed" (y P.x).
        loss: "logistic", "square" or a convex function with a smooth slope.
        ridge: of the objective, which counts at first order in 1/alpha only.
        label_noise: with its strength, above 0, as in :func:`solve_convex`.
        flip_probability: of the labels after the noise.

    Raises:
        InputError: an argument outside its range, more than one point, no noise, or a
            loss whose slope has a kink.
        ConvergenceError: the minimum of the mean loss was not found.

    Example:
        >>> far = large_load(0.3, theta=0.35, label_noise="probit:0.5")
        >>> f"{far.floor:.6f}"
        '0.000228'
    """
    kind, noise = resolve_loss(loss), _noise(label_noise, flip_probability)
    if kind.kink and not kind.linear:
        raise InputError(
            f"the expansion at large loads needs a loss with a smooth slope, got "
            f"{kind.name}: give 'logistic' or 'square'"
        )
    decay = float(one_number("ridge", ridge))
    if not decay >= 0:
        raise InputError(f"ridge must be >= 0, got {decay:g}")
    rule, margin = resolve_rule(rule), check_margin(margin)
    arrays = pruned_by(rule, margin, keep_fraction, theta)
    one = {name: float(one_number(name, value)) for name, value in arrays.items()}
    with own_settings(x64=True):
        f = one.get("keep_fraction", 1.0)
        kept = KeptNodes(f, one["theta"], rule, margin, noise)
        return expanded(kept, kind, decay, flat=one["theta"] == 0)


def teacher_law(label_noise: Any) -> LabelNoise:
    """The law of a noisy teacher.

    Raises:
        InputError: none, or flips, which no teacher makes.
    """
    law = resolve_label_noise(label_noise)
    if law is None or isinstance(law, Flips):
        raise InputError(
            "label_noise must be that of a noisy teacher, 'probit:0.5' or "
            f"'logistic:0.3' or an object, got {label_noise!r}"
        )
    return law


def _noise(label_noise: Any, flip_probability: Any) -> Noise:
    law = teacher_law(label_noise)
    strength = float(one_number("noise_strength", law.strength))
    check_strength(as_array("noise_strength", strength))
    if strength == 0:
        raise InputError("label_noise must have a strength above 0, got 0")
    flips = float(one_number("flip_probability", flip_probability))
    if not 0 <= flips < 0.5:
        raise InputError(f"flip_probability must be in [0, 1/2), got {flips:g}")
    with own_settings(x64=True):
        return noise_of(law.law, jnp.asarray(strength), jnp.asarray(flips))


def expanded(
    kept: KeptNodes | LayerNodes, loss: Loss, ridge: float, flat: bool
) -> LargeLoad:
    """The minimum of the mean loss, and the first order in 1/alpha about it."""
    x = np.stack([kept.u, kept.v])
    if flat:  # theta = 0: v is noise of its own
        x[1] = 0.0

    def slopes(w: Any) -> tuple[np.ndarray, np.ndarray]:
        margin = jnp.asarray(w[0] * x[0] + w[1] * x[1])
        one, two = loss.slopes(margin.ravel())
        return np.reshape(one, margin.shape), np.reshape(two, margin.shape)

    def hessian(second: np.ndarray) -> np.ndarray:
        own = np.array([[kept.mean(a * b * second) for b in x] for a in x])
        return own + np.diag([0.0, 1.0 * flat])

    w = np.zeros(2)
    first, second = slopes(w)
    pull = np.array([kept.mean(a * first) for a in x])
    for _ in range(STEPS):
        step = -np.linalg.solve(hessian(second), pull)
        size = 1.0
        while True:  # the pull along the step changes sign where it is too long
            first, second = slopes(w + size * step)
            moved = np.array([kept.mean(a * first) for a in x])
            if np.linalg.norm(moved) < np.linalg.norm(pull) or size < 1e-6:
                break
            size *= 0.5
        w, pull = w + size * step, moved
        if np.abs(size * step).max() < 1e-12 * (1.0 + np.abs(w).max()):
            break
    else:
        raise ConvergenceError(
            f"the minimum of the mean loss was not found: A = {w[0]:g}, B = {w[1]:g}"
        )
    margin = jnp.asarray((w[0] * x[0] + w[1] * x[1]).ravel())
    bend = lambda m: loss.slopes(m)[1]  # noqa: E731
    third = jax.jvp(bend, (margin,), (jnp.ones_like(margin),))[1]
    third = np.reshape(third, x[0].shape)
    bent = kept.mean(second)
    noise = kept.mean(first * first) / bent**2
    force = [
        kept.mean(a * first * second) / bent - 0.5 * noise * kept.mean(a * third)
        for a in x
    ]
    a, b = w
    da, db = np.linalg.solve(hessian(second), np.array(force) - ridge * w)
    slope = (2.0 * b * db + noise) / a**2 - 2.0 * b * b * da / a**3
    floor = np.arctan2(abs(b), a) / np.pi
    return LargeLoad(float(floor), (float(a), float(b)), float((b / a) ** 2), slope)


@eager_only
def crossover_load(
    keep_fraction: Any,
    *,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    loss: Any = "logistic",
    ridge: Any = 0.0,
    label_noise: Any,
    flip_probability: Any = 0.0,
) -> float:
    """The alpha_prune beyond which a rule is worse than as many random examples.

    By the law of large loads of this module, to first order in 1/alpha: good where it
    is large, as it is at small noise.  0 where the rule loses at every large load, inf
    where it never does (its floor is 0, at theta = 0).

    Args:
        keep_fraction: f in (0, 1].
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: as in :func:`large_load`, like what follows.
        margin: "absolute" or "signed".
        loss: with a smooth slope.
        ridge: of the objective.
        label_noise: with its strength, above 0.
        flip_probability: of the labels after the noise.

    Raises:
        InputError, ConvergenceError: as :func:`large_load`.
    """
    how = {"loss": loss, "ridge": ridge, "label_noise": label_noise}
    how |= {"flip_probability": flip_probability, "theta": theta}
    own = large_load(keep_fraction, rule=rule, margin=margin, **how)
    other = large_load(1.0, rule="hard", **how)  # of all there is
    if own.weights[0] <= 0:
        return 0.0
    gain, floor = other.slope - own.slope, own.floor_square - other.floor_square
    if gain <= 0:
        return 0.0
    return gain / floor if floor > ROUNDING else np.inf


@eager_only
def noisy_chance_fraction(label_noise: Any, flip_probability: Any = 0.0) -> float:
    """The f at which the hard rule of the signed margin teaches nothing, theta = 0.

    The error is 1/2 there for every loss, ridge and load, and above it for a smaller f:
    as :func:`chance_fraction` for flips.  With the density 2 phi(z) F(z) of the signed
    margin it is where E[z; z < gamma] = 0.  Integrated by parts, of a mixture of
    Gaussians of weights w and scales sigma

        2 F(gamma) exp(-gamma^2/2)
            = 2 (1 - 2 p) sum w Phi(gamma (1 + 1/sigma^2)^(1/2))/(1 + sigma^2)^(1/2).

    As the strength goes to 0 gamma/sigma tends to the root g = 0.8399 of Phi(g) (1 -
    g^2) = g phi(g) for probit, and f to 0.7595 sigma, in proportion to the part of
    wrong labels, arctan(sigma)/pi.

    Args:
        label_noise: with its strength, above 0, as in :func:`solve_convex`.
        flip_probability: p of the labels after the noise.

    Raises:
        InputError: no noise, or a number outside its range.

    Example:
        >>> f"{noisy_chance_fraction('probit:0.5'):.6f}"
        '0.347688'
    """
    noise = _noise(label_noise, flip_probability)
    weights, scales, p = map(np.asarray, noise)

    def pull(gamma: float) -> float:
        whole = np.hypot(1.0, 1.0 / scales)
        inside = np.sum(weights * ndtr(gamma * whole) / np.hypot(1.0, scales))
        here = seen(np.asarray(gamma), noise) * np.exp(-0.5 * gamma**2)
        return float((1.0 - 2.0 * p) * inside - here)

    gamma = root_between(pull, 1e-12, FAR, 1e-14)
    with own_settings(x64=True):
        return float(masses(jnp.asarray(gamma), jnp.zeros(()), noise)[0])
