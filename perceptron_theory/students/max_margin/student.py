"""The max-margin student as the contract of students wants it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...kept.problem import COARSE, FINE, Mode, Problem, corner
from ...numerics.limit_nodes import Nodes
from ...numerics.newtons_method import Root, newton
from ...rules.rule import Cells
from ..path import CHART, extrapolated, follow
from ..state import ByMargin, Direction, Point, Start, State, noise_of
from ..student import TOLERANCE, Student, accepted, by_inputs
from .equations import Evaluated, Unknowns, blank, residual
from .limits import aligned_law, boundary_coefficient
from .rates import at_thresholds, sensitivity
from .start import guess

CERTAIN = 1.0  # an error of the slack by which its neighbour's may be off, too
CLOSE = 1e-6  # of the derivatives, where only the conditioning needs them


@dataclass(frozen=True)
class MaxMargin(Student):
    """The student of largest margin (a hard-margin support vector machine).

    Its ``value`` is (log a, b, tau); a start is (log a, b/a, tau, the slack at the
    corner).  tau is smooth in the inputs, but so large if the corner is far out that
    only the slack there is of use.
    """

    unknowns = 3
    threshold = 2.0
    learns_across_gap = True  # the examples at its edge support the student
    has_path = True

    def direction(self, value: Any) -> Direction:
        xp = value[0].__array_namespace__()
        return Direction(xp.exp(value[0]), value[1])

    def centre(self, x: Unknowns) -> Direction:
        return Direction(jnp.exp(x[0]), jnp.exp(x[0]) * x[1])

    def margin(self, value: Any) -> Any:
        at = self.direction(value)
        return value[2] / jnp.hypot(at.a, noise_of(at))

    def guess(self, problem: Problem, mode: Mode) -> Unknowns:
        return guess(problem, mode.on_line)

    def equations(self, x: Unknowns, problem: Problem, mode: Mode) -> Unknowns:
        return residual(x, problem, FINE, mode.on_line).value

    def nowhere(self) -> Start:
        return Start(jnp.full(4, jnp.nan), jnp.zeros((), int))

    def sure_start(self, point: Point, mode: Mode, needed: Any = True) -> Start:
        """The end of the path that begins at a small load."""
        problem, _ = self.problem(point, mode)
        evaluate = partial(residual, n=COARSE, on_line=mode.on_line)
        first = partial(guess, on_line=mode.on_line)
        path = follow(problem, evaluate, blank(), first, needed)
        missing = jnp.full((), jnp.nan)
        slack = jnp.where(path.found, path.x[2], missing)
        return Start(jnp.stack([*path.x[:2], missing, slack]), path.steps)

    def near(
        self,
        state: State,
        moved: Float[np.ndarray, "n m"],
        distance: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n k"]:
        x = extrapolated(np.asarray(state.value), moved, distance)
        # where tau is told well enough the slack follows
        near = np.abs(x[:, 2]) * distance**2 < CERTAIN
        return np.column_stack([x, np.where(near, np.nan, state.x[:, 2])])

    def start_of(self, state: State) -> Any:
        log_a, b, tau = state.value.T[:3]
        with np.errstate(over="ignore", invalid="ignore"):  # of what was not found
            ratio = b * np.exp(-log_a)
        return np.stack([log_a, ratio, tau, state.x[:, 2]], axis=1)

    def settle(
        self, start: Start, max_steps: int | Int[Array, ""], point: Point, mode: Mode
    ) -> State:
        problem, rate = self.problem(point, mode)
        log_a, ratio, tau, slack = start.x
        shift = _corner_field(jnp.exp(log_a), ratio, problem)
        by_tau = ~jnp.isnan(tau) & ((shift == 0) | jnp.isnan(slack))
        slack = jnp.where(by_tau, tau - shift, slack)
        x = jnp.stack([log_a, ratio, slack])
        x = jnp.where(jnp.any(jnp.isnan(x)), guess(problem, mode.on_line), x)

        def evaluate(x: Unknowns) -> Evaluated:
            return residual(x, problem, FINE, mode.on_line)

        contraction = CLOSE if mode.on_line and not mode.exact else 0.0
        root = newton(x, evaluate, blank(), CHART, max_steps, TOLERANCE, contraction)
        value, rates = _with_rates(root, problem, rate, mode)
        rates = by_inputs(rates, problem, point, mode)
        end = problem.keep_fraction, root.residual, start.steps + root.steps
        return State(value, rates, root.x, root.at.panels, *end, accepted(root, value))

    def by_margin(
        self, x: Unknowns, point: Point, mode: Mode, ends: Float[Array, "cells 2"]
    ) -> ByMargin:
        problem, _ = self.problem(point, mode)
        at = residual(x, problem, FINE, mode.on_line)
        problem = problem._replace(pieces=problem.pieces._replace(ends=ends))
        m = at_thresholds(x, problem, mode.margin, FINE[1], mode.on_line)
        turn = jnp.zeros_like(m.turn) if mode.on_line else m.turn / at.first
        alpha = problem.alpha_prune
        more = jnp.stack([alpha * m.second - 1.0, alpha * m.force - 1.0, turn], axis=-1)
        # in the unknowns: their first two logs move by one with that of the load
        return ByMargin(more, jnp.array([1.0, 1.0, 0.0]), at.jacobian)

    def boundary_coefficient(self, v: Nodes, weight: Nodes) -> float:
        return boundary_coefficient(v, weight)

    def aligned_law(self, alpha: float) -> tuple[float, float]:
        return aligned_law(alpha)


def _corner_field(a: Any, ratio: Any, problem: Problem) -> Any:
    """Tau minus the slack at the corner: a u + b v there."""
    z, y = corner(problem)
    c, s = problem.cos_theta, problem.sin_theta
    return a * (c * z + s * y + ratio * (s * z - c * y))


def _with_rates(
    root: Root, problem: Problem, rate: Cells | None, mode: Mode
) -> tuple[Float[Array, " 3"], Float[Array, "3 3"]]:
    """(log a, b, tau) and d/d(log alpha_prune, keep_fraction, theta)."""
    z, y = corner(problem)
    x, a, ratio = root.x, jnp.exp(root.x[0]), root.x[1]
    c, s = problem.cos_theta, problem.sin_theta
    tau = x[2] + _corner_field(a, ratio, problem)
    moved = sensitivity(
        x,
        problem,
        root.at.first,
        root.at.jacobian,
        rate,
        mode.margin,
        FINE,
        mode.on_line,
    )
    # from (along, across, slack) at a fixed corner to (log a, b, tau); theta turns the
    # axes too
    rows = jnp.array([[c, s, 0.0], [s, -c, 0.0], [z, y, 1.0]])
    turn = jnp.array([-a * ratio, a, 0.0])
    rates = rows @ moved + turn[:, None] * jnp.array([0.0, 0.0, 1.0])
    return jnp.stack([x[0], a * ratio, tau]), rates.at[0].divide(a)
