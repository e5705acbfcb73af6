r"""Laws of label noise: how a label depends on the teacher's field.

The label of an example is that of a teacher with a part that the features do not show,

    y = sign(u + strength n),      u = T.x,

n symmetric and independent of x.  So Prob(y = +1 | u) = F(u/strength), F the
distribution function of n: an example next to the teacher's boundary has a wrong label
in one case of two, one far from it hardly ever.

A law is told as a mixture of Gaussians, n = scale times a standard normal, with a scale
that is drawn for each example:

- probit: one scale, F = Phi;
- logistic: F(t) = 1/(1 + exp(-t)), where the scale is 2 K and K has Kolmogorov's law
  (Andrews & Mallows, J. R. Stat. Soc. B 36, 99, 1974).  Its density falls off faster
  than any power on either side, so that the trapezoidal rule in ln K converges quickly:
  with 12 scales F is right to 1e-9 everywhere.

Flips, a label that is wrong with the same probability everywhere, are the law of
:mod:`.wrong_labels`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..errors import InputError, unknown_name
from ..numerics.checks import refuse
from ..numerics.precision import traced

STRONGEST = 1e3  # in units of the spread of u: nothing of the teacher is left
# where K is cut, by the weight on either side
LOGISTIC = 0.28, 2.7, 12


class NoiseShape(NamedTuple):
    """A law of strength one: Gaussians of some scales; the weights sum to one."""

    weights: tuple[float, ...]
    scales: tuple[float, ...]


@dataclass(frozen=True)
class LabelNoise:
    """The contract of a law of label noise: a frozen dataclass that brings its shape.

    A law of one's own derives from this class and writes :meth:`shape`.  It is taken
    wherever a name is.

    Args:
        strength: in units of the standard deviation of the teacher's field u = T.x; a
            number or an array that broadcasts with the other inputs.  0: no noise.

    Example:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Sloppy(LabelNoise):
        ...     '''One label in ten comes from somebody with ten times the noise.'''
        ...     def shape(self):
        ...         return NoiseShape((0.9, 0.1), (1.0, 10.0))
        >>> Sloppy(0.2).name
        'sloppy'
    """

    strength: Any

    def shape(self) -> NoiseShape:
        """The law of strength one as a mixture of Gaussians."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The law as tables and messages call it."""
        return type(self).__name__.lower()

    @property
    def law(self) -> LabelNoise:
        """The law without its strength: what a compiled program is made for."""
        return replace(self, strength=None)


@dataclass(frozen=True)
class Probit(LabelNoise):
    """Gaussian noise: y = sign(u + strength n), n a standard normal.

    Equal to a teacher of whose field the features show only a part; Prob(y = +1 | u) =
    Phi(u/strength).
    """

    def shape(self) -> NoiseShape:
        return NoiseShape((1.0,), (1.0,))


@dataclass(frozen=True)
class Logistic(LabelNoise):
    """Logistic regression's labels: Prob(y = +1 | u) = 1/(1 + exp(-u/strength))."""

    def shape(self) -> NoiseShape:
        return _logistic()


@dataclass(frozen=True)
class Flips(LabelNoise):
    """Labels that are wrong with one probability everywhere, ``strength`` in [0, 1/2).

    The same as ``flip_probability``.
    """


@lru_cache
def _logistic() -> NoiseShape:
    """The mixture whose distribution function is 1/(1 + exp(-t))."""
    low, high, count = LOGISTIC
    k = np.geomspace(low, high, count)
    weights = kolmogorov_density(k) * k
    weights = weights / weights.sum()
    return NoiseShape(tuple(weights.tolist()), tuple((2.0 * k).tolist()))


def kolmogorov_density(k: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The density of Kolmogorov's law, by whichever of its two series converges fast.

    Of 1 - 2 sum_j (-1)^(j-1) exp(-2 j^2 k^2) = sqrt(2 pi)/k sum_j exp(-a_j/k^2), a_j =
    (2 j - 1)^2 pi^2/8.
    """
    j = np.arange(1.0, 12.0)[:, None]
    sign = np.where(j % 2 == 1, 1.0, -1.0)
    wide = 8.0 * k * np.sum(sign * j**2 * np.exp(-2.0 * (j * k) ** 2), axis=0)
    a = (2.0 * j - 1.0) ** 2 * np.pi**2 / 8.0
    terms = np.exp(-a / k**2) * (2.0 * a / k**4 - 1.0 / k**2)
    return np.where(k < 1.0, np.sqrt(2.0 * np.pi) * np.sum(terms, axis=0), wide)


def noisy_angle(law: LabelNoise | None, strength: Any, theta: Any) -> Any:
    """The angle of which theta/pi is the chance that a probe contradicts a noisy label.

    A label is one of a teacher in more dimensions, at a larger angle to the probe: of a
    Gaussian part of scale s at arccos(cos(theta)/sqrt(1 + (strength s)^2)).

    Args:
        law: of the noise, without its strength; None for none.
        strength: in units of the spread of the teacher's field.
        theta: angle of teacher and probe in radians, [0, pi/2].
    """
    if law is None:
        return theta
    xp: Any = jnp if traced(strength, theta) else np
    parts = [
        weight * xp.arccos(xp.cos(theta) / xp.sqrt(1.0 + (strength * scale) ** 2))
        for weight, scale in zip(*law.shape(), strict=True)
    ]
    return sum(parts)


LABEL_NOISE: dict[str, type[LabelNoise]] = {
    "probit": Probit,
    "logistic": Logistic,
    "flips": Flips,
}


def resolve_label_noise(label_noise: Any, strength: Any = None) -> LabelNoise | None:
    """The law behind a name and a strength; an object is returned as it is.

    None is no noise.  A name may bring its strength with it, "probit:0.5".

    Raises:
        InputError: an unknown name, a strength too many or none, or an object that
            lacks a part of the contract.
    """
    if label_noise is None:
        if strength is not None and (traced(strength) or np.any(np.asarray(strength))):
            raise InputError(
                f"noise_strength = {strength!r} belongs to a law of label noise: give "
                f"label_noise, one of {', '.join(map(repr, LABEL_NOISE))}"
            )
        return None
    if isinstance(label_noise, str):
        name, _, number = label_noise.partition(":")
        if name not in LABEL_NOISE:
            raise unknown_name("label_noise", name, LABEL_NOISE)
        if number:
            if strength is not None:
                raise InputError(
                    f"label_noise {label_noise!r} has its strength: leave out "
                    "noise_strength"
                )
            strength = _number(label_noise, number)
        if strength is None:
            raise InputError(
                f"label_noise {name!r} needs a strength: give noise_strength, or "
                f"perceptron_theory.{LABEL_NOISE[name].__name__}(strength)"
            )
        return LABEL_NOISE[name](strength)
    if isinstance(label_noise, type) and issubclass(label_noise, LabelNoise):
        name = label_noise.__name__
        raise InputError(f"label_noise must be an object: call it, {name}(strength)")
    if not isinstance(label_noise, LabelNoise):
        raise InputError(
            f"label_noise must be one of {', '.join(map(repr, LABEL_NOISE))} or an "
            "object such as perceptron_theory.Probit(0.5), of a class derived from "
            f"perceptron_theory.LabelNoise, got {label_noise!r}"
        )
    if strength is not None:
        if label_noise.strength is not None:
            raise InputError(
                f"label_noise {label_noise.name} has its strength: leave out "
                "noise_strength"
            )
        label_noise = replace(label_noise, strength=strength)
    if not isinstance(label_noise, Flips):
        _check_shape(label_noise)
    return label_noise


def check_strength(array: np.ndarray) -> None:
    """A strength lies in [0, 1000]."""
    refuse("noise_strength", array, ~allowed_strength(array), f"in [0, {STRONGEST:g}]")


def allowed_strength(strength: Any) -> Any:
    """Where a strength can be solved, for NumPy arrays and inside a trace."""
    return (strength >= 0) & (strength <= STRONGEST)


def _number(label_noise: str, number: str) -> float:
    try:
        return float(number)
    except ValueError:
        raise InputError(
            f"label_noise {label_noise!r} must be a name and a number, as in "
            "'probit:0.5'"
        ) from None


def _check_shape(noise: LabelNoise) -> None:
    """The shape of a law that somebody else wrote is a mixture of Gaussians."""
    name = type(noise).__name__
    if type(noise).shape is LabelNoise.shape:
        raise InputError(
            f"the label noise {name} lacks shape(): write that method, it returns "
            "perceptron_theory.NoiseShape(weights, scales)"
        )
    weights, scales = (np.asarray(x, float) for x in noise.law.shape())
    good = weights.ndim == 1 and weights.shape == scales.shape and weights.size > 0
    good = good and bool(np.all(weights > 0)) and abs(weights.sum() - 1.0) < 1e-9
    if not (good and np.isfinite(scales).all() and np.all(scales > 0)):
        raise InputError(
            f"the shape of the label noise {name} must be positive weights that sum to "
            f"one and as many positive scales, got {weights.tolist()} and "
            f"{scales.tolist()}"
        )
