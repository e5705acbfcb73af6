"""A student trained with a convex loss and a ridge on pruned data, N -> inf.

The equations are in :mod:`.convex_equations`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import jax
import numpy as np

from .batches import _in_batches
from .convex_equations import Setting, point
from .errors import ConvergenceError, InputError
from .inputs import as_array, check_fraction, check_load, check_rule, check_theta
from .losses import Loss, check_smooth, resolve_loss
from .rules import Rule, check_margin, resolve_rule
from .saddle_point import Inputs, Mode
from .solution import Count, Status, Value

SIZES = {True: (1, 8), False: (1, 8)}  # points in a compiled batch


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ConvexSolution:
    """A student of a convex loss; every field has the broadcast shape of the inputs.

    Attributes:
        alpha_prune: kept examples per dimension.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: f, the kept part of the pool.
        theta: angle between teacher and probe, radians.
        ridge: lambda.
        flip_probability: part of the labels that is wrong.
        error: arccos(R)/pi, the probability of a wrong answer (on true labels); above
            1/2 where wrong labels prevail among the kept ones.
        overlap: R = w.T/|w|.
        probe_overlap: rho = w.P/|w|.
        weights: (A, B, r): w along T, along T_perp, and the length of the rest.
        response: V; 1/N times the trace of the inverse Hessian of the objective over N.
        residual: the largest miss of the four equations (in units of r; that of A times
            1 + |a|).
        status: a :class:`Status`, 0 where the point converged.
        iterations: evaluations of the equations.
    """

    alpha_prune: Value
    alpha_tot: Value
    keep_fraction: Value
    theta: Value
    ridge: Value
    flip_probability: Value
    error: Value
    overlap: Value
    probe_overlap: Value
    weights: tuple[Value, Value, Value]
    response: Value
    residual: Value
    status: Count
    iterations: Count


@lru_cache(maxsize=64)
def _compiled(setting: Setting) -> Any:
    return jax.jit(jax.vmap(partial(point, setting=setting)))


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
    equations at the top of this file in float64.  Arguments broadcast like NumPy
    arrays.  Eager only: no derivatives.

    Args:
        alpha_prune: kept examples per dimension.
        alpha_tot: examples of the pool per dimension; give one of the two.
        keep_fraction: f in (0, 1]; not for a :class:`KeepProbability` rule.
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: "hard", "easy", "random" or a rule object.
        margin: "absolute" (|P.x|) or "signed" (y P.x).
        loss: "logistic", "hinge", "squared_hinge", "square"
            (:mod:`perceptron_theory.losses`), or a convex JAX function of one margin
            with a derivative.  Its second derivative may jump only at the margins
            0, +-1, +-2, +-4, +-8 (elsewhere the result loses digits).
        ridge: positive.
        flip_probability: of every label of the pool, before pruning, in [0, 1/2); the
            signed margin is y P.x with the wrong label (:mod:`.noisy_pieces`).
        throw: raise where a point does not converge; else see ``status``.

    Raises:
        InputError: an argument outside its range, a loss that is not finite, not
            convex, not falling at margin 0 or without a derivative.
        ConvergenceError: a point that did not converge (``throw=True``).

    Example:
        >>> student = solve_convex(
        ...     alpha_prune=2.0, keep_fraction=0.5, theta=np.deg2rad(20), ridge=0.1
        ... )
        >>> f"{student.error:.8f}"
        '0.25375867'
    """
    rule, function = resolve_rule(rule), resolve_loss(loss)
    check_margin(margin)
    if not isinstance(loss, str):
        check_smooth(function)
    if (alpha_prune is None) == (alpha_tot is None):
        raise InputError("give exactly one of alpha_prune and alpha_tot")
    name = "alpha_prune" if alpha_tot is None else "alpha_tot"
    load = as_array(name, alpha_prune if alpha_tot is None else alpha_tot)
    check_load(name, load)
    angle, ridge = as_array("theta", theta), as_array("ridge", ridge)
    check_theta(angle)
    if not ((ridge > 0) & (ridge < np.inf)).all():
        bad = ridge[~((ridge > 0) & (ridge < np.inf))][0]
        raise InputError(f"ridge must be positive and finite, got {bad:g}")
    flipped = as_array("flip_probability", flip_probability)
    if not ((flipped >= 0) & (flipped < 0.5)).all():
        bad = flipped[~((flipped >= 0) & (flipped < 0.5))][0]
        raise InputError(f"flip_probability must be in [0, 1/2), got {bad:g}")
    fraction = np.ones(())
    if keep_fraction is not None:
        fraction = as_array("keep_fraction", keep_fraction)
        check_fraction("keep_fraction", fraction)
    check_rule(rule, None if keep_fraction is None else fraction)
    leaves, tree = jax.tree.flatten(rule)
    leaves = [np.asarray(x, dtype=np.float64) for x in leaves]
    values = load, fraction, angle, ridge, flipped, *leaves
    try:
        values = np.broadcast_arrays(*values)
    except ValueError as error:
        raise InputError(
            f"shapes do not broadcast: {', '.join(str(x.shape) for x in values)}"
        ) from error
    shape, flat = values[0].shape, [x.ravel() for x in values]
    x, count = np.empty((flat[0].size, 4)), flat[0].size
    residual, kept = np.empty((2, count))
    steps, found = np.zeros(count, int), np.zeros(count, bool)
    for on_line in (True, False):
        here = (flat[2] == 0) == on_line
        if not here.any():
            continue
        part = [v[here] for v in flat]
        mode = Mode(margin, on_line, name == "alpha_tot")
        program = _compiled(Setting(function, mode))
        some = jax.tree.unflatten(tree, part[5:])
        arguments = Inputs(*part[:3]), *part[3:5], some  # pyright: ignore
        root = _in_batches(program, SIZES[on_line], *arguments)
        x[here], residual[here], steps[here] = root.x, root.residual, root.steps
        found[here], kept[here] = root.found, root.fraction
    total = flat[0] if name == "alpha_tot" else flat[0] / kept
    solution = _describe(flat, total, x, residual, steps, found, kept)
    if throw and not found.all():
        i = int(np.argmin(found))
        raise ConvergenceError(
            f"{(~found).sum()} of {count} points did not converge, the first at "
            f"alpha_prune = {total[i] * kept[i]:.17g}, keep_fraction = {kept[i]:.17g}, "
            f"theta = {flat[2][i]:.17g}, ridge = {flat[3][i]:.17g}, flip_probability = "
            f"{flat[4][i]:.17g}; throw=False "
            "returns the others and a status for each point"
        )
    return jax.tree.map(lambda v: v.reshape(shape)[()], solution)


def _describe(flat, total, x, residual, steps, found, kept) -> ConvexSolution:
    """The quantities of a :class:`ConvexSolution` from the unknowns of many points."""
    _, _, theta, ridge, flipped, *_ = flat
    x = np.where(found[:, None], x, np.nan)
    r, a, b = np.exp(x[:, 0]), np.sinh(x[:, 1]), x[:, 2]
    length = np.sqrt(a * a + b * b + 1.0)
    return ConvexSolution(
        alpha_prune=total * kept,
        alpha_tot=total,
        keep_fraction=kept,
        theta=theta,
        ridge=ridge,
        flip_probability=flipped,
        error=np.arctan2(np.hypot(b, 1.0), a) / np.pi,
        overlap=a / length,
        probe_overlap=(np.cos(theta) * a + np.sin(theta) * b) / length,
        weights=(r * a, r * b, r),
        response=np.exp(x[:, 3]),
        residual=residual,
        status=np.where(found, Status.CONVERGED, Status.NOT_CONVERGED),
        iterations=steps,
    )
