"""One rule, one student and one loss that the package does not know."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax.numpy as jnp

import perceptron_theory as pt


@dataclass(frozen=True)
class TwoBands(pt.Rule):
    """Half of the kept examples are the hardest, half a random part of the easier half.

    The level of the second band is f: it changes with the kept fraction.
    """

    def cells(self, keep_fraction):
        f = keep_fraction
        hardest = (0.0, f / 2, 1.0, 1.0 - f / 2, 1.0)
        easier = (0.5, 1.0, 0.5, 0.0, f)
        return pt.cells_of(hardest, easier)


class Moments(NamedTuple):
    u: Any
    v: Any
    uu: Any
    uv: Any
    vv: Any


def moments(u, v):
    return Moments(u, v, u * u, u * v, v * v)


@dataclass(frozen=True)
class LeastSquares(pt.Student):
    """Ridge regression on the labels: unknowns A, B, ln r and ln V.

    (lambda + k E[xx^T]) (A, B) = k E[x] with x = (u, v), k = alpha/(1 + V),
    lambda V + alpha V/(1 + V) = 1 and r^2 = alpha (V/(1 + V))^2 E[(1 - w.x)^2].
    """

    ridge: Any

    unknowns = 4
    logarithmic = ("ridge",)

    def guess(self, problem, mode):
        step = 1.0 / (self.ridge + problem.alpha_prune)
        return jnp.stack(
            [0.5 + 0.0 * step, 0.0 * step, jnp.log(0.5) + 0.0 * step, jnp.log(step)]
        )

    def equations(self, x, problem, mode):
        m = pt.average(problem, moments, Moments, mode.on_line)
        a, b, r, step = x[0], x[1], jnp.exp(x[2]), jnp.exp(x[3])
        pull = problem.alpha_prune / (1.0 + step)
        miss = 1.0 - 2.0 * (a * m.u + b * m.v) + r * r
        miss = miss + a * a * m.uu + 2.0 * a * b * m.uv + b * b * m.vv
        noise = problem.alpha_prune * (step / (1.0 + step)) ** 2 * miss
        return jnp.stack(
            [
                self.ridge * a + pull * (a * m.uu + b * m.uv - m.u),
                self.ridge * b + pull * (a * m.uv + b * m.vv - m.v),
                jnp.log(noise) - 2.0 * x[2],
                self.ridge * step + pull * step - 1.0,
            ]
        )

    def direction(self, value):
        xp = value[0].__array_namespace__()
        shrink = xp.exp(-value[2])
        return pt.Direction(value[0] * shrink, value[1] * shrink)


class SmoothHinge(pt.Loss):
    """The hinge with its corner rounded between the margins 0 and 1."""

    def __call__(self, margin):
        middle = 0.5 * jnp.square(jnp.clip(1.0 - margin, 0.0, 1.0))
        return middle + jnp.maximum(-margin, 0.0)
