"""Gibbs and the Bayes point as the contract of students wants them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ...kept.build import mass_by_theta
from ...kept.problem import COARSE, FINE, Mode, Problem
from ...numerics.limit_nodes import Nodes
from ...numerics.newtons_method import newton
from ..path import CHART, Unknowns, extrapolated, follow
from ..state import ByMargin, Direction, Point, Start, State
from ..student import TOLERANCE, Student, accepted, by_inputs
from .equations import Evaluated, blank, residual
from .limits import aligned_coefficient, boundary_coefficient
from .rates import at_thresholds, solved
from .solution import VersionSpace, describe
from .start import guess


class VersionSpaceStudent(Student):
    """What the students of the version space share.

    Their ``value`` is (log a, b, log Delta, E ln Phi), their unknowns are (log a, b/a,
    log Delta).
    """

    unknowns = 3
    values = 4
    single: ClassVar[bool] = False
    """Whether it spreads about the centre of the version space."""
    threshold = 2.0
    has_path = True

    def guess(self, problem: Problem, mode: Mode) -> Unknowns:
        return guess(problem, mode.on_line)

    def equations(self, x: Unknowns, problem: Problem, mode: Mode) -> Unknowns:
        return residual(x, problem, FINE, mode.on_line).value

    def direction(self, value: Any) -> Direction:
        xp = value[0].__array_namespace__()
        width = xp.exp(value[2]) if self.single else 0.0
        return Direction(xp.exp(value[0]), value[1], width)

    def centre(self, x: Unknowns) -> Direction:
        return self.direction(jnp.stack([x[0], jnp.exp(x[0]) * x[1], x[2]]))

    def sure_start(self, point: Point, mode: Mode, needed: Any = True) -> Start:
        """The end of the path that begins at a small load."""
        problem, _ = self.problem(point, mode)
        # close to alpha = 2 the version space is so thin that rough nodes lead astray
        n = FINE if mode.on_line else COARSE
        evaluate = partial(residual, n=n, on_line=mode.on_line)
        first = partial(guess, on_line=mode.on_line)
        path = follow(problem, evaluate, blank(), first, needed)
        return Start(jnp.where(path.found, path.x, jnp.nan), path.steps)

    def near(
        self,
        state: State,
        moved: Float[np.ndarray, "n m"],
        distance: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n k"]:
        return extrapolated(np.asarray(state.value), moved, distance)

    def settle(
        self, start: Start, max_steps: int | Int[Array, ""], point: Point, mode: Mode
    ) -> State:
        problem, rate = self.problem(point, mode)
        cold = jnp.any(jnp.isnan(start.x))
        x = jnp.where(cold, guess(problem, mode.on_line, cold), start.x)

        def evaluate(x: Unknowns) -> Evaluated:
            return residual(x, problem, FINE, mode.on_line)

        root = newton(x, evaluate, blank(), CHART, max_steps, TOLERANCE)
        mass_rate = mass_by_theta(point.inputs, point.rule, mode)
        value, rates = solved(
            root, problem, rate, mass_rate, mode.margin, FINE, mode.on_line
        )
        rates = by_inputs(rates, problem, point, mode)
        end = problem.keep_fraction, root.residual, start.steps + root.steps
        return State(value, rates, root.x, root.at.panels, *end, accepted(root, value))

    def describe(
        self, point: Point, state: State, status: Any, mode: Mode
    ) -> VersionSpace:
        return describe(point, state, status, mode)

    def by_margin(
        self, x: Unknowns, point: Point, mode: Mode, ends: Float[Array, "cells 2"]
    ) -> ByMargin:
        problem, _ = self.problem(point, mode)
        at = residual(x, problem, FINE, mode.on_line)
        problem = problem._replace(pieces=problem.pieces._replace(ends=ends))
        one = at_thresholds(x, problem, mode.margin, FINE[1], mode.on_line)
        a, square, alpha = jnp.exp(x[0]), jnp.exp(2.0 * x[2]), problem.alpha_prune
        total = a * a * (1.0 + x[1] * x[1]) + 1.0 + square  # 1/r^2
        force = one.u_pull * total / (a * square)
        turn = (one.v_pull - x[1] * one.u_pull) / at.first
        turn = jnp.zeros_like(turn) if mode.on_line else turn
        more = [alpha * one.square - 1.0, alpha * force - 1.0, turn]
        load = jnp.array([1.0, 1.0, 0.0])
        return ByMargin(jnp.stack(more, axis=-1), load, at.jacobian)

    def boundary_coefficient(self, v: Nodes, weight: Nodes) -> float:
        return boundary_coefficient(v, weight, gibbs=self.single)

    def aligned_law(self, alpha: float) -> tuple[float, float]:
        return aligned_coefficient(alpha, gibbs=self.single)


@dataclass(frozen=True)
class Gibbs(VersionSpaceStudent):
    """A single student drawn at random from the version space."""

    single = True


@dataclass(frozen=True)
class BayesPoint(VersionSpaceStudent):
    """The centre of the version space."""
