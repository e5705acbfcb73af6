"""The front door of the theory: a student's error for any load, fraction and angle."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..errors import InputError, unknown_name
from ..numerics.precision import eager_only, require_x64, staged, traced
from ..rules.inputs import (
    HALF_PI,
    as_array,
    check_fraction,
    check_load,
    check_rule,
    check_theta,
    check_untraced,
)
from ..rules.rule import KeepProbability, Rule, check_margin, fits, resolve_rule
from .batches import solve_many
from .saddle_point import Inputs, Mode, point
from .solution import Solution, Status, VersionSpace, describe, raise_if_unsolved

STUDENTS = ("max_margin", "gibbs", "bayes_point", "bayes_optimal")


def solve(
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    theta: Any = 0.0,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str = "max_margin",
    throw: bool = True,
) -> Solution:
    r"""The error of a student trained to maximal margin on pruned data, N -> inf.

    Solves the saddle-point equations of :mod:`perceptron_theory.students.max_margin`
    (Sorscher et al. 2022, App. A) in float64.  Arguments broadcast like NumPy arrays.

    Args:
        alpha_prune: kept examples per dimension, in [1e-3, 1e6].
        alpha_tot: examples of the pool per dimension; give one of the two.
        keep_fraction: f in (0, 1] (solved down to 1e-8); not for a
            :class:`KeepProbability` rule, which implies it.
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: "hard", "easy", "random" or a rule object.
        margin: "absolute" (|P.x|) or "signed" (y P.x): which margin the rule ranks by.
        student: "max_margin"; "gibbs", "bayes_point" (:mod:`.version_space`); or
            "bayes_optimal" (:mod:`.bayes_optimal`), which knows the rule and at theta >
            0 the probe and its angle too.  At theta = 0 the probe is the teacher and
            stays hidden, so that this student's error jumps there: as theta -> 0 it is
            at most theta/pi, and not that at theta = 0, whose derivative with respect
            to theta is given as 0.
        throw: raise where a point does not converge; else see ``status``.

    Returns:
        A :class:`Solution` (:class:`VersionSpace` for its students) whose fields have
        the broadcast shape: NumPy arrays from an eager call, JAX arrays inside a
        transformation, where a point that does not converge gives NaN and its status.
        ``jax.grad`` of ``error``, ``overlap``, ``probe_overlap`` and ``margin`` with
        respect to the load, ``keep_fraction`` and ``theta`` is exact (implicit
        differentiation).

    Raises:
        InputError: an argument outside its range, unknown names, shapes that do not
            broadcast, or not exactly one load.
        ConvergenceError: a point that did not converge (eager, ``throw=True``).
        PrecisionError: inside jit, vmap or grad with x64 off.

    Example:
        >>> sol = solve(alpha_prune=3.0, keep_fraction=0.1, theta=0.0)
        >>> f"{sol.error:.7f}"
        '0.0175676'
    """
    rule = resolve_rule(rule)
    check_margin(margin)
    if student not in STUDENTS:
        raise unknown_name("student", student, STUDENTS)
    if (alpha_prune is None) == (alpha_tot is None):
        raise InputError("give exactly one of alpha_prune and alpha_tot")
    total = alpha_prune is None
    load = alpha_tot if total else alpha_prune
    if traced(load, keep_fraction, theta, rule) or staged():
        require_x64("perceptron_theory.solving.front_door")
        return _traced(load, keep_fraction, theta, rule, margin, total, student)
    with jax.enable_x64(True):
        name = "alpha_tot" if total else "alpha_prune"
        return _eager(name, load, keep_fraction, theta, rule, margin, student, throw)


def _traced(
    load: Any,
    fraction: Any,
    theta: Any,
    rule: Rule,
    margin: str,
    total: bool,
    student: str,
) -> Solution:
    """Inside a transformation: one program, NaN where the inputs are not valid."""
    check_untraced(rule, fraction, margin)
    fraction = 1.0 if fraction is None else fraction
    leaves, tree = jax.tree.flatten(rule)
    values = [jnp.asarray(x, dtype=jnp.float64) for x in (load, fraction, theta)]
    values += [jnp.asarray(x, dtype=jnp.float64) for x in leaves]
    values = jnp.broadcast_arrays(*values)
    # theta known to be nowhere, or everywhere, zero needs one branch only
    known = None if traced(theta) else np.asarray(theta) == 0
    branches = (True, False) if known is None else tuple({bool(k) for k in known.flat})
    one = _program(margin, total, student, branches, tree)
    for _ in range(values[0].ndim):
        one = jax.vmap(one)
    return one(*values)


@lru_cache
def _program(
    margin: str, total: bool, student: str, branches: tuple[bool, ...], tree: Any
) -> Any:
    """One point inside a transformation; compiled once, also under an eager grad."""

    def one(load, fraction, theta, *leaves):
        valid = (load > 0) & (load < jnp.inf) & (fraction > 0) & (fraction <= 1)
        valid = valid & (theta >= 0) & (theta <= HALF_PI)
        valid = valid & fits(jax.tree.unflatten(tree, leaves), fraction)
        safe = lambda x, other: jnp.where(valid, x, other)  # noqa: E731
        inputs = Inputs(safe(load, 1.0), safe(fraction, 1.0), safe(theta, 0.0))
        rule = jax.tree.unflatten(tree, [safe(leaf, 0.0) for leaf in leaves])
        modes = [Mode(margin, line, total, student) for line in branches]
        states = [point(inputs, rule, mode) for mode in modes]
        state = states[0]
        if len(branches) == 2:
            line = (inputs.theta == 0) == branches[0]
            state = jax.tree.map(partial(jnp.where, line), *states)
        status = jnp.where(state.found, Status.CONVERGED, Status.NOT_CONVERGED)
        status = jnp.where(valid, status, Status.INVALID_INPUT)
        return describe(inputs, state, status, total, student)

    return jax.jit(one)


def _eager(
    name: str,
    load: Any,
    fraction: Any,
    theta: Any,
    rule: Rule,
    margin: str,
    student: str,
    throw: bool,
) -> Solution:
    load, theta = as_array(name, load), as_array("theta", theta)
    check_load(name, load)
    check_theta(theta)
    if fraction is not None:
        fraction = as_array("keep_fraction", fraction)
        check_fraction("keep_fraction", fraction)
    check_rule(rule, fraction, margin)
    fraction = np.ones(()) if fraction is None else fraction
    leaves, tree = jax.tree.flatten(rule)
    leaves = [np.asarray(x, dtype=np.float64) for x in leaves]
    try:
        shape = np.broadcast_shapes(
            *(x.shape for x in (load, fraction, theta, *leaves))
        )
    except ValueError as error:
        shapes = f"{name} {load.shape}, keep_fraction {fraction.shape}"
        raise InputError(
            f"shapes do not broadcast: {shapes}, theta {theta.shape}"
        ) from error
    flat = [np.broadcast_to(x, shape).ravel() for x in (load, fraction, theta, *leaves)]
    aligned = flat[2] == 0
    fields: dict[str, np.ndarray] = {}
    for on_line in (True, False):
        chosen = aligned if on_line else ~aligned
        if not chosen.any():
            continue
        part = [x[chosen] for x in flat]
        here = jax.tree.unflatten(tree, part[3:])
        mode = Mode(margin, on_line, name == "alpha_tot", student)
        out = solve_many(Inputs(*part[:3]), here, mode)  # pyright: ignore
        for key, values in vars(out).items():
            fields.setdefault(key, np.empty(len(aligned), values.dtype))[chosen] = (
                values
            )
    kind = Solution if student == "max_margin" else VersionSpace
    solution = kind(**{k: v.reshape(shape)[()] for k, v in fields.items()})
    if throw:
        names = "alpha_prune", "keep_fraction", "theta", "residual"
        raise_if_unsolved(solution, names)
    return solution


@eager_only
def threshold(
    keep_fraction: Any, *, theta: Any = 0.0, rule: str | Rule = "hard", **options: Any
) -> Float[np.ndarray, "*batch"] | float:
    """The margin gamma at which "hard" or "easy" keep a fraction f; see thresholds."""
    from ..rules.thresholds import kept_pieces

    margin = check_margin(options.pop("margin", "absolute"))
    if options:
        raise InputError(f"threshold takes no argument {next(iter(options))!r}")
    rule = resolve_rule(rule)
    if isinstance(rule, KeepProbability):
        raise InputError("a KeepProbability rule has no threshold")
    fraction, theta = as_array("keep_fraction", keep_fraction), as_array("theta", theta)
    check_fraction("keep_fraction", fraction)
    check_theta(theta)
    check_rule(rule, fraction, margin)
    end = 0 if rule == resolve_rule("easy") else 1
    leaves, tree = jax.tree.flatten(rule)
    leaves = [np.asarray(x, dtype=np.float64) for x in leaves]
    try:
        values = np.broadcast_arrays(fraction, theta, *leaves)
    except ValueError as error:
        raise InputError(
            f"shapes do not broadcast: keep_fraction {fraction.shape}, theta "
            f"{theta.shape}"
        ) from error

    def one(f: Float[Array, ""], t: Float[Array, ""], *own: Any) -> Float[Array, ""]:
        here = jax.tree.unflatten(tree, own)
        return kept_pieces(here.cells(f), t, margin).ends[0, end]

    with jax.enable_x64(True):
        found = jax.vmap(one)(*(jnp.ravel(x) for x in values))
        return np.asarray(found).reshape(values[0].shape)[()]
