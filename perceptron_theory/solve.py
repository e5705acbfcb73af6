"""The front door of the theory: a student's error for any load, fraction and angle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.spatial import cKDTree

from .errors import ConvergenceError, InputError, unknown_name
from .inputs import (
    HALF_PI,
    as_array,
    check_fraction,
    check_load,
    check_rule,
    check_theta,
)
from .precision import require_x64, traced
from .rules import KeepProbability, Rule, check_margin, resolve_rule
from .saddle_point import (
    LONG,
    Inputs,
    Mode,
    Start,
    State,
    point,
    settle,
    sure_start,
)
from .solution import Solution, Status

STUDENTS = ("max_margin",)
# points in a compiled batch: few sizes, few compilations
SIZES = {True: (1, 32, 1024), False: (1, 32)}  # at theta = 0 a point is little work
FEW, SHORT = 5, 8  # steps in a batch before those that need more are taken apart
WORKERS = 2


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

    Solves the saddle-point equations of :mod:`perceptron_theory.max_margin` (Sorscher
    et al. 2022, App. A) in float64.  Arguments broadcast like NumPy arrays.

    Args:
        alpha_prune: kept examples per dimension, in [1e-3, 1e6].
        alpha_tot: examples of the pool per dimension; give one of the two.
        keep_fraction: f in (0, 1] (solved down to 1e-8); not for a
            :class:`KeepProbability` rule, which implies it.
        theta: angle of teacher and probe in radians, [0, pi/2].
        rule: "hard", "easy", "random" or a rule object.
        margin: "absolute" (|P.x|) or "signed" (y P.x): which margin the rule ranks by.
        student: "max_margin".
        throw: raise where a point does not converge; else see ``status``.

    Returns:
        A :class:`Solution` whose fields have the broadcast shape: NumPy arrays from an
        eager call, JAX arrays inside a transformation, where a point that does not
        converge gives NaN and its status.  ``jax.grad`` of ``error``, ``overlap``,
        ``probe_overlap`` and ``margin`` with respect to the load, ``keep_fraction`` and
        ``theta`` is exact (implicit differentiation).

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
    if traced(load, keep_fraction, theta, rule):
        require_x64("perceptron_theory.solve")
        return _traced(load, keep_fraction, theta, rule, margin, total)
    with jax.enable_x64(True):
        name = "alpha_tot" if total else "alpha_prune"
        return _eager(name, load, keep_fraction, theta, rule, margin, throw)


def _traced(
    load: Any, fraction: Any, theta: Any, rule: Rule, margin: str, total: bool
) -> Solution:
    """Inside a transformation: one program, NaN where the inputs are not valid."""
    if isinstance(rule, KeepProbability) and fraction is not None:
        raise InputError("keep_fraction follows from a KeepProbability rule")
    fraction = 1.0 if fraction is None else fraction
    leaves, tree = jax.tree.flatten(rule)
    values = [jnp.asarray(x, dtype=jnp.float64) for x in (load, fraction, theta)]
    values += [jnp.asarray(x, dtype=jnp.float64) for x in leaves]
    values = jnp.broadcast_arrays(*values)
    # theta known to be nowhere, or everywhere, zero needs one branch only
    known = None if traced(theta) else np.asarray(theta) == 0
    branches = (True, False) if known is None else tuple({bool(k) for k in known.flat})
    one = _program(margin, total, branches, tree)
    for _ in range(values[0].ndim):
        one = jax.vmap(one)
    return one(*values)


@lru_cache
def _program(margin: str, total: bool, branches: tuple[bool, ...], tree: Any) -> Any:
    """One point inside a transformation; compiled once, also under an eager grad."""

    def one(load, fraction, theta, *leaves):
        valid = (load > 0) & (load < jnp.inf) & (fraction > 0) & (fraction <= 1)
        valid = valid & (theta >= 0) & (theta <= HALF_PI)
        safe = lambda x, other: jnp.where(valid, x, other)  # noqa: E731
        inputs = Inputs(safe(load, 1.0), safe(fraction, 1.0), safe(theta, 0.0))
        rule = jax.tree.unflatten(tree, leaves)
        states = [point(inputs, rule, Mode(margin, line, total)) for line in branches]
        state = states[0]
        if len(branches) == 2:
            line = (inputs.theta == 0) == branches[0]
            state = jax.tree.map(partial(jnp.where, line), *states)
        status = jnp.where(state.found, Status.CONVERGED, Status.NOT_CONVERGED)
        status = jnp.where(valid, status, Status.INVALID_INPUT)
        return describe(inputs, state, status, total)

    return jax.jit(one)


def describe(inputs: Inputs, state: State, status: Any, total: bool) -> Solution:
    """The quantities of a :class:`Solution` from a saddle point, for one point."""
    log_a, b, tau = state.value
    a = jnp.exp(log_a)
    noise = jnp.hypot(1.0, b)
    length = jnp.hypot(a, noise)
    c, s = jnp.cos(inputs.theta), jnp.sin(inputs.theta)
    good = status == Status.CONVERGED
    keep = lambda x: jnp.where(good, x, jnp.nan)  # noqa: E731
    fraction = state.fraction
    load = inputs.alpha
    # d(angle) = (a d(noise) - noise da)/length^2 with d(noise) = b db/noise
    rates = jax.lax.stop_gradient(state.rates)
    turn = (a * b / noise * rates[1] - noise * a * rates[0]) / length**2
    angle = jnp.arctan2(noise, a)
    at = jnp.stack([load, inputs.keep_fraction, inputs.theta])
    condition = jnp.sum(jnp.abs(jax.lax.stop_gradient(turn * at / angle)))
    return Solution(
        alpha_prune=load * fraction if total else load,
        alpha_tot=load if total else load / fraction,
        keep_fraction=fraction,
        theta=inputs.theta,
        error=keep(angle / jnp.pi),
        overlap=keep(a / length),
        probe_overlap=keep((c * a + s * b) / length),
        margin=keep(tau / length),
        residual=state.residual,
        status=status,
        iterations=state.steps,
        condition=keep(condition),
    )


def _nearby(
    at: Inputs, rule: Rule, known: np.ndarray, state: State
) -> tuple[Start, np.ndarray]:
    """Starts extrapolated from the nearest of the ``known`` points that were found.

    Also the work an evaluation took there.
    """
    features = [np.log(x) for x in at if (x > 0).all()] + jax.tree.leaves(rule)
    features = np.stack(features, axis=1)
    known = known[state.found[known]]
    distance, nearest = cKDTree(features[known]).query(features)
    near = known[nearest]
    (log_a, b, tau), rates = state.value[near].T, state.rates[near]
    ratio = b * np.exp(-log_a)
    step = np.stack(
        [x * np.log(x / x[near] if x.all() else np.ones_like(x)) for x in at], axis=1
    )
    grown, more_b, more_tau = np.einsum("nij,nj->in", rates, step)
    far = (distance > 1.0) | (np.abs(grown) > 1.0)
    log_a = np.where(far, np.nan, log_a + grown)
    ratio = ratio + more_b * np.exp(-state.value[near, 0]) - ratio * grown
    start = Start(log_a, ratio, tau + more_tau, state.slack[near], 0 * nearest)
    return start, state.panels[near]


@lru_cache
def _compiled(stage: str, mode: Mode) -> Any:
    stages = {"sure": sure_start, "settle": settle}
    return jax.jit(jax.vmap(partial(stages[stage], mode=mode)))


@lru_cache
def _described(total: bool) -> Any:
    def one(inputs, state):
        status = jnp.where(state.found, Status.CONVERGED, Status.NOT_CONVERGED)
        return describe(inputs, state, status, total)

    return jax.jit(jax.vmap(one))


def _in_batches(function: Any, sizes: tuple[int, ...], *arguments: Any) -> Any:
    """A vmapped function on any number of points, in batches of a few fixed sizes."""
    count = len(jax.tree.leaves(arguments)[0])
    size = next((s for s in sizes if s >= count), sizes[-1])

    def run(start: int) -> Any:
        index = np.minimum(np.arange(start, start + size), count - 1)
        with jax.enable_x64(True):
            out = function(*jax.tree.map(lambda x: x[index], arguments))
            return jax.tree.map(np.asarray, out)

    starts = range(0, count, size)
    if len(starts) == 1:
        parts = [run(0)]
    else:
        first = run(0)  # compile once, not once a thread
        with ThreadPoolExecutor(WORKERS) as pool:
            parts = [first, *pool.map(run, starts[1:])]
    return jax.tree.map(lambda *x: np.concatenate(x)[:count], *parts)


def _group(load: Any, fraction: Any, theta: Any, rule: Rule, mode: Mode) -> Solution:
    """Solve flat arrays of points that share a mode.

    Of many points a few are solved first; the others start next to them (which at
    theta = 0 costs more than it saves).
    """
    at, count = (Inputs(load, fraction, theta), rule), len(load)
    state = None
    order = np.random.default_rng(0).permutation(count)
    rounds = [] if mode.on_line else [r for r in (count // 64, count // 8) if r >= 64]
    for begin, end in pairwise([0, *rounds, count]):
        todo = np.sort(order[begin:end])
        if state is None:
            start = _nowhere(count)
        else:
            start, work = _nearby(*at, order[:begin], state)
            # the points of a batch wait for each other: put like with like
            todo = todo[np.argsort(work[todo], kind="stable")]
        part = _search(*jax.tree.map(lambda x: x[todo], (start, *at)), mode)
        if state is None:
            state = jax.tree.map(
                lambda x: np.zeros((count, *x.shape[1:]), x.dtype), part
            )
        for whole, piece in zip(state, part, strict=True):
            whole[todo] = piece
    return _in_batches(_described(mode.total), SIZES[True], at[0], state)


def _search(start: Start, inputs: Inputs, rule: Rule, mode: Mode) -> State:
    """The roots, and for the few that take long more and more steps, to be sure.

    First from the start, then from a guess, at last by the path.
    """
    count, sizes = len(start.steps), SIZES[mode.on_line]
    state = _settled(start, np.full(count, FEW), inputs, rule, mode)
    for stage in ("on", "guess", "sure"):
        rest = np.nonzero(~state.found)[0]
        if not rest.size:
            break
        some = jax.tree.map(lambda x: x[rest], (inputs, rule))
        log_a, b, tau = state.value[rest].T
        again = Start(log_a, b * np.exp(-log_a), tau, state.slack[rest], 0 * rest)
        if stage == "guess":
            again = _nowhere(rest.size)
        elif stage == "sure":
            again = _in_batches(_compiled("sure", mode), sizes, *some)
        again = again._replace(steps=again.steps + state.steps[rest])
        limit = np.full(rest.size, SHORT if stage == "on" else LONG)
        for whole, piece in zip(
            state, _settled(again, limit, *some, mode), strict=True
        ):
            whole[rest] = piece
    return state


def _nowhere(count: int) -> Start:
    return Start(*np.full((4, count), np.nan), np.zeros(count, int))


def _settled(
    start: Start, max_steps: np.ndarray, inputs: Inputs, rule: Rule, mode: Mode
) -> State:
    settle, sizes = _compiled("settle", mode), SIZES[mode.on_line]
    return _in_batches(settle, sizes, start, max_steps, inputs, rule)


def _eager(
    name: str,
    load: Any,
    fraction: Any,
    theta: Any,
    rule: Rule,
    margin: str,
    throw: bool,
) -> Solution:
    load, theta = as_array(name, load), as_array("theta", theta)
    check_load(name, load)
    check_theta(theta)
    if fraction is not None:
        fraction = as_array("keep_fraction", fraction)
        check_fraction("keep_fraction", fraction)
    check_rule(rule, fraction)
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
        mode = Mode(margin, on_line, name == "alpha_tot")
        out = _group(*part[:3], here, mode)
        for key, values in vars(out).items():
            fields.setdefault(key, np.empty(len(aligned), values.dtype))[chosen] = (
                values
            )
    solution = Solution(**{k: v.reshape(shape)[()] for k, v in fields.items()})
    if throw:
        _raise_if_unsolved(solution)
    return solution


def _raise_if_unsolved(solution: Solution) -> None:
    status = np.asarray(solution.status)
    bad = status != Status.CONVERGED
    if not bad.any():
        return
    first = tuple(i[0] for i in np.nonzero(bad)) if bad.ndim else ()
    at = {
        key: float(np.asarray(getattr(solution, key))[first])
        for key in ("alpha_prune", "keep_fraction", "theta", "residual")
    }
    where = ", ".join(f"{key} = {value:.17g}" for key, value in at.items())
    raise ConvergenceError(
        f"{bad.sum()} of {bad.size} points did not converge, the first at {where}; "
        "throw=False returns the others and a status for each point"
    )


def threshold(
    keep_fraction: Any, *, theta: Any = 0.0, rule: str | Rule = "hard", **options: Any
) -> Float[np.ndarray, "*batch"] | float:
    """The margin gamma at which "hard" or "easy" keep a fraction f; see thresholds."""
    from .thresholds import kept_pieces

    margin = check_margin(options.pop("margin", "absolute"))
    if options:
        raise InputError(f"threshold takes no argument {next(iter(options))!r}")
    rule = resolve_rule(rule)
    if isinstance(rule, KeepProbability):
        raise InputError("a KeepProbability rule has no threshold")
    fraction, theta = as_array("keep_fraction", keep_fraction), as_array("theta", theta)
    check_fraction("keep_fraction", fraction)
    check_theta(theta)
    check_rule(rule, fraction)
    end = 0 if rule == resolve_rule("easy") else 1
    with jax.enable_x64(True):

        def one(f: Float[Array, ""], t: Float[Array, ""]) -> Float[Array, ""]:
            return kept_pieces(rule.cells(f), t, margin).ends[0, end]

        values = jax.vmap(one)(
            *(jnp.ravel(x) for x in np.broadcast_arrays(fraction, theta))
        )
        shape = np.broadcast_shapes(fraction.shape, theta.shape)
        return np.asarray(values).reshape(shape)[()]
