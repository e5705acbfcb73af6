"""Checks of what a caller gives: one clear line for each way to go wrong."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..numerics.gaussian import density
from ..numerics.precision import traced
from ..numerics.quadrature import panels
from .rule import KNOTS, KeepProbability, Mixture, Rule, Window

HALF_PI = math.pi / 2
SMALLEST = 1e-8  # the least keep fraction that is solved
SMALLEST_RIDGE = 1e-16  # one that is smaller leaves no digits


def as_array(name: str, value: Any) -> np.ndarray:
    """A non-empty float64 array without NaN.

    Raises:
        InputError: not numeric, empty, or NaN somewhere.
    """
    try:
        given = np.asarray(value)
        # V: bfloat16.  None, times and truth values would pass as floats
        if given.dtype.kind == "O" and all(isinstance(x, Real) for x in given.flat):
            pass  # integers beyond 64 bits, fractions
        elif given.dtype.kind not in "fiuV":
            raise TypeError
        array = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{name} must be a real number or an array of them, got {value!r}"
        ) from error
    if array.size == 0:
        raise InputError(f"{name} is empty: give at least one value")
    if np.isnan(array).any():
        raise InputError(f"{name} contains NaN: remove or replace those values")
    return array


def one_number(name: str, value: Any) -> Float[np.ndarray, ""]:
    """A single number, as an array without dimensions.

    Raises:
        InputError: not a number, or more than one.
    """
    array = as_array(name, value)
    if array.size != 1:
        raise InputError(f"{name} must be one number here, got {array.size}")
    return array.reshape(())


def _refuse(name: str, array: np.ndarray, bad: Any, allowed: str) -> None:
    if bad.any():
        raise InputError(f"{name} must be {allowed}, got {array[bad].flat[0]:g}")


def check_load(name: str, array: np.ndarray) -> None:
    """A load is positive and finite."""
    bad = ~(array > 0) | np.isinf(array)
    _refuse(name, array, bad, "positive and finite (examples per input dimension)")


def check_fraction(name: str, array: np.ndarray) -> None:
    """A fraction lies in (0, 1]."""
    _refuse(name, array, ~((array > 0) & (array <= 1)), "in (0, 1]")


def check_theta(array: np.ndarray) -> None:
    """An angle lies in [0, pi/2]; what looks like degrees is said to."""
    bad = ~((array >= 0) & (array <= HALF_PI))
    if bad.any():
        value = array[bad].flat[0]
        hint = ""
        if value > HALF_PI:
            hint = (
                f"; if you meant {value:g} degrees, give numpy.deg2rad({value:g})"
                if value <= 90
                else ""
            )
        raise InputError(f"theta must be in [0, pi/2] radians, got {value:g}{hint}")


def check_flips(array: np.ndarray) -> None:
    """A part of wrong labels lies in [0, 1/2)."""
    bad = ~((array >= 0) & (array < 0.5))
    _refuse("flip_probability", array, bad, "in [0, 1/2)")


def allowed_ridge(ridge: Any) -> Any:
    """Where a ridge can be solved, for NumPy arrays and inside a trace."""
    return (ridge >= SMALLEST_RIDGE) & (ridge < math.inf)


def check_ridge(array: np.ndarray, otherwise: str = "") -> None:
    """A ridge is finite and not too small; ``otherwise`` names what else may be."""
    allowed = f"finite and at least {SMALLEST_RIDGE:g}{otherwise}"
    _refuse("ridge", array, ~allowed_ridge(array), allowed)


def check_rule(
    rule: Rule, keep_fraction: np.ndarray | None, margin: str = "signed"
) -> None:
    """The parameters of a rule fit each other and the keep fraction.

    A keep-probability of the absolute margin need not exist below 0.
    """
    if isinstance(rule, KeepProbability):
        if keep_fraction is not None:
            raise InputError(
                "keep_fraction follows from a KeepProbability rule: leave it out"
            )
        with jax.enable_x64(True):
            _check_probability(rule, -8.0 if margin == "signed" else 0.0)
        return
    if keep_fraction is None:
        raise InputError("keep_fraction is missing: give the kept part of the pool")
    if isinstance(rule, Window):
        lower = as_array("Window.lower", rule.lower)
        _refuse("Window.lower", lower, ~((lower >= 0) & (lower < 1)), "in [0, 1)")
        try:
            lower, fraction = np.broadcast_arrays(lower, keep_fraction)
        except ValueError:
            raise InputError(
                f"shapes do not broadcast: Window.lower {lower.shape}, keep_fraction "
                f"{keep_fraction.shape}"
            ) from None
        bad = lower + fraction > 1 + 1e-12
        if bad.any():
            raise InputError(
                "Window.lower + keep_fraction must not exceed 1, got "
                f"{lower[bad].flat[0]:g} + {fraction[bad].flat[0]:g}"
            )
    if isinstance(rule, Mixture):
        share = as_array("Mixture.share", rule.share)
        _refuse("Mixture.share", share, ~((share >= 0) & (share <= 1)), "in [0, 1]")


def check_untraced(rule: Rule, keep_fraction: Any, margin: str) -> None:
    """What can be told of a rule inside a transformation, where f may be traced."""
    if traced(rule):
        if keep_fraction is None:
            raise InputError("keep_fraction is missing: give the kept part of the pool")
        return
    some = None if keep_fraction is None else np.full((), SMALLEST)
    if keep_fraction is not None and not traced(keep_fraction):
        some = as_array("keep_fraction", keep_fraction)
    with jax.ensure_compile_time_eval():
        check_rule(rule, some, margin)


def _check_probability(rule: KeepProbability, least: float) -> None:
    """A keep-probability stays in [0, 1], on a grid of margins from ``least`` on."""
    if not callable(rule.function) or not np.isfinite(rule.breakpoints).all():
        raise InputError(
            "KeepProbability takes a function of one margin and finite breakpoints, "
            f"got {rule.function!r} and {rule.breakpoints!r}"
        )
    margins = np.linspace(least, 8.0, 1601)
    try:
        values = np.asarray(jax.vmap(rule.function)(jnp.asarray(margins)))
    except Exception as error:  # whatever a user's function raises
        raise InputError(
            "a keep-probability must be a JAX function of one margin (written with "
            f"jax.numpy, jnp.where in place of if), got a {type(error).__name__} from "
            "it"
        ) from error
    if values.shape != margins.shape or values.dtype.kind not in "fiub":
        raise InputError(
            "a keep-probability must map one margin to one real number, got "
            f"{values.dtype} of shape {values.shape[1:]}"
        )
    bad = ~((values >= -1e-12) & (values <= 1 + 1e-12))
    if bad.any():
        raise InputError(
            f"a keep-probability must be in [0, 1], got {values[bad][0]:g} "
            f"at margin {margins[bad][0]:g}"
        )
    if not (values > 0).any():
        raise InputError("the keep-probability keeps nothing: it is 0 everywhere")
    edges = np.array(sorted({0.0, 8.0, *KNOTS, *map(abs, rule.breakpoints)}))
    if least < 0:
        edges = np.concatenate([-edges[:0:-1], edges])
    few, more = (_mass(rule, edges, n) for n in (12, 20))
    if abs(few - more) > 1e-6 * more:
        raise InputError(
            "a keep-probability jumps or bends where it does not say so (its mass is "
            f"{few:.7g} or {more:.7g}): name those margins in breakpoints=(...)"
        )


def _mass(rule: KeepProbability, edges: np.ndarray, n: int) -> float:
    """The kept mass of a normal margin, with n nodes a panel."""
    z, weight = panels(jnp.asarray(edges), n)
    return float(jnp.sum(weight * density(z) * jax.vmap(rule.function)(z)))
