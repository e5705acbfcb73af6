"""The student of a convex loss as the contract of students wants it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..errors import InputError
from ..kept.label_laws import (
    Flips,
    allowed_strength,
    check_strength,
    noisy_angle,
    resolve_label_noise,
)
from ..kept.noisy_pool import teacher_problem
from ..kept.noisy_teacher import noise_of
from ..kept.problem import Mode, Problem
from ..kept.wrong_labels import noisy_problem
from ..numerics.checks import as_array, refuse
from ..numerics.newtons_method import newton, solve_scaled
from ..numerics.precision import traced
from ..rules.rule import Cells
from ..students.state import ByMargin, Direction, Point, Start, State
from ..students.student import TOLERANCE, Student, accepted
from .equations import blank, evaluate_at
from .losses import resolve_loss
from .path import chart, follow
from .pulls import FINE, Setting, Unknowns
from .rates import at_thresholds, rates_of
from .solution import ConvexSolution, describe

SMALLEST_RIDGE = 1e-16  # one that is smaller leaves no digits
OPTIMAL = "optimal"


@dataclass(frozen=True)
class Convex(Student):
    """The student that minimises a convex loss with a ridge.

    It minimises sum l(y w.x) + (N ridge/2) |w|^2 over the kept examples, a part
    ``flip_probability`` of whose labels was wrong before pruning.  Its ``value`` is
    (log r, arsinh a, b, log V, sigma, w), its unknowns are (log r, arsinh a, b/sqrt(1 +
    a^2), log V, sigma, w).

    Args:
        loss: a name, an object of a class derived from :class:`.loss.Loss`, or a convex
            JAX function of one margin.
        ridge: lambda, at least 1e-16; or "optimal" for the functions that compare
            strategies, each of which then has its own best ridge.
        flip_probability: of every label of the pool, in [0, 1/2).
        noise_strength: of ``label_noise``, where that is a name.
        label_noise: the law of the teacher's noise, a name or an object of a class
            derived from :class:`.LabelNoise`; its strength becomes ``noise_strength``.
        noisy: whether labels may be wrong, for the program that is compiled; found out.
    """

    loss: Any = "logistic"
    ridge: Any = 1.0
    flip_probability: Any = 0.0
    noise_strength: Any = None
    label_noise: Any = None
    noisy: bool | None = None

    static = ("loss", "label_noise", "noisy")
    unknowns = 6
    logarithmic = ("ridge",)
    batch_sizes = {True: 64, False: 16}  # noqa: RUF012 # as its base says
    few = {True: 4096, False: 512}  # noqa: RUF012
    near_steps = (12,)
    has_path = True
    always_path = True

    def __post_init__(self) -> None:
        # inside a transformation, too
        with jax.ensure_compile_time_eval():
            loss = resolve_loss(self.loss)
            loss.check()
        object.__setattr__(self, "loss", loss)
        for name, value in self._label_noise().items():
            object.__setattr__(self, name, value)
        if isinstance(self.ridge, str) and not self.optimal:
            raise InputError(
                f"ridge must be a positive number or 'optimal', got {self.ridge!r}"
            )

    def _label_noise(self) -> dict[str, Any]:
        """The fields that a law of label noise says."""
        noise = resolve_label_noise(self.label_noise, self.noise_strength)
        if noise is None:
            return {"noise_strength": 0.0}
        if not isinstance(noise, Flips):
            return {"noise_strength": noise.strength, "label_noise": noise.law}
        given = self.flip_probability
        if traced(given) or np.any(np.asarray(given) != 0):
            raise InputError(
                "label_noise 'flips' is flip_probability: give one of the two"
            )
        flips = {"flip_probability": noise.strength}
        return flips | {"noise_strength": 0.0, "label_noise": None}

    @property
    def first_round(self) -> dict[bool, int | None]:  # type: ignore[override]
        """Every point for itself where the start is all but the root."""
        least = None if self.loss.linear else 8
        return {True: least, False: least}

    @property
    def name(self) -> str:
        numbers = [f"ridge={self.ridge}"]
        if np.any(np.asarray(self.flip_probability) != 0):
            numbers.append(f"flip_probability={self.flip_probability}")
        if self.label_noise is not None:
            numbers.append(f"{self.label_noise.name} noise={self.noise_strength}")
        return f"{self.loss.name}({', '.join(numbers)})"

    @property
    def optimal(self) -> bool:
        """Whether the ridge is to be the best one."""
        return isinstance(self.ridge, str) and self.ridge == OPTIMAL

    @property
    def wrong_labels(self) -> bool:
        return bool(self.noisy) or self.label_noise is not None

    def labels_seen(self, theta: Any) -> tuple[Any, Any]:
        strength = self.noise_strength
        if self.label_noise is not None and not traced(theta, strength):
            strength = as_array("noise_strength", strength)
            check_strength(strength)
        return noisy_angle(self.label_noise, strength, theta), self.flip_probability

    def check(self) -> None:
        check_flips(as_array("flip_probability", self.flip_probability))
        check_strength(as_array("noise_strength", self.noise_strength))
        if self.optimal:
            raise InputError(
                "ridge='optimal' is for functions that compare strategies, such as "
                "pareto_frontier: of a single point optimal_ridge finds it"
            )
        check_ridge(as_array("ridge", self.ridge))

    def fits(self) -> Any:
        flips = self.flip_probability
        fit = _allowed(self.ridge) & (flips >= 0) & (flips < 0.5)
        return fit & allowed_strength(self.noise_strength)

    def variants(self, numbers: tuple[Any, ...]) -> list[tuple[Any, Student]]:
        """Points with wrong labels have twice the pieces: a program of their own.

        So have those of a noisy teacher, which counts flips among its noise.
        """
        _, flips, strength = numbers
        free = strength == 0 if self.label_noise is not None else np.full(1, True)
        wrong = flips > 0
        return [
            (free & wrong, self.replaced(noisy=True, label_noise=None)),
            (free & ~wrong, self.replaced(noisy=False, label_noise=None)),
            (~free, self.replaced(noisy=False)),
        ]

    def traced_variant(self) -> Student:
        flips = self.flip_probability
        noisy = traced(flips) or bool(np.any(np.asarray(flips) != 0))
        return self.replaced(noisy=noisy and self.label_noise is None)

    def direction(self, value: Any) -> Direction:
        xp = value[1].__array_namespace__()
        return Direction(xp.sinh(value[1]), value[2])

    def centre(self, x: Unknowns) -> Direction:
        return Direction(jnp.sinh(x[1]), x[2] * jnp.cosh(x[1]))

    def labelled_problem(self, point: Point, mode: Mode) -> Any:
        """The problem, the label of each of its pieces, and how its cells move."""
        flips, noisy = self.flip_probability, bool(self.noisy)
        spectrum = point.spectrum
        if self.label_noise is not None:
            noise = noise_of(self.label_noise, self.noise_strength, flips)
            seen = self._mode(mode)
            problem, *rest = teacher_problem(point.inputs, point.rule, noise, seen)
        else:
            problem, *rest = noisy_problem(point.inputs, point.rule, flips, mode, noisy)
        if spectrum is not None and mode.on_line:
            spectrum = spectrum.without_probe()
        return problem._replace(spectrum=spectrum), *rest

    def _mode(self, mode: Mode) -> Mode:
        """Under a noisy teacher examples lie on both sides of u = 0, at any angle."""
        return mode if self.label_noise is None else mode._replace(on_line=False)

    def _ridge_of(self, point: Point) -> Any:
        """The ridge over the mean eigenvalue of the inputs."""
        return (
            self.ridge if point.spectrum is None else self.ridge / point.spectrum.mean
        )

    def problem(self, point: Point, mode: Mode) -> tuple[Problem, Cells | None]:
        problem, _, rate = self.labelled_problem(point, mode)
        return problem, rate

    def setting(self, mode: Mode) -> Setting:
        """What is fixed at compile time."""
        return Setting(self.loss, self._mode(mode), bool(self.noisy))

    def sure_start(self, point: Point, mode: Mode, needed: Any = True) -> Start:
        """The end of the path that begins at a large ridge."""
        problem, labels, _ = self.labelled_problem(point, mode)
        ridge = self._ridge_of(point)
        return follow(ridge, problem, labels, self.setting(mode), needed)

    def near(
        self,
        state: State,
        moved: Float[np.ndarray, "n m"],
        distance: Float[np.ndarray, " n"],
    ) -> Float[np.ndarray, "n k"]:
        value = state.value + np.clip(moved, -2.0, 2.0)
        value[:, [2, 4, 5]] = (state.value + moved)[:, [2, 4, 5]]
        value[distance > 3.0] = np.nan
        return self.start_at(value)

    def start_at(self, value: Any) -> Float[np.ndarray, "n m"]:
        """Values as starts: b turned into its ratio."""
        x = np.array(value)
        x[:, 2] /= np.cosh(x[:, 1])
        return x

    def settle(
        self, start: Start, max_steps: int | Int[Array, ""], point: Point, mode: Mode
    ) -> State:
        problem, labels, rate = self.labelled_problem(point, mode)
        setting, log_ridge = self.setting(mode), jnp.log(self._ridge_of(point))

        def evaluate(x: Unknowns) -> Any:
            return evaluate_at(x, log_ridge, problem, labels, setting, FINE)

        search = chart(problem, labels, setting)
        x = search.moved(start.x, jnp.zeros(6))  # sigma and w as the others have them
        root = newton(x, evaluate, blank(), search, max_steps, TOLERANCE)
        rates = rates_of(root, point, problem, labels, rate, setting)
        # b in place of the ratio
        value = root.x.at[2].multiply(jnp.cosh(root.x[1]))
        rates = _of_value(rates, root.x)
        steps, none = start.steps + root.steps, jnp.zeros((), int)
        end = problem.keep_fraction, root.residual, steps, accepted(root, value)
        return State(value, rates, root.x, none, *end)

    def by_spectrum(self, state: State, point: Point, moved: Any, mode: Mode) -> Any:
        """How the value changes with a change of the inputs' spectrum."""
        _, labels, _ = self.labelled_problem(point, mode)
        setting, x = self.setting(mode), state.x

        def at(spectrum: Any) -> tuple[Any, Any]:
            here = point._replace(spectrum=spectrum)
            ridge, (problem, *_) = (
                self._ridge_of(here),
                self.labelled_problem(here, mode),
            )
            found = evaluate_at(x, jnp.log(ridge), problem, labels, setting, FINE)
            return found.value, found.jacobian

        _, change, jacobian = jax.jvp(at, (point.spectrum,), (moved,), has_aux=True)
        return _of_value(-solve_scaled(jacobian, change), x)

    def describe(
        self, point: Point, state: State, status: Any, mode: Mode
    ) -> ConvexSolution:
        return describe(point, state, status, mode)

    def by_margin(
        self, x: Unknowns, point: Point, mode: Mode, ends: Float[Array, "cells 2"]
    ) -> ByMargin:
        problem, labels, _ = self.labelled_problem(point, mode)
        setting, log_ridge = self.setting(mode), jnp.log(self.ridge)
        at = evaluate_at(x, log_ridge, problem, labels, setting, FINE)
        problem = problem._replace(pieces=problem.pieces._replace(ends=ends))
        sums, *_ = at_thresholds(x, point, problem, labels, setting)
        more = (sums - at.sums) @ at.by_sums.T
        return ByMargin(more, at.by_sums @ at.sums, at.jacobian)


def _of_value(moved: Float[Array, "m ..."], x: Unknowns) -> Float[Array, "m ..."]:
    """Changes of the unknowns as those of the value, which has b for the ratio."""
    a, size = jnp.sinh(x[1]), jnp.cosh(x[1])
    return moved.at[2].set(size * moved[2] + x[2] * a * moved[1])


def check_flips(array: np.ndarray) -> None:
    """A part of wrong labels lies in [0, 1/2)."""
    bad = ~((array >= 0) & (array < 0.5))
    refuse("flip_probability", array, bad, "in [0, 1/2)")


def check_ridge(array: np.ndarray, otherwise: str = "") -> None:
    """A ridge is finite and not too small; ``otherwise`` names what else may be."""
    allowed = f"finite and at least {SMALLEST_RIDGE:g}{otherwise}"
    refuse("ridge", array, ~_allowed(array), allowed)


def _allowed(ridge: Any) -> Any:
    """Where a ridge can be solved, for NumPy arrays and inside a trace."""
    return (ridge >= SMALLEST_RIDGE) & (ridge < math.inf)
