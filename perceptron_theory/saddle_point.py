r"""One point of the theory from its inputs: thresholds, root, accuracy, derivatives.

The three stages are separate so that a grid can compact the few points that need the
longer way; :func:`point` runs them in one trace, with the exact derivative.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from .max_margin import Problem, Unknowns, corner, kept_nodes
from .newton import follow, guess, newton
from .quadrature import Weights
from .rules import Cells, KeepProbability, Mixture, Random, Rule
from .sensitivity import sensitivity
from .thresholds import Pieces, kept_pieces

COARSE = (6, 10)  # nodes a panel along z and y: 1e-4 or better, to find the root
FINE = (14, 20)  # ... and 1e-11 or better, to settle it
QUICK_STEPS = 8
LONG_STEPS = 30
# ends of the panels for a keep-probability given as a function
KNOTS = (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


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


class State(NamedTuple):
    """(log a, b, tau = 1/r) of the student, and how it was found.

    ``rates`` are their derivatives with respect to the three inputs.
    """

    value: Float[Array, " 3"]
    rates: Float[Array, "3 3"]
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
    cos, sin = jnp.cos(theta), jnp.sin(theta)
    if isinstance(rule, KeepProbability):
        fold = jnp.abs if mode.margin == "absolute" else lambda z: z
        keep = lambda z: jax.vmap(rule.function)(fold(z))  # noqa: E731
        pieces = _function_pieces(rule, mode.margin)
        problem = Problem(alpha, jnp.ones(()), cos, sin, pieces, keep)
        none, one = jnp.zeros(()), jnp.ones(())
        flat = Weights(none, none, one, corner(problem))
        nodes = kept_nodes(problem, flat, FINE, mode.on_line)
        f, rate = jnp.sum(nodes.weight), None
        problem = problem._replace(keep_fraction=f)
    else:
        cells, rate = jax.jvp(rule.cells, (f,), (jnp.ones_like(f),))
        problem = Problem(alpha, f, cos, sin, kept_pieces(cells, theta, mode.margin))
    if mode.total:
        problem = problem._replace(alpha_prune=alpha * f)
    return problem, rate


def quick_root(
    inputs: Inputs, rule: Rule, mode: Mode
) -> tuple[Unknowns, Int[Array, ""], Bool[Array, ""]]:
    """A few Newton steps from the guess: enough for nearly every point."""
    problem, _ = build(inputs, rule, mode)
    start = guess(problem, mode.on_line)
    root = newton(start, problem, COARSE, mode.on_line, QUICK_STEPS, 1e-4)
    return root.x, root.steps, root.found


def sure_root(
    inputs: Inputs, rule: Rule, needed: Bool[Array, ""], mode: Mode
) -> tuple[Unknowns, Int[Array, ""]]:
    """More steps from the guess, then the path from small load, where ``needed``."""
    problem, _ = build(inputs, rule, mode)
    start = guess(problem, mode.on_line)
    longer = jnp.where(needed, LONG_STEPS, 0)
    root = newton(start, problem, COARSE, mode.on_line, longer, 1e-4)
    path = follow(problem, COARSE, mode.on_line, needed & ~root.found)
    return jnp.where(root.found, root.x, path.x), root.steps + path.steps


def settle(
    x: Unknowns, steps: Int[Array, ""], inputs: Inputs, rule: Rule, mode: Mode
) -> State:
    """The root with fine nodes, and its derivatives."""
    problem, rate = build(inputs, rule, mode)
    root = newton(x, problem, FINE, mode.on_line, 8, 3e-8)
    # close to a threshold a rounding of the residual moves the root by more than that
    found = root.found | (root.residual < 1e-14)
    x, a, ratio = root.x, jnp.exp(root.x[0]), root.x[1]
    c, s = problem.cos_theta, problem.sin_theta
    z, y = corner(problem)
    u, v = c * z + s * y, s * z - c * y
    tau = x[2] + a * (u + ratio * v)
    if not isinstance(rule, Random | Mixture) and rate is not None:
        rate = rate._replace(level=None)  # constant
    moved = sensitivity(
        x, problem, root.first, root.jacobian, rate, mode.margin, FINE, mode.on_line
    )
    # from (p, w, t) at a fixed corner to (log a, b, tau); theta turns the axes too
    rows = jnp.array([[c, s, 0.0], [s, -c, 0.0], [z, y, 1.0]])
    turn = jnp.array([-a * ratio, a, 0.0])
    rates = rows @ moved + turn[:, None] * jnp.array([0.0, 0.0, 1.0])
    rates = rates.at[0].divide(a)
    # log alpha_prune -> the alpha that was given
    by_load = rates[:, 0]
    if mode.total and not isinstance(rule, KeepProbability):
        rates = rates.at[:, 1].add(by_load / problem.keep_fraction)
    rates = rates.at[:, 0].set(by_load / inputs.alpha)
    value = jnp.stack([x[0], a * ratio, tau])
    found = found & jnp.all(jnp.isfinite(value))
    return State(
        value, rates, problem.keep_fraction, root.residual, steps + root.steps, found
    )


def _state(inputs: Inputs, rule: Rule, mode: Mode) -> State:
    x, steps, found = quick_root(inputs, rule, mode)
    sure, more = sure_root(inputs, rule, ~found, mode)
    x = jnp.where(found, x, sure)
    return settle(x, steps + more, inputs, rule, mode)


@jax.custom_jvp
def _once(rates: Float[Array, "3 3"], inputs: Inputs) -> Float[Array, "3 3"]:
    return rates


@_once.defjvp
def _twice(primals, tangents):
    raise NotImplementedError(
        "perceptron_theory.solve can be differentiated once: for second derivatives "
        "take finite differences of its gradient"
    )


@partial(jax.custom_jvp, nondiff_argnums=(2,))
def point(inputs: Inputs, rule: Rule, mode: Mode) -> State:
    """The saddle point for one set of inputs; exact first derivatives."""
    return _state(inputs, rule, mode)


@partial(point.defjvp, symbolic_zeros=True)
def _point_jvp(mode, primals, tangents):
    inputs, rule = jax.tree.map(lambda x: x, primals)
    moved, rule_moved = tangents
    zero = jax.custom_derivatives.SymbolicZero
    is_zero = lambda x: isinstance(x, zero)  # noqa: E731
    if not all(map(is_zero, jax.tree.leaves(rule_moved, is_leaf=is_zero))):
        raise NotImplementedError(
            "derivatives with respect to a rule's own parameter are not available: "
            "differentiate with respect to alpha, keep_fraction or theta"
        )
    state = point(inputs, rule, mode)
    rates = _once(state.rates, inputs)
    step = jnp.stack([jnp.zeros(()) if is_zero(t) else t for t in moved])
    still = jax.tree.map(
        lambda x: (
            jnp.zeros(x.shape, jax.dtypes.float0)
            if not jnp.issubdtype(x.dtype, jnp.floating)
            else jnp.zeros_like(x)
        ),
        state,
    )
    return state, still._replace(value=rates @ step)
