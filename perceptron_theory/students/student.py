r"""What a student is for the theory: unknowns, their equations, and what they mean.

A student J is described by its weights along the teacher T, along the direction T_perp
of the probe orthogonal to it, and by the rest, of length r: J = A T + B T_perp + r w.
In units of r these are a = A/r and b = B/r, and the error is the angle of (a; b, 1) to
the first axis over pi.

:class:`Student` is the contract.  A student of one's own derives from it, writes
:meth:`~Student.guess` and :meth:`~Student.equations`, and is taken wherever a student's
name is; derivatives follow by implicit differentiation, the Jacobian by JAX.  Ours
override more, for speed and for the edges of the domain.
"""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from ..errors import InputError
from ..kept.build import problem_at
from ..kept.problem import Inputs, Mode, Problem
from ..numerics.newtons_method import ROUNDING, Chart, Root, newton, solve_scaled
from ..numerics.parameters import Parameters
from ..rules.rule import Cells
from .solution import describe
from .state import ByMargin, Direction, Evaluation, Jumps, Point, Start, State

LONG = 30  # steps from a guess, before another way is taken
TOLERANCE = 3e-8  # of the last step, which is taken
NEAREST_ONE = 1.0 - 2.0**-44  # stands for f = 1 where thresholds are differentiated


class Student(Parameters):
    """The contract of a student; see the top of this file for how little is needed.

    Its numbers (the fields that are not ``static``) are inputs of the theory like
    theta: they broadcast, and the error can be differentiated with respect to them.
    """

    unknowns: ClassVar[int] = 0
    """How many unknowns :meth:`equations` has."""
    values: ClassVar[int] = 0
    """How many numbers ``State.value`` has, where they are not the unknowns."""
    knows_probe: ClassVar[bool] = False
    """True of a student to whom the probe itself tells something of the teacher."""
    least_angle: ClassVar[float] = 0.0
    """The least theta > 0 that is solved, in radians."""
    threshold: ClassVar[float | None] = None
    """The load above which, at theta = 0, the error goes to 0 with f (hard rule)."""
    logarithmic: ClassVar[tuple[str, ...]] = ()
    """Parameters on whose logarithm the student depends smoothly."""
    # points in a compiled batch (theta = 0: True)
    batch_sizes: ClassVar[dict[bool, int]] = {True: 512, False: 32}
    # points that NumPy solves about as soon as that program is compiled
    few: ClassVar[dict[bool, int]] = {True: 16384, False: 8192}
    # of many points so many at least are solved before their neighbours, or None
    first_round: ClassVar[dict[bool, int | None]] = {True: None, False: 64}
    near_steps: ClassVar[tuple[int, ...]] = (5, 8)
    """Steps beside a solved point, and steps more, before a point is begun anew."""
    has_path: ClassVar[bool] = False
    """Whether :meth:`sure_start` leads to points that a guess does not reach."""
    always_path: ClassVar[bool] = False
    """Whether there is no guess, so that every search begins with the path."""

    @property
    def name(self) -> str:
        """The student as tables and messages call it."""
        return self.text

    @property
    def wrong_labels(self) -> bool:
        """Whether some of the labels may be wrong."""
        return False

    def labels_seen(self, theta: Any) -> tuple[Any, Any]:
        """The angle of the probe and whoever gives the labels, and the part of flips.

        Args:
            theta: angle of teacher and probe in radians.
        """
        return theta, 0.0

    # --- what a student of one's own writes ------------------------------------------

    def guess(self, problem: Problem, mode: Mode) -> Float[Array, " n"]:
        """Where the search for the unknowns begins."""
        raise NotImplementedError

    def equations(
        self, x: Float[Array, " n"], problem: Problem, mode: Mode
    ) -> Float[Array, " n"]:
        """The equations at x, zero at the saddle point.

        Averages over the kept examples are those of
        :func:`perceptron_theory.kept.averages.average`.
        """
        raise NotImplementedError

    def direction(self, value: Any) -> Direction:
        """What the unknowns mean.  The default takes the first two for a and b."""
        return Direction(value[0], value[1])

    def margin(self, value: Any) -> Any:
        """The margin kappa on the kept examples, 0 unless a student is made for one."""
        return 0.0 * value[0]

    def check(self) -> None:
        """Refuse parameters out of range (eager calls; NumPy arrays or numbers).

        Raises:
            InputError: what came, what is allowed.
        """

    def fits(self) -> Any:
        """Whether the parameters are in range, inside a trace."""
        return True

    def describe(self, point: Point, state: State, status: Any, mode: Mode) -> Any:
        """What is told of the student at one point: by default a ``Solution``."""
        return describe(point, state, status, mode)

    # --- what ours override ----------------------------------------------------------

    def variants(self, numbers: tuple[Any, ...]) -> list[tuple[Any, Student]]:
        """The compiled programs that points with these numbers need, and which points.

        As pairs of a mask (or True) and the student with its static fields set.
        """
        return [(True, self)]

    def traced_variant(self) -> Student:
        """The one program that does for every point, inside a transformation."""
        return self

    def problem(self, point: Point, mode: Mode) -> tuple[Problem, Cells | None]:
        """The problem at a point, and how the cells of its rule move with f."""
        return problem_at(point.inputs, point.rule, mode)

    def sure_start(self, point: Point, mode: Mode, needed: Any = True) -> Start:
        """A start that is always good, if slow to get; only where ``needed``."""
        return self.nowhere()

    def blank_state(self) -> State:
        """A state of the right shapes that has not been searched for."""
        m, n, k = self.values or self.unknowns, self.unknowns, 3 + len(self.numbers())
        none, zero = jnp.zeros((), int), jnp.zeros(())
        end = none, zero, zero, none, jnp.zeros((), bool)
        return State(jnp.zeros(m), jnp.zeros((m, k)), jnp.zeros(n), *end)

    def nowhere(self) -> Start:
        """No start: the search begins with the guess."""
        return Start(jnp.full(self.unknowns, jnp.nan), jnp.zeros((), int))

    def near(
        self,
        state: State,
        moved: Float[np.ndarray, "n m"],
        distance: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n k"]:
        """Starts next to solved points (NumPy arrays of n of them).

        ``moved`` is the change of ``value`` to first order, ``distance`` how far off
        the solved points are; NaN where it is too far.
        """
        return np.where((distance > 1.0)[:, None], np.nan, state.value + moved)

    def start_of(self, state: State) -> Any:
        """The unknowns of states (NumPy arrays), to go on from."""
        return state.x

    def settle(
        self, start: Start, max_steps: int | Int[Array, ""], point: Point, mode: Mode
    ) -> State:
        """The root from a start, and its derivatives."""
        problem, _ = self.problem(point, mode)
        x = jnp.where(jnp.any(jnp.isnan(start.x)), self.guess(problem, mode), start.x)

        def evaluate(x: Float[Array, " n"]) -> Evaluation:
            def value(x: Float[Array, " n"]) -> tuple[Any, Any]:
                out = self.equations(x, problem, mode)
                return out, out

            jacobian, out = jax.jacfwd(value, has_aux=True)(x)
            return Evaluation(out, jacobian)

        n = self.unknowns
        blank = Evaluation(jnp.zeros(n), jnp.zeros((n, n)))
        root = newton(x, evaluate, blank, CHART, max_steps, TOLERANCE)
        rates = self._implicit_rates(root, point, mode)
        found = accepted(root, root.x)
        fraction, steps = problem.keep_fraction, start.steps + root.steps
        work = jnp.zeros((), int)
        end = fraction, root.residual, steps, found
        return State(root.x, rates, root.x, work, *end)

    def _implicit_rates(
        self, root: Root, point: Point, mode: Mode
    ) -> Float[Array, "n k"]:
        """dx/d(inputs) = -(dF/dx)^-1 dF/d(inputs), all derivatives by JAX."""
        x = jax.lax.stop_gradient(root.x)
        numbers, tree = jax.tree.flatten(self)

        def value(every: list[Any]) -> Float[Array, " n"]:
            alpha, f, theta, *own = every
            # the threshold of f = 1 lies at infinity: the derivative from below
            f = jnp.minimum(f, NEAREST_ONE)
            student = jax.tree.unflatten(tree, own)
            theta = jnp.zeros(()) if mode.on_line else theta
            inputs = Inputs(alpha, f, theta)
            problem, _ = self.problem(Point(inputs, point.rule, student), mode)
            return student.equations(x, problem, mode)

        at = [point.inputs.alpha, jnp.minimum(point.inputs.keep_fraction, NEAREST_ONE)]
        at += [point.inputs.theta, *numbers]
        right = jnp.stack(jax.jacfwd(value)(at), axis=1)
        return -jax.vmap(solve_scaled, (None, 1), 1)(root.at.jacobian, right)

    def centre(self, x: Float[Array, " n"]) -> Direction:
        """The direction from the unknowns, where they are not the value."""
        return self.direction(x)

    def by_margin(
        self, x: Float[Array, " n"], point: Point, mode: Mode, ends: Any
    ) -> ByMargin:
        """How the value answers to more kept examples of given margins.

        Raises:
            InputError: this is not known of the student.
        """
        raise InputError(
            f"no derivative with respect to the kept margins is known for the student "
            f"{self.name}"
        )

    # --- limits, where they are known ------------------------------------------------

    learns_one_sided: ClassVar[bool] = False
    """Whether examples all on one side of the probe bring the error to zero."""
    learns_across_gap: ClassVar[bool] = False
    """Whether it needs no examples near the boundary for a 1/alpha law (theta = 0)."""

    def boundary_coefficient(
        self, v: Float[np.ndarray, " k"], weight: Float[np.ndarray, " k"]
    ) -> float:
        """C/f of error -> C/alpha, from the kept density w(v) on the boundary u = 0.

        Raises:
            InputError: the limit is not known.
        """
        raise self.no_limit("of many examples")

    def aligned_coefficient(
        self,
        f: float,
        edge: float,
        level: float,
        jumps: Jumps,
    ) -> float:
        """C of error -> C/alpha at theta = 0.

        ``edge`` is the least kept margin, ``level`` the keep-probability from there on;
        ``jumps`` are (margin, keep-probability below it, above it) of all jumps.
        """
        density = level * float(np.exp(-0.5 * edge**2))
        if density == 0 or (edge > 0 and not self.learns_across_gap):
            return np.inf
        return self.boundary_coefficient(np.zeros(1), np.ones(1)) * f / density

    def aligned_law(self, alpha: float) -> tuple[float, float]:
        """Coefficient and exponent of the law in f as f -> 0 (theta = 0, hard rule).

        Raises:
            InputError: the limit is not known.
        """
        raise self.no_limit("f -> 0")

    def falls_to_zero(self, alpha: Any) -> Any:
        """Where the error goes to 0 with f (theta = 0, hard rule)."""
        return np.asarray(alpha) >= (
            np.inf if self.threshold is None else self.threshold
        )

    def no_limit(self, what: str) -> InputError:
        """The error for a limit that nobody has derived."""
        return InputError(f"no limit {what} is known for the student {self.name}")


def by_inputs(
    rates: Float[Array, "m k"], problem: Problem, point: Point, mode: Mode
) -> Float[Array, "m k"]:
    """Rates with respect to the inputs as given, from those of ln alpha_prune."""
    by_load = rates[:, 0]
    if mode.total and point.rule.takes_fraction:
        rates = rates.at[:, 1].add(by_load / problem.keep_fraction)
    return rates.at[:, 0].set(by_load / point.inputs.alpha)


def accepted(root: Root, value: Float[Array, " m"]) -> Bool[Array, ""]:
    """Whether a root is one.

    Close to a threshold a rounding of the residual moves the root by more than the
    tolerance: a residual that is all rounding is taken, too.
    """
    return (root.found | (root.residual < 1e-14)) & jnp.all(jnp.isfinite(value))


def _relative(step: Float[Array, " n"], x: Float[Array, " n"]) -> Float[Array, ""]:
    return jnp.max(jnp.abs(step) / (1.0 + jnp.abs(x)))


CHART = Chart(_relative, lambda step, x: 2.0 / _relative(step, x), rounding=ROUNDING)
