"""Inputs of any covariance, with the field that labels them and the one that selects.

What the theory needs of them is the spectrum of the covariance Sigma and, in its
eigenbasis, the covariances of the inputs with two fields of unit variance: u, whose
sign is the label, and z, by which the rule selects (:mod:`.spectrum`).  Neither field
has to be linear in the inputs: a label with a part that the features do not show, such
as the noise of an annotator, has smaller covariances.
"""

from __future__ import annotations

from typing import Any, Self

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..numerics.checks import as_array, check_theta, one_number, refuse, shown
from ..numerics.precision import traced
from .spectrum import ROUNDING, Spectrum

ALIKE = 1e-14  # of 1 - cosine: a probe that is the label
DIGITS = 1e-13  # what is left of 1 - 1


@jax.tree_util.register_pytree_node_class
class Inputs:
    """Inputs that are not isotropic, for :func:`perceptron_theory.solve_convex`.

    Args:
        eigenvalues: (N,) of the covariance Sigma, of the whole pool and not of what is
            kept; positive.  Their scale is yours: the ridge is that of
            (N ridge/2) |w|^2 in the same units.
        label: (N,) covariances of the inputs with the field u of unit variance whose
            sign is the label, in the eigenbasis: of a teacher T with T.Sigma T = 1
            eigenvalue times component.
        probe: (N,) the same with the probe's field z, also of unit variance.
        cosine: the covariance of the two fields, in [0, 1].

    Attributes:
        eigenvalues, label: as they are given.
        across: (N,) covariances with v, what the probe's field has beside the label's:
            z = cosine u + sqrt(1 - cosine^2) v.
        theta: the angle whose cosine is ``cosine``.

    Raises:
        InputError: shapes that differ, values that are not finite, eigenvalues that are
            not positive, a cosine outside [0, 1], or covariances that no two fields of
            unit variance and this cosine can have (the part of u that is linear in the
            inputs has the variance sum of label^2/eigenvalue, at most 1).

    Example:
        >>> import perceptron_theory as pt
        >>> inputs = pt.Inputs(
        ...     eigenvalues=[1.5, 0.5], label=[1.2, 0.1], probe=[0.9, 0.4], cosine=0.8
        ... )
        >>> sol = pt.solve_convex(
        ...     alpha_prune=2.0, keep_fraction=0.5, ridge=0.1, inputs=inputs
        ... )
        >>> f"{sol.error:.8f}"
        '0.17783850'
    """

    eigenvalues: Any
    label: Any
    across: Any
    theta: Any

    def __init__(self, eigenvalues: Any, label: Any, probe: Any, cosine: Any) -> None:
        given = eigenvalues, label, probe, cosine
        if traced(given):
            eigenvalues, label, probe, c = (jnp.asarray(x, jnp.float64) for x in given)
            s = jnp.sqrt((1.0 - c) * (1.0 + c))
            across = jnp.where(s > 0, (probe - c * label) / jnp.where(s > 0, s, 1), 0.0)
            self._set(eigenvalues, label, across, jnp.arctan2(s, c))
            return
        eigenvalues, label = _checked(eigenvalues, label=label)
        _, probe = _checked(eigenvalues, probe=probe)
        c = float(one_number("cosine", cosine))
        if not -ROUNDING <= c <= 1.0 + ROUNDING:
            hint = ": turn the probe round, -probe and -cosine" if -1 <= c < 0 else ""
            raise InputError(f"cosine must be in [0, 1], got {c:g}{hint}")
        _check_possible(eigenvalues, label, probe, c)
        c = min(max(c, 0.0), 1.0)
        s = 0.0 if 1.0 - c <= ALIKE else np.sqrt((1.0 - c) * (1.0 + c))
        across = (probe - c * label) / s if s else np.zeros_like(label)
        self._set(eigenvalues, label, across, np.arctan2(s, c))

    def _set(self, eigenvalues: Any, label: Any, across: Any, theta: Any) -> None:
        self.eigenvalues, self.label = eigenvalues, label
        self.across, self.theta = across, theta

    @classmethod
    def of_directions(
        cls, eigenvalues: Any, label: Any, across: Any, theta: Any
    ) -> Self:
        """Inputs whose probe's field is cos(theta) u + sin(theta) v.

        Args:
            eigenvalues: (N,) of the covariance.
            label: (N,) covariances with u.
            across: (N,) covariances with v, of unit variance and uncorrelated with u.
            theta: the angle in radians, [0, pi/2].

        Raises:
            InputError: as the class itself.
        """
        if not traced(eigenvalues, label, across):
            eigenvalues, label = _checked(eigenvalues, label=label)
            _, across = _checked(eigenvalues, across=across)
            _check_possible(eigenvalues, label, across, 0.0)
        if not traced(theta):
            theta = one_number("theta", theta)
            check_theta(theta)
            theta = np.float64(theta)
        made = object.__new__(cls)
        made._set(eigenvalues, label, across, theta)
        return made

    @classmethod
    def isotropic(cls, theta: Any = 0.0) -> Self:
        """The old setting: independent inputs of variance one, a teacher and a probe.

        Args:
            theta: their angle in radians, [0, pi/2].
        """
        return cls.of_directions(np.ones(2), [1.0, 0.0], [0.0, 1.0], theta)

    @classmethod
    def from_covariance(cls, covariance: Any, teacher: Any, probe: Any) -> Self:
        """Inputs whose label is sign(teacher.x), selected by the probe's field probe.x.

        Args:
            covariance: (N, N) of the inputs, positive definite.
            teacher: (N,) of any length but zero: only the direction counts.
            probe: (N,) the same.

        Raises:
            InputError: a covariance that is not square, symmetric, finite and positive
                definite; vectors of another length, or zero; a probe at more than a
                right angle to the teacher in the metric of the covariance.
        """
        sigma = as_array("covariance", covariance)
        if sigma.ndim != 2 or sigma.shape[0] != sigma.shape[1]:
            raise InputError(f"covariance must be square, got shape {sigma.shape}")
        refuse("covariance", sigma, ~np.isfinite(sigma), "finite")
        if not np.allclose(sigma, sigma.T, rtol=1e-8, atol=1e-12 * abs(sigma).max()):
            raise InputError(
                "covariance must be symmetric: take (covariance + covariance.T)/2 if "
                "it is so but for rounding"
            )
        values, basis = np.linalg.eigh(0.5 * (sigma + sigma.T))
        least = len(values) * np.finfo(float).eps * values[-1]
        if not values[0] > least:
            raise InputError(
                f"covariance must be positive definite, got the eigenvalue "
                f"{values[0]:.3g} beside {values[-1]:.3g}: leave out constant and "
                "dependent inputs, or add a small multiple of the unit matrix"
            )
        _, one = _checked(values, teacher=teacher)
        _, other = _checked(values, probe=probe)
        one, other = basis.T @ one, basis.T @ other
        for name, vector in (("teacher", one), ("probe", other)):
            if not np.any(vector):
                raise InputError(f"{name} must not be zero")
        one, other = _unit(values, one), _unit(values, other)
        c = (values * one) @ other
        rest = other - c * one
        s = np.sqrt(values @ rest**2)
        if c < 0 and s < 1.0 - ALIKE:
            raise InputError(
                "probe must be at most at a right angle to the teacher, got the "
                f"cosine {c:g}: give -probe"
            )
        alike = s <= ALIKE
        across = np.zeros_like(rest) if alike else rest / s
        theta = 0.0 if alike else min(np.arctan2(s, c), np.pi / 2)
        return cls.of_directions(values, values * one, values * across, theta)

    @classmethod
    def power_law(
        cls,
        size: int,
        exponent: float,
        *,
        teacher: float = 0.0,
        theta: Any = 0.0,
        seed: int = 0,
    ) -> Self:
        """Inputs whose eigenvalues fall as a power of their number.

        Args:
            size: N.
            exponent: of the eigenvalues, k^-exponent scaled to mean one.
            teacher: of the teacher's components, k^-teacher with random signs.  The
                probe is turned from it by ``theta`` in the metric of the covariance,
                towards a direction of the same law.
            theta: the angle in radians, [0, pi/2].
            seed: of the signs.

        Raises:
            InputError: a size below 2, or exponents that leave no finite numbers.
        """
        count = float(one_number("size", size))
        if count != int(count) or not 2 <= count <= 1e7:
            raise InputError(f"size must be a whole number of at least 2, got {size}")
        powers = [one_number("exponent", exponent), one_number("teacher", teacher)]
        k = np.arange(1.0, count + 1.0)
        with np.errstate(all="ignore"):
            values, components = (k ** -float(power) for power in powers)
            values = values / values.mean()
            signs = np.random.default_rng(seed).choice([-1.0, 1.0], (2, len(k)))
            one, other = signs * components
            one = _unit(values, one)
            other = _unit(values, other - (values * one) @ other * one)
        every = np.concatenate([values, one, other])
        if not np.isfinite(every).all() or not (values > 0).all():
            raise InputError(
                f"exponent = {exponent} and teacher = {teacher} leave no finite "
                f"numbers at size {size}"
            )
        return cls.of_directions(values, values * one, values * other, theta)

    def at_angle(self, theta: Any) -> Self:
        """The same inputs with the probe turned in the plane of the two fields.

        The error of a student can be differentiated by this angle with ``jax.grad``.

        Raises:
            InputError: the probe is the label itself, so that there is no plane.
        """
        if not traced(self.across) and not np.any(self.across):
            if traced(theta) or np.any(np.asarray(theta) != self.theta):
                raise InputError(
                    "the probe shows nothing in the inputs beside the label, so that "
                    "there is no plane to turn it in: use Inputs.of_directions"
                )
        return self.of_directions(self.eigenvalues, self.label, self.across, theta)

    @property
    def cosine(self) -> Any:
        """The covariance of the label's and the probe's field."""
        return jnp.cos(self.theta) if traced(self.theta) else float(np.cos(self.theta))

    @property
    def probe(self) -> Any:
        """(N,) covariances of the inputs with the probe's field."""
        xp = jnp if traced(self.theta, self.label, self.across) else np
        return xp.cos(self.theta) * self.label + xp.sin(self.theta) * self.across

    def __repr__(self) -> str:
        return f"Inputs(N={np.shape(self.eigenvalues)[0]}, theta={self.theta})"

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """The numbers, for JAX."""
        return (self.eigenvalues, self.label, self.across, self.theta), None

    @classmethod
    def tree_unflatten(cls, _: None, leaves: tuple[Any, ...]) -> Self:
        """The inputs of these numbers, for JAX."""
        made = object.__new__(cls)
        made._set(*leaves)
        return made


def _checked(
    eigenvalues: Any, **vector: Any
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Positive eigenvalues, and a vector of as many numbers."""
    ((name, given),) = vector.items()
    values, array = as_array("eigenvalues", eigenvalues), as_array(name, given)
    if values.ndim != 1 or array.shape != values.shape:
        raise InputError(
            f"eigenvalues and {name} must be arrays of one length N, got shapes "
            f"{values.shape} and {array.shape}"
        )
    bad = ~(np.isfinite(values) & (values > 0))
    allowed = "positive and finite (leave out directions without variance)"
    refuse("eigenvalues", values, bad, allowed)
    refuse(name, array, ~np.isfinite(array), "finite")
    return values, array


def _unit(
    values: Float[np.ndarray, " n"], vector: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """The vector whose field has unit variance, in the direction of another."""
    return vector / np.sqrt(values @ vector**2)


def _check_possible(
    values: Float[np.ndarray, " n"],
    label: Float[np.ndarray, " n"],
    probe: Float[np.ndarray, " n"],
    cosine: float,
) -> None:
    """What of the two fields is not linear in the inputs has variances >= 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        own, other = label @ (label / values), probe @ (probe / values)
        both = label @ (probe / values)
    for name, part in (("label", own), ("probe", other)):
        if not part <= 1.0 + ROUNDING:
            raise InputError(
                f"{name} must belong to a field of unit variance: the sum of "
                f"{name}^2/eigenvalue is at most 1, got {part:.10g}; divide {name} by "
                "the field's standard deviation"
            )
    hidden = np.array([[1.0 - own, cosine - both], [cosine - both, 1.0 - other]])
    if np.linalg.eigvalsh(hidden)[0] < -ROUNDING:
        raise InputError(
            f"cosine = {cosine:.10g} is inconsistent with label and probe, which share "
            f"the covariance {both:.10g} within the inputs and leave {1.0 - own:.3g} "
            f"and {1.0 - other:.3g} of their variances outside of them: give the "
            "covariance of the two fields"
        )


def spectrum_of(inputs: Inputs) -> Spectrum:
    """What the equations need of some inputs, eagerly or inside a trace.

    Raises:
        InputError: they are of another class.
    """
    if not isinstance(inputs, Inputs):
        raise InputError(f"inputs must be an object of pt.Inputs, got {shown(inputs)}")
    own = inputs.eigenvalues, inputs.label, inputs.across
    xp: Any = jnp if traced((own, inputs.theta)) else np
    values, u, v = (xp.asarray(x) for x in own)
    shares = xp.stack([u * u, u * v, v * v]) / values
    hidden = np.array([1.0, 0.0, 1.0]) - shares.sum(axis=1)
    # rounding of 1 - 1, larger where the probe all but follows the label
    sine = xp.maximum(xp.sin(inputs.theta), 1e-150)
    unit = DIGITS * xp.stack([xp.ones(()), 1.0 / sine, 1.0 / sine**2])
    fixed = jax.lax.stop_gradient(hidden) if xp is jnp else hidden
    hidden = xp.where(abs(fixed) < unit, hidden - fixed, hidden)
    return Spectrum(values / values.mean(), shares, hidden, values.mean())
