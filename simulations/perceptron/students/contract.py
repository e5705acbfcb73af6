"""What a student is: its contract, its results, and what all students share.

A student is a function from signed examples and keys to unit weights and a certificate:
it trains on every set of a batch, each with a random stream of its own, and says of
each whether it did what it claims.  Ours are instances like any other: an object of a
user's own that has the parts of :class:`Student` can be simulated, swept and validated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from numpy.typing import ArrayLike

from perceptron_theory import InputError
from perceptron_theory.numerics.checks import in_float64, is_real, refuse_masked
from perceptron_theory.numerics.precision import own_settings, traced

from ..hardware.devices import spread
from ..naming import function_name, require, settle, whole_number


@dataclass(frozen=True)
class Trained:
    """What a student made of a batch of training sets."""

    weights: Float[np.ndarray, "batch N"]
    """Unit vectors; NaN where there is no student."""
    certificate: Float[np.ndarray, " batch"]
    """Proves that the student did what it claims: see ``certificate_name``."""
    done: Bool[np.ndarray, " batch"]
    """Whether it reached its goal."""
    columns: dict[str, Float[np.ndarray, " batch"]]
    """Further results of each set.  The mean error of many students of a set, where it
    is known, is called ``mean_error``: statistics are then made of it."""


@runtime_checkable
class Student(Protocol):
    """Anything that trains on a batch of sets of signed examples y x.

    A student whose law at infinite N is known has one more part, the method ``theory``:
    called as ``theory(alpha_prune=, keep_fraction=, theta=, rule=, margin=)`` with
    arrays of one shape (a ``KeepProbability`` comes without ``keep_fraction``), it
    returns an object whose ``error`` is an array of that shape.  Validations compare
    with it.
    """

    @property
    def name(self) -> str:
        """The student with all its settings, which tells results in files apart."""
        ...

    @property
    def certificate_name(self) -> str:
        """What ``Trained.certificate`` is."""
        ...

    @property
    def padding(self) -> str:
        """What may be added to a set without a change.

        It is "repeat" (its own examples again) or "zero" (rows of zeros), and brings
        sets of unequal size to one shape.
        """
        ...

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Train on every set.

        Args:
            examples: signed examples, at least one a set.
            key: JAX keys of shape (batch,).
        """
        ...


PADDINGS = ("repeat", "zero")


def missing_parts(student: object) -> list[str]:
    """The parts of the contract that an object lacks, by name."""
    names = ("name", "certificate_name", "padding")
    lacking = [part for part in names if not isinstance(getattr(student, part, 0), str)]
    return lacking if callable(student) else [*lacking, "__call__"]


class Named:
    """A dataclass whose name lists its settings."""

    def __init_subclass__(cls, called: str) -> None:
        cls.called = called

    called: str

    def _settings(self) -> dict[str, object]:
        return dict(vars(self))

    def _whole(self, setting: str, least: int = 1) -> None:
        """Make a setting an int; refuse what is none, or too small."""
        settle(self, whole_number, setting)
        number = getattr(self, setting)
        require(number >= least, f"{setting} must be at least {least}", number)

    @property
    def name(self) -> str:
        """The kind of student with its settings, as in "gibbs(samples=100)"."""
        settings = ", ".join(f"{k}={_text(v)}" for k, v in self._settings().items())
        return f"{self.called}({settings})" if settings else self.called


def _text(value: object) -> str:
    if callable(value):  # a user's loss
        return function_name(value)
    return str(value)


def _shape(name: str, values: ArrayLike) -> tuple[int, ...]:
    """That of an array; () for rows of different lengths.

    Raises:
        InputError: some of the entries are masked.
    """
    refuse_masked(name, values)
    try:
        return np.shape(values)
    except ValueError:
        return ()


def check_sets(signed_examples: ArrayLike) -> tuple[int, ...]:
    """The shape of the examples; an InputError if not (..., P, N), finite, unmasked."""
    shape = _shape("signed_examples", signed_examples)
    if len(shape) < 2 or 0 in shape:
        raise InputError(
            "signed_examples must have shape (..., P, N) with at least one example, "
            f"got {f'shape {shape}' if shape else 'a number, or rows of other lengths'}"
        )
    if traced(signed_examples):
        return shape
    numbers = np.asarray(signed_examples)
    if numbers.dtype != bool and not is_real(numbers.dtype):
        raise InputError(f"signed_examples must be real numbers, got {numbers.dtype}")
    bad = ~np.isfinite(in_float64(numbers))
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"signed_examples must be finite real numbers, got {bad.sum()} NaN or "
            f"infinite numbers, the first at index {where}"
        )
    return shape


def check_keys(key: Array) -> None:
    """Raise an InputError for keys that are not made by ``jax.random.key``."""
    dtype = getattr(key, "dtype", type(key))
    if not jnp.issubdtype(dtype, jax.dtypes.prng_key):
        raise InputError(f"key must be made by jax.random.key, got {dtype}")


def check_batch(examples: np.ndarray, key: Array) -> None:
    """An InputError unless examples are a batch of sets of numbers, keys one a set."""
    shape = _shape("examples", examples)
    good = len(shape) == 3 and 0 not in shape
    require(good, "examples must have shape (batch, P, N)", shape)
    check_keys(key)
    if key.shape != shape[:1]:
        raise InputError(
            f"one key a set is needed, shape {shape[:1]}, got keys of shape {key.shape}"
        )
    check_sets(examples)


def call_compiled(function, examples, key, *numbers, **static) -> dict[str, np.ndarray]:
    """Call a compiled function in float64; its fields by name, as NumPy arrays."""
    with own_settings(x64=True):
        numbers = (0.0 if x is None else x for x in numbers)
        batched = np.asarray(examples, np.float64), key
        found = spread(function, batched, *numbers, **static)
        return {name: np.asarray(x) for name, x in found._asdict().items()}


def angle_to_teacher(
    weights: Float[np.ndarray, "*batch N"],
) -> Float[np.ndarray, "*batch"]:
    """Angle of weights of any length and the teacher e_1, in radians.

    The arc tangent keeps all digits of a small angle.
    """
    return np.arctan2(np.linalg.norm(weights[..., 1:], axis=-1), weights[..., 0])


def unit(weights: Float[np.ndarray, "batch N"]) -> Float[np.ndarray, "batch N"]:
    """The weights at length one; NaN for zeros."""
    largest = np.abs(weights).max(axis=1, keepdims=True)
    usable = (largest > 0) & np.isfinite(largest)
    scaled = weights / np.where(usable, largest, np.nan)  # squares do not overflow
    return scaled / np.linalg.norm(scaled, axis=1, keepdims=True)
