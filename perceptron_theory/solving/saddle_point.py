r"""One point of the theory from its inputs: thresholds, root, accuracy, derivatives.

:func:`settle` finds the root from a start and :func:`sure_start` makes a start that is
always good; they are separate so that only the few points that need it go the longer
way.  :func:`point` runs both in one trace, with the exact derivative.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..numerics.implicit import all_zero, once, step_along, still
from ..numerics.quadrature import Weights, line_moments
from ..rules.rule import KNOTS, Cells, KeepProbability, Rule
from ..rules.table import levels_change
from ..rules.thresholds import Pieces, kept_pieces
from ..students import bayes_optimal, version_space, version_space_start
from ..students.max_margin import Problem, Unknowns, corner, over_kept, residual
from ..students.newton import Equations, Root, follow, guess, newton
from ..students.sensitivity import sensitivity

COARSE = (6, 10)  # nodes a panel along z and y: 1e-4 or better, to follow a path
FINE = (12, 16)  # ... and 1e-10 or better, to settle the root
LONG = 30  # steps from the guess before the path is taken
UNKNOWNS = {"max_margin": 3, "gibbs": 4, "bayes_point": 4}  # of a State


class Inputs(NamedTuple):
    """A point as :func:`solve` takes it; ``keep_fraction`` is unused for some rules."""

    alpha: Float[Array, ""]
    keep_fraction: Float[Array, ""]
    theta: Float[Array, ""]


class Mode(NamedTuple):
    """What is fixed at compile time."""

    margin: str
    on_line: bool  # theta = 0
    total: bool  # alpha is alpha_tot
    student: str = "max_margin"


class Start(NamedTuple):
    """Where to search: log a, b/a, tau, the last unknown; steps taken so far.

    Scalars in a trace, NumPy arrays of many points outside.
    """

    log_a: Any
    ratio: Any
    tau: Any
    slack: Any
    steps: Any


class State(NamedTuple):
    """(log a, b, ...) of the student, and how it was found.

    The third is tau = 1/r, or log Delta and E ln Phi follow (:mod:`.version_space`).
    ``rates`` are their derivatives with respect to the three inputs; ``slack`` is the
    last unknown; ``panels`` measures the work of an evaluation.
    """

    value: Float[Array, " m"]
    rates: Float[Array, "m 3"]
    slack: Float[Array, ""]
    panels: Int[Array, ""]
    fraction: Float[Array, ""]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]


def _function_pieces(rule: KeepProbability, margin: str) -> Pieces:
    """Panels for a keep-probability given as a function of the margin."""
    points = {abs(b) for b in rule.breakpoints} | set(KNOTS) | {0.0, float("inf")}
    edges = jnp.array(sorted(points))
    n = len(points) - 1
    inner, outer = jnp.tile(edges[:-1], 2), jnp.tile(edges[1:], 2)
    ends = jnp.stack([edges[:-1], edges[1:]], axis=1)
    sign = jnp.repeat(jnp.array([1.0, -1.0]), n)
    return Pieces(sign, inner, outer, jnp.ones(2 * n), ends)


def build(inputs: Inputs, rule: Rule, mode: Mode) -> tuple[Problem, Cells | None]:
    """The problem behind the inputs, and d(cells)/df (None if f is not an input)."""
    alpha, f, theta = inputs
    cos, sin = jnp.ones(()), jnp.zeros(())
    if not mode.on_line:
        cos, sin = jnp.cos(theta), jnp.sin(theta)
    if isinstance(rule, KeepProbability):
        fold = jnp.abs if mode.margin == "absolute" else lambda z: z
        keep = lambda z: jax.vmap(rule.function)(fold(z))  # noqa: E731
        pieces = _function_pieces(rule, mode.margin)
        problem = Problem(alpha, jnp.ones(()), cos, sin, pieces, keep)
        none, one = jnp.zeros(()), jnp.ones(())
        flat = Weights(none, none, one, corner(problem))

        def mass(lines: Any) -> tuple[Float[Array, " k"]]:
            if not mode.on_line:
                return (line_moments(lines, flat, FINE[1]).one[0],)
            return (lines.weight,)

        (f,), _ = over_kept(problem, flat, FINE[0], mode.on_line, mass, 1)
        rate = None
        problem = problem._replace(keep_fraction=f)
    else:
        cells, rate = jax.jvp(rule.cells, (f,), (jnp.ones_like(f),))
        problem = Problem(alpha, f, cos, sin, kept_pieces(cells, theta, mode.margin))
    if mode.total:
        problem = problem._replace(alpha_prune=alpha * f)
    return problem, rate


def sure_start(
    inputs: Inputs, rule: Rule, mode: Mode, needed: bool | Bool[Array, ""] = True
) -> Start:
    """A start from the path that begins at small load, where ``needed``."""
    if mode.student == "bayes_optimal":  # its search is global and needs no start
        return nowhere()
    problem, _ = build(inputs, rule, mode)
    guesses = {"max_margin": guess}
    first = guesses.get(mode.student, version_space_start.guess)
    first = partial(first, on_line=mode.on_line)
    # close to alpha = 2 the version space is so thin that rough nodes lead astray
    thin = mode.on_line and mode.student != "max_margin"
    path = follow(problem, _equations(mode, FINE if thin else COARSE), first, needed)
    missing = jnp.full((), jnp.nan)
    x = path.x
    return Start(x[0], x[1], missing, jnp.where(path.found, x[2], missing), path.steps)


def nowhere() -> Start:
    """No start."""
    missing = jnp.full((), jnp.nan)
    return Start(missing, missing, missing, missing, jnp.zeros((), int))


def _equations(mode: Mode, n: tuple[int, int]) -> Equations:
    students = {"max_margin": residual}
    function = students.get(mode.student, version_space.residual)
    return partial(function, n=n, on_line=mode.on_line)


def settle(
    start: Start,
    max_steps: int | Int[Array, ""],
    inputs: Inputs,
    rule: Rule,
    mode: Mode,
    contraction: float = 0.0,
) -> State:
    """The root from a start (NaN: from a guess), and its derivatives.

    Of relative accuracy ``contraction``, that of the root about its square.
    """
    problem, rate = build(inputs, rule, mode)
    if rate is not None and not levels_change(rule):
        rate = rate._replace(level=None)  # constant
    equations = _equations(mode, FINE)
    mass_rate = None
    if isinstance(rule, KeepProbability) and mode.margin == "signed":
        at = lambda theta: build(inputs._replace(theta=theta), rule, mode)[0]  # noqa: E731
        mass = lambda theta: at(theta).keep_fraction  # noqa: E731
        mass_rate = jax.jvp(mass, (inputs.theta,), (jnp.ones(()),))[1]
    if mode.student == "max_margin":
        x = _start(start, problem, mode)
        root = newton(x, problem, equations, max_steps, 3e-8, contraction)
        value, rates = _max_margin(root, problem, rate, mode)
    elif mode.student == "bayes_optimal":
        top, value, rates = bayes_optimal.solved(
            problem, rule, rate, mass_rate, mode.margin, mode.on_line, max_steps
        )
        root = top.as_root()
    else:
        last = jnp.where(jnp.isnan(start.tau), start.slack, start.tau)
        x = jnp.stack([start.log_a, start.ratio, last])
        cold = jnp.any(jnp.isnan(x))
        x = jnp.where(cold, version_space_start.guess(problem, mode.on_line, cold), x)
        root = newton(x, problem, equations, max_steps, 3e-8)
        value, rates = version_space.solved(
            root, problem, rate, mass_rate, mode.margin, FINE, mode.on_line
        )
    # close to a threshold a rounding of the residual moves the root by more than that
    found = root.found | (root.residual < 1e-14)
    # log alpha_prune -> the alpha that was given
    by_load = rates[:, 0]
    if mode.total and not isinstance(rule, KeepProbability):
        rates = rates.at[:, 1].add(by_load / problem.keep_fraction)
    rates = rates.at[:, 0].set(by_load / inputs.alpha)
    found = found & jnp.all(jnp.isfinite(value))
    fraction, steps = problem.keep_fraction, start.steps + root.steps
    end = root.residual, steps, found
    return State(value, rates, root.x[2], root.panels, fraction, *end)


def _start(start: Start, problem: Problem, mode: Mode) -> Unknowns:
    """Where to search for the max-margin student."""
    z, _ = corner(problem)
    # tau is smooth in the inputs, but so large if the corner is far out that only the
    # slack there is of use
    slack = jnp.where((z == 0) & ~jnp.isnan(start.tau), start.tau, start.slack)
    x = jnp.stack([start.log_a, start.ratio, slack])
    return jnp.where(jnp.any(jnp.isnan(x)), guess(problem, mode.on_line), x)


def _max_margin(
    root: Root, problem: Problem, rate: Cells | None, mode: Mode
) -> tuple[Float[Array, " 3"], Float[Array, "3 3"]]:
    """(log a, b, tau) and d/d(log alpha_prune, keep_fraction, theta)."""
    z, y = corner(problem)
    x, a, ratio = root.x, jnp.exp(root.x[0]), root.x[1]
    c, s = problem.cos_theta, problem.sin_theta
    u, v = c * z + s * y, s * z - c * y
    tau = x[2] + a * (u + ratio * v)
    moved = sensitivity(
        x, problem, root.first, root.jacobian, rate, mode.margin, FINE, mode.on_line
    )
    # from (p, w, t) at a fixed corner to (log a, b, tau); theta turns the axes too
    rows = jnp.array([[c, s, 0.0], [s, -c, 0.0], [z, y, 1.0]])
    turn = jnp.array([-a * ratio, a, 0.0])
    rates = rows @ moved + turn[:, None] * jnp.array([0.0, 0.0, 1.0])
    return jnp.stack([x[0], a * ratio, tau]), rates.at[0].divide(a)


def _state(inputs: Inputs, rule: Rule, mode: Mode) -> State:
    """The root from the guess or, where that fails, from the end of the path."""
    if mode.student == "bayes_optimal":
        return settle(nowhere(), LONG, inputs, rule, mode)

    # a loop, to compile what a round does only once
    def attempt(state: tuple[Int[Array, ""], State]) -> tuple[Int[Array, ""], State]:
        tries, _ = state
        start = sure_start(inputs, rule, mode, tries == 1)
        return tries + 1, settle(start, LONG, inputs, rule, mode)

    none, zero, m = jnp.zeros((), int), jnp.zeros(()), UNKNOWNS[mode.student]
    root = zero, none, zero, zero, none, jnp.asarray(False)
    state = State(jnp.zeros(m), jnp.zeros((m, 3)), *root)
    go_on = lambda state: (state[0] < 2) & ~state[1].found  # noqa: E731
    return jax.lax.while_loop(go_on, attempt, (none, state))[1]


_once = once("perceptron_theory.solving.front_door")


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def point(inputs: Inputs, rule: Rule, mode: Mode) -> State:
    """The saddle point for one set of inputs; exact first derivatives."""
    return _state(inputs, rule, mode)


@partial(point.defjvp, symbolic_zeros=True)
def _point_jvp(mode, primals, tangents):
    inputs, rule = jax.tree.map(lambda x: x, primals)
    moved, rule_moved = tangents
    if not all_zero(rule_moved):
        raise NotImplementedError(
            "derivatives with respect to a rule's own parameter are not available: "
            "differentiate with respect to alpha, keep_fraction or theta"
        )
    state = point(inputs, rule, mode)
    rates = _once(state.rates, inputs)
    return state, still(state)._replace(value=rates @ step_along(moved))
