"""A student trained with a convex loss and a ridge on pruned data, N -> inf.

The equations are in :mod:`.equations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..errors import InputError
from ..numerics.precision import require_x64, staged, traced
from ..rules.inputs import (
    HALF_PI,
    allowed_ridge,
    as_array,
    check_flips,
    check_fraction,
    check_load,
    check_ridge,
    check_rule,
    check_theta,
    check_untraced,
)
from ..rules.rule import Rule, check_margin, fits, resolve_rule
from ..solving.saddle_point import Inputs, Mode
from ..solving.solution import Status, raise_if_unsolved
from .batches import solve_many
from .equations import Setting
from .losses import Loss, check_smooth, resolve_loss
from .path import Point
from .point import convex_point
from .solution import ConvexSolution, describe


def solve_convex(
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    loss: str | Loss = "logistic",
    ridge: Any,
    flip_probability: Any = 0.0,
    throw: bool = True,
) -> ConvexSolution:
    r"""The student of a convex loss with ridge on pruned data, N -> infinity.

    It minimises sum l(y w.x) + (N ridge/2) |w|^2 over the kept examples.  Solves the
    equations of :mod:`perceptron_theory.convex.equations` in float64.  Arguments
    broadcast like NumPy arrays.

    Args:
        alpha_prune: kept examples per dimension.
        alpha_tot: examples of the pool per dimension; give one of the two.
        keep_fraction: f in (0, 1]; not for a :class:`KeepProbability` rule.
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: "hard", "easy", "random" or a rule object.
        margin: "absolute" (|P.x|) or "signed" (y P.x).
        loss: "logistic", "hinge", "squared_hinge", "square"
            (:mod:`perceptron_theory.convex.losses`), or a convex JAX function of one
            margin with a derivative.  Its second derivative may jump only at the
            margins 0, +-1, +-2, +-4, +-8, +-16, +-32, and must not change too sharply
            between them (what cannot be solved to eight digits is refused).
        ridge: at least 1e-16 (:func:`optimal_ridge` knows the limit).
        flip_probability: of every label of the pool, before pruning, in [0, 1/2); the
            signed margin is y P.x with the wrong label (:mod:`.noisy_pieces`).
        throw: raise where a point does not converge; else see ``status``.

    Returns:
        A :class:`ConvexSolution` whose fields have the broadcast shape: NumPy arrays
        from an eager call, JAX arrays inside a transformation, where a point that does
        not converge gives NaN and its status.  ``jax.grad`` of ``error``, ``overlap``,
        ``probe_overlap``, ``weights`` and ``response`` with respect to the load,
        ``keep_fraction``, ``theta``, ``ridge`` and ``flip_probability`` is exact
        (implicit differentiation; one-sided at f = 1 and at flip_probability = 0).

    Raises:
        InputError: an argument outside its range, a loss that is not finite, not
            convex, not falling at margin 0 or without a derivative.
        ConvergenceError: a point that did not converge (eager, ``throw=True``).
        PrecisionError: inside jit, vmap or grad with x64 off.

    Example:
        >>> student = solve_convex(
        ...     alpha_prune=2.0, keep_fraction=0.5, theta=np.deg2rad(20), ridge=0.1
        ... )
        >>> f"{student.error:.8f}"
        '0.25375867'
    """
    rule = resolve_rule(rule)
    check_margin(margin)
    with jax.ensure_compile_time_eval():
        function = checked_loss(loss)
    if (alpha_prune is None) == (alpha_tot is None):
        raise InputError("give exactly one of alpha_prune and alpha_tot")
    total = alpha_prune is None
    load = alpha_tot if total else alpha_prune
    mode = Mode(margin, False, total)
    values = load, keep_fraction, theta, ridge, flip_probability
    if traced(*values, rule) or staged():
        require_x64("perceptron_theory.solve_convex")
        return _traced(values, rule, function, mode)
    with jax.enable_x64(True):
        return _eager(values, rule, function, mode, throw)


def checked_loss(loss: str | Loss) -> Loss:
    """The function of a loss that the theory can take."""
    function = resolve_loss(loss)
    if not isinstance(loss, str):
        check_smooth(function)
    return function


def _traced(
    values: tuple[Any, ...], rule: Rule, loss: Loss, mode: Mode
) -> ConvexSolution:
    """Inside a transformation: one program, NaN where the inputs are not valid."""
    load, fraction, theta, ridge, flipped = values
    check_untraced(rule, fraction, mode.margin)
    fraction = 1.0 if fraction is None else fraction
    noisy = traced(flipped) or bool(np.any(np.asarray(flipped) != 0))
    leaves, tree = jax.tree.flatten(rule)
    inputs = [load, fraction, theta, ridge, flipped, *leaves]
    inputs = [jnp.asarray(x, dtype=jnp.float64) for x in inputs]
    inputs = jnp.broadcast_arrays(*inputs)
    # theta known to be nowhere, or everywhere, zero needs one branch only
    known = None if traced(theta) else np.asarray(theta) == 0
    branches = (True, False) if known is None else tuple({bool(k) for k in known.flat})
    one = _program(loss, mode, noisy, branches, tree)
    for _ in range(inputs[0].ndim):
        one = jax.vmap(one)
    return one(*inputs)


@lru_cache(maxsize=64)
def _program(
    loss: Loss, mode: Mode, noisy: bool, branches: tuple[bool, ...], tree: Any
) -> Any:
    """One point inside a transformation; compiled once, also under an eager grad."""

    def one(load, fraction, theta, ridge, flipped, *leaves):
        valid = (load > 0) & (load < jnp.inf) & (fraction > 0) & (fraction <= 1)
        valid = valid & (theta >= 0) & (theta <= HALF_PI)
        valid = valid & allowed_ridge(ridge)
        valid = valid & (flipped >= 0) & (flipped < 0.5)
        valid = valid & fits(jax.tree.unflatten(tree, leaves), fraction)
        safe = lambda x, other: jnp.where(valid, x, other)  # noqa: E731
        inputs = Inputs(safe(load, 1.0), safe(fraction, 1.0), safe(theta, 0.0))
        rule = jax.tree.unflatten(tree, [safe(leaf, 0.0) for leaf in leaves])
        point = Point(inputs, safe(ridge, 1.0), safe(flipped, 0.0), rule)
        settings = [Setting(loss, mode._replace(on_line=b), noisy) for b in branches]
        states = [convex_point(point, setting) for setting in settings]
        found = states[0]
        if len(branches) == 2:
            line = (inputs.theta == 0) == branches[0]
            found = jax.tree.map(partial(jnp.where, line), *states)
        status = jnp.where(found.found, Status.CONVERGED, Status.NOT_CONVERGED)
        status = jnp.where(valid, status, Status.INVALID_INPUT)
        return describe(point, found, status, mode.total)

    return jax.jit(one)


def _eager(
    values: tuple[Any, ...], rule: Rule, loss: Loss, mode: Mode, throw: bool
) -> ConvexSolution:
    shape, flat, tree = checked(values, rule, mode)
    parts, places = [], []
    for here, point, setting in split(flat, tree, loss, mode):
        parts.append(solve_many(point, setting))
        places.append(here)
    back = np.argsort(np.concatenate(places))
    join = lambda *x: np.concatenate(x)[back].reshape(shape)[()]  # noqa: E731
    solution = jax.tree.map(join, *parts)
    if throw:
        names = "alpha_prune", "keep_fraction", "theta", "ridge", "flip_probability"
        raise_if_unsolved(solution, names)
    return solution


def checked(
    values: tuple[Any, ...], rule: Rule, mode: Mode
) -> tuple[tuple[int, ...], list[np.ndarray], Any]:
    """The broadcast shape, flat arrays of all inputs, and the tree of the rule.

    ``values`` are load, keep_fraction, theta, ridge and flip_probability.
    """
    name = "alpha_tot" if mode.total else "alpha_prune"
    load, angle = as_array(name, values[0]), as_array("theta", values[2])
    check_load(name, load)
    check_theta(angle)
    ridge = as_array("ridge", values[3])
    flipped = as_array("flip_probability", values[4])
    check_ridge(ridge)
    check_flips(flipped)
    fraction = np.ones(())
    if values[1] is not None:
        fraction = as_array("keep_fraction", values[1])
        check_fraction("keep_fraction", fraction)
    check_rule(rule, None if values[1] is None else fraction, mode.margin)
    leaves, tree = jax.tree.flatten(rule)
    leaves = [np.asarray(x, dtype=np.float64) for x in leaves]
    inputs = load, fraction, angle, ridge, flipped, *leaves
    try:
        inputs = np.broadcast_arrays(*inputs)
    except ValueError as error:
        raise InputError(
            f"shapes do not broadcast: {', '.join(str(x.shape) for x in inputs)}"
        ) from error
    return inputs[0].shape, [x.ravel() for x in inputs], tree


def split(
    flat: list[np.ndarray], tree: Any, loss: Loss, mode: Mode
) -> Iterator[tuple[np.ndarray, Point, Setting]]:
    """The points that share a compiled program: where they are, they, and it."""
    aligned, noisy = flat[2] == 0, flat[4] > 0
    for on_line in (True, False):
        for wrong in (True, False):
            here = np.nonzero((aligned == on_line) & (noisy == wrong))[0]
            if here.size:
                part = [v[here] for v in flat]
                some = jax.tree.unflatten(tree, part[5:])
                point = Point(Inputs(*part[:3]), *part[3:5], some)  # pyright: ignore
                yield here, point, Setting(loss, mode._replace(on_line=on_line), wrong)
