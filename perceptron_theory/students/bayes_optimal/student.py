"""The Bayes-optimal student as the contract of students wants it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...kept.build import mass_by_theta
from ...kept.problem import Mode, Problem
from ..state import Direction, Jumps, Point, Start, State
from ..student import Student, by_inputs
from ..version_space.solution import VersionSpace, describe
from .limits import aligned_bayes_coefficient, aligned_power_law, bayes_boundary
from .rates import SMALLEST, solved


@dataclass(frozen=True)
class BayesOptimal(Student):
    """The student that knows the rule, and at theta > 0 the probe and its angle.

    Its ``value`` is (log a, b, log Delta, -I) of the posterior's mean.  The one unknown
    is ln q/(1 - q) of two posterior draws, searched for globally without a start.
    """

    unknowns = 1
    values = 4
    knows_probe = True
    least_angle = SMALLEST
    threshold = 1.0
    learns_one_sided = True

    def direction(self, value: Any) -> Direction:
        xp = value[0].__array_namespace__()
        return Direction(xp.exp(value[0]), value[1])

    def guess(self, problem: Problem, mode: Mode) -> Float[Array, " 1"]:
        return jnp.full(1, jnp.nan)

    def equations(
        self, x: Float[Array, " 1"], problem: Problem, mode: Mode
    ) -> Float[Array, " 1"]:
        raise NotImplementedError("the maximum is searched for globally, by settle")

    def settle(
        self, start: Start, max_steps: int | Int[Array, ""], point: Point, mode: Mode
    ) -> State:
        problem, rate = self.problem(point, mode)
        mass_rate = mass_by_theta(point.inputs, point.rule, mode)
        top, value, rates = solved(
            problem,
            point.rule,
            rate,
            mass_rate,
            point.inputs.theta,
            mode.margin,
            mode.on_line,
            max_steps,
        )
        rates = by_inputs(rates, problem, point, mode)
        found = top.found & jnp.all(jnp.isfinite(value))
        end = problem.keep_fraction, top.residual, start.steps + top.steps, found
        return State(value, rates, top.x[None], jnp.zeros((), int), *end)

    def describe(
        self, point: Point, state: State, status: Any, mode: Mode
    ) -> VersionSpace:
        return describe(point, state, status, mode)

    def boundary_coefficient(
        self, v: Float[np.ndarray, " k"], weight: Float[np.ndarray, " k"]
    ) -> float:
        return bayes_boundary(v, weight)

    def aligned_coefficient(
        self,
        f: float,
        edge: float,
        level: float,
        jumps: Jumps,
    ) -> float:
        return aligned_power_law(f, jumps)

    def falls_to_zero(self, alpha: Any) -> Any:
        return np.asarray(alpha) > self.threshold  # at 1 itself it goes to 1/4

    def aligned_law(self, alpha: float) -> tuple[float, float]:
        if alpha > 1.0:
            return float(aligned_bayes_coefficient(alpha)), 1.0
        return -math.sqrt(alpha / (8.0 * math.pi * (1.0 - alpha))), 1.0
