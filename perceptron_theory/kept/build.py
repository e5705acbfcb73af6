"""From a point as it is asked for to the problem that its students see."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..rules.keep_probability import KNOTS, KeepProbability
from ..rules.rule import Cells, Rule
from .averages import over_kept, summed
from .nodes import Lines, Points, line_moments
from .problem import FINE, Inputs, Mode, Problem, blank_student
from .thresholds import Pieces, kept_pieces


class Mass(NamedTuple):
    """The kept mass, summed over nodes."""

    one: Float[Array, "*k"]


def _function_pieces(rule: KeepProbability) -> Pieces:
    """Panels for a keep-probability given as a function of the margin."""
    points = {abs(b) for b in rule.breakpoints} | set(KNOTS) | {0.0, float("inf")}
    edges = jnp.array(sorted(points))
    n = len(points) - 1
    inner, outer = jnp.tile(edges[:-1], 2), jnp.tile(edges[1:], 2)
    ends = jnp.stack([edges[:-1], edges[1:]], axis=1)
    sign = jnp.repeat(jnp.array([1.0, -1.0]), n)
    return Pieces(sign, inner, outer, jnp.ones(2 * n), ends)


def problem_at(inputs: Inputs, rule: Rule, mode: Mode) -> tuple[Problem, Cells | None]:
    """The problem behind the inputs, and d(cells)/df.

    The latter is None if f is not an input; its level is None where that is constant.
    """
    alpha, f, theta = inputs
    cos, sin = jnp.ones(()), jnp.zeros(())
    if not mode.on_line:
        cos, sin = jnp.cos(theta), jnp.sin(theta)
    if isinstance(rule, KeepProbability):
        fold = jnp.abs if mode.margin == "absolute" else lambda z: z
        keep = lambda z: jax.vmap(rule.function)(fold(z))  # noqa: E731
        pieces = _function_pieces(rule)
        problem = Problem(alpha, jnp.ones(()), cos, sin, pieces, keep)
        flat = blank_student(problem)

        def mass(nodes: Lines | Points) -> Mass:
            if isinstance(nodes, Lines):
                return summed(Mass(line_moments(nodes, flat, FINE[1]).one[0]))
            return summed(Mass(nodes.weight))

        (f,), _ = over_kept(
            problem, flat, FINE[0], mode.on_line, mass, Mass(jnp.zeros(()))
        )
        rate = None
        problem = problem._replace(keep_fraction=f)
    else:
        cells, rate = jax.jvp(rule.cells, (f,), (jnp.ones_like(f),))
        if not rule.levels_depend_on_f:
            rate = rate._replace(level=None)
        problem = Problem(alpha, f, cos, sin, kept_pieces(cells, theta, mode.margin))
    if mode.total:
        problem = problem._replace(alpha_prune=alpha * f)
    return problem, rate


def mass_by_theta(inputs: Inputs, rule: Rule, mode: Mode) -> Float[Array, ""] | None:
    """d(kept mass)/dtheta, for the rules whose kept fraction follows from theta."""
    if rule.takes_fraction or mode.margin != "signed":
        return None

    def mass(theta: Float[Array, ""]) -> Float[Array, ""]:
        return problem_at(inputs._replace(theta=theta), rule, mode)[0].keep_fraction

    return jax.jvp(mass, (inputs.theta,), (jnp.ones(()),))[1]
