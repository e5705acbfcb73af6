r"""The student of largest margin, with wrong labels and on inputs of any covariance.

It minimises |w|^2 under y w.x >= 1 for every kept example (|w| the Euclidean length, so
that 1/|w| is the largest margin).  That is a convex loss, none from the margin one on
and infinite below it, at the ridge one: the equations are those of :mod:`.spectrum`
with the response of a constraint, p = max(1 - m, 0), whatever V is.  The problem is
convex and Gordon's inequality gives the same equations, as long as the examples can be
separated at all (:mod:`.separability`).

On isotropic inputs with right labels it is the student of
:mod:`perceptron_theory.students.max_margin`, in other unknowns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..kept.problem import Mode
from ..numerics.checks import as_array
from ..students.state import Point, Start, State
from ..students.student import Student
from .loss import Loss, Response
from .losses import squared_hinge
from .margin_solution import HardMarginSolution, describe_margin
from .path import follow
from .student import Convex, check_flips

# of the squared hinge, whose student is all but this one there
NEAR_RIDGE = 1e-14


class HardConstraint(Loss):
    """No loss from the margin one on, an infinite one below it."""

    explicit = True
    ends = True
    kink = 1.0

    def __call__(self, margin: Array) -> Array:
        return jnp.where(margin < self.kink, jnp.inf, 0.0)

    def response(self, t: Float[Array, " k"], step: Float[Array, ""]) -> Response:
        short, some = jnp.maximum(-t, 0.0), 1.0 * (t < 0.0)
        return Response(t, jnp.ones_like(t), short, -some, jnp.zeros_like(t))

    def bends(self, step: Float[Array, ""]) -> Float[Array, " n"]:
        return jnp.zeros(1)


@dataclass(frozen=True)
class HardMargin(Convex):
    """The student of largest margin where labels may be wrong (a hard-margin SVM).

    It takes inputs of any covariance.  With right labels and isotropic inputs it is the
    student "max_margin".  There is no such student where the kept examples cannot be
    separated: from the load of :func:`perceptron_theory.separability_threshold` on.

    Args:
        flip_probability: of every label of the pool, in [0, 1/2).
        noisy: whether labels may be wrong, for the program that is compiled; found out.
    """

    loss: ClassVar[Any] = HardConstraint()
    ridge: ClassVar[Any] = 1.0
    flip_probability: Any = 0.0
    noise_strength: ClassVar[Any] = 0.0
    label_noise: ClassVar[Any] = None
    noisy: bool | None = None

    static = ("noisy",)
    logarithmic = ()

    def __post_init__(self) -> None:
        """There is no loss to look up."""

    @property
    def name(self) -> str:
        flips = self.flip_probability
        some = np.any(np.asarray(flips) != 0)
        return f"hard_margin(flip_probability={flips})" if some else "hard_margin"

    def check(self) -> None:
        check_flips(as_array("flip_probability", self.flip_probability))

    def fits(self) -> Any:
        return (self.flip_probability >= 0) & (self.flip_probability < 0.5)

    def variants(self, numbers: tuple[Any, ...]) -> list[tuple[Any, Student]]:
        noisy = numbers[0] > 0
        return [(noisy == wrong, self.replaced(noisy=wrong)) for wrong in (True, False)]

    def sure_start(self, point: Point, mode: Mode, needed: Any = True) -> Start:
        """The end of the path of the squared hinge towards no ridge."""
        problem, labels, _ = self.labelled_problem(point, mode)
        setting = self.setting(mode)._replace(loss=squared_hinge)
        ridge = jnp.full((), NEAR_RIDGE)
        start = follow(ridge, problem, labels, setting, needed)
        # the same ridge times V
        shift = jnp.log(ridge) - jnp.log(self._ridge_of(point))
        return start._replace(x=start.x.at[3].add(shift))

    def settle(
        self, start: Start, max_steps: int | Int[Array, ""], point: Point, mode: Mode
    ) -> State:
        state = super().settle(start, max_steps, point, mode)
        # neither the ridge is an input nor, behind the flips, a noise
        rates = jnp.concatenate([state.rates[:, :3], state.rates[:, 4:5]], axis=1)
        return state._replace(rates=rates)

    def describe(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, point: Point, state: State, status: Any, mode: Mode
    ) -> HardMarginSolution:
        return describe_margin(point, state, status, mode)
