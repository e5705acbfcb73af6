"""Students: functions from signed examples and keys to unit weights and a certificate.

A student trains on every set of a batch, each with a random stream of its own, and says
of each whether it did what it claims.  Its ``name`` holds all its settings, so that
results in files are told apart; ``padding`` says how sets of unequal size may be
brought to one shape: by repeating examples, or by rows of zeros.

>>> student = resolve_student("perceptron")
>>> student.name, student.certificate_name, student.padding
('perceptron(max_updates=1000000)', 'training mistakes', 'zero')
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import optax
from jaxtyping import Array, Float

from perceptron_theory import InputError
from perceptron_theory.convex.losses import Loss, resolve_loss
from perceptron_theory.errors import unknown_name

from .contract import Named, call_compiled, check_batch, require, unit
from .contract import Student as Student
from .contract import Trained as Trained
from .convex import ConvexStatus, train
from .gradient_training import OPTIMIZERS, descend
from .hard_margin import Status, max_margin
from .perceptron_rule import learn
from .version_space import SampleStatus, overlaps, sample

# certificates at which a student that rounding stopped is still taken
_ENOUGH_GAP, _ENOUGH_DISTANCE = 1e-6, 1e-4


@dataclass(frozen=True)
class MaxMarginStudent(Named, called="max_margin"):
    """The largest smallest margin, of :func:`.max_margin.max_margin`."""

    certificate_name = "relative duality gap"
    padding = "repeat"

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Train to a gap of 1e-10; the key is not used."""
        check_batch(examples, key)
        found = max_margin(examples)
        gap, status = np.asarray(found.gap), np.asarray(found.status)
        return Trained(
            np.asarray(found.weights),
            gap,
            (status == Status.CONVERGED) | (gap <= _ENOUGH_GAP),
            {"margin": np.asarray(found.margin), "status": status * 1.0},
        )


@dataclass(frozen=True)
class Perceptron(Named, called="perceptron"):
    """Rosenblatt's rule from w = 0, in a random order, until no mistake is left.

    A learning rate would change only the length of w.
    """

    max_updates: int = 1_000_000

    certificate_name = "training mistakes"
    padding = "zero"

    def __post_init__(self) -> None:
        self._whole("max_updates")

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Learn each set; columns margin, updates, passes."""
        check_batch(examples, key)
        found = call_compiled(learn, examples, key, self.max_updates)
        columns = {name: found[name] for name in ("margin", "updates", "passes")}
        mistakes = found["mistakes"]
        return Trained(unit(found["weights"]), mistakes, mistakes == 0, columns)


@dataclass(frozen=True)
class MinOver(Named, called="min_over"):
    """The perceptron rule that tends to the largest margin (Krauth & Mezard, 1987).

    Updates grow as 1/``tolerance``, the relative duality gap to stop at: for small
    gaps :class:`MaxMarginStudent` is the faster one.
    """

    tolerance: float = 0.01
    max_updates: int = 1_000_000

    certificate_name = "relative duality gap"
    padding = "zero"

    def __post_init__(self) -> None:
        self._real("tolerance")
        require(0 < self.tolerance < 1, "tolerance must lie in (0, 1)", self)
        self._whole("max_updates")

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Learn each set; columns margin, updates."""
        check_batch(examples, key)
        limits = self.max_updates, self.tolerance
        found = call_compiled(learn, examples, key, *limits, least=True)
        columns = {name: found[name] for name in ("margin", "updates")}
        done = found["gap"] <= self.tolerance * (1 + 1e-6)
        return Trained(unit(found["weights"]), found["gap"], done, columns)


@dataclass(frozen=True)
class Gradient(Named, called="gradient"):
    """Gradient steps of optax on a loss; see :mod:`.gradient_training`.

    Args:
        loss: "logistic", "hinge", "squared_hinge", "square" or a convex JAX function.
        optimizer: "sgd", "adam", "adagrad", "rmsprop", "lion", or an
            ``optax.GradientTransformation``, which has its own learning rate.
        learning_rate: for steps along the gradient of the mean loss of a batch; None
            with an optimizer of one's own.
        batch_size: examples a step; None takes all.
        epochs: passes over the examples, at most.
        complete: stop at the first epoch that leaves no training mistake; without one
            the student is not ``done``.
        ridge: as in :class:`ConvexRidge`.
        early_stopping: fraction of the examples that is held out; the student is that
            of their least loss.  0 trains on all.
        patience: epochs without a smaller held-out loss to stop after.
        label: what to call an optimizer of one's own in files.

    Raises:
        InputError: unknown names, numbers out of range.
    """

    loss: str | Loss = "logistic"
    optimizer: str | optax.GradientTransformation = "sgd"
    learning_rate: float | None = 0.1
    batch_size: int | None = 32
    epochs: int = 100
    complete: bool = False
    ridge: float = 0.0
    early_stopping: float = 0.0
    patience: int = 5
    label: str = ""

    certificate_name = "training mistakes"
    padding = "zero"

    def __post_init__(self) -> None:
        resolve_loss(self.loss)
        self._real("ridge", "early_stopping")
        if isinstance(self.optimizer, str):
            if self.optimizer not in OPTIMIZERS:
                raise unknown_name("optimizer", self.optimizer, OPTIMIZERS)
            self._real("learning_rate")
            rate = self.learning_rate
            good = rate is not None and 0 < rate < math.inf
            require(good, "learning_rate must be positive", self)
            require(not self.label, "label is for an optimizer of your own", self)
        else:
            update = isinstance(self.optimizer, optax.GradientTransformation)
            what = "optimizer must be a name or an optax.GradientTransformation"
            require(update, what, self.optimizer)
            own = self.learning_rate is None and self.label
            what = "an optimizer of your own needs learning_rate=None and a label"
            require(bool(own), what, self)
        if self.batch_size is not None:
            self._whole("batch_size")
        self._whole("epochs")
        self._whole("patience")
        require(0 <= self.ridge < math.inf, "ridge must not be negative", self)
        held_out = 0 <= self.early_stopping < 1
        require(held_out, "early_stopping must lie in [0, 1)", self)

    def _settings(self) -> dict[str, object]:
        optimizer = {"optimizer": self.label or self.optimizer}
        settings = super()._settings() | optimizer
        del settings["label"]
        return settings

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Train on each set; columns margin, epochs, training_error, loss."""
        check_batch(examples, key)
        found = call_compiled(
            descend,
            examples,
            key,
            self.learning_rate,
            self.ridge,
            self.epochs,
            self.early_stopping,
            self.patience,
            loss=resolve_loss(self.loss),
            optimizer=self.optimizer,
            batch_size=self.batch_size,
            complete=self.complete,
            stopping=self.early_stopping > 0,
        )
        weights, mistakes = unit(found.pop("weights")), found.pop("mistakes")
        done = np.isfinite(weights).all(1)
        done &= (mistakes == 0) | (not self.complete)
        return Trained(weights, mistakes, done, found)


@dataclass(frozen=True)
class ConvexRidge(Named, called="convex_ridge"):
    """The minimum of a convex loss with ridge, of :func:`.convex.train`."""

    loss: str | Loss
    ridge: float
    tolerance: float = 1e-6

    certificate_name = "relative distance to the optimum"
    padding = "zero"

    def __post_init__(self) -> None:
        resolve_loss(self.loss)
        self._real("ridge", "tolerance")
        require(0 < self.ridge < math.inf, "ridge must be positive", self)
        require(0 < self.tolerance < 1, "tolerance must lie in (0, 1)", self)

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Train each set; columns length (|w|), margin, iterations; no key is used."""
        check_batch(examples, key)
        found = train(examples, self.loss, ridge=self.ridge, tolerance=self.tolerance)
        length = np.linalg.norm(found.weights, axis=1)
        distance, weights = found.distance / length, unit(found.weights)
        good = found.status == ConvexStatus.CONVERGED
        columns = {"length": length, "margin": _margin(examples, weights)}
        return Trained(
            weights, distance, good | (distance <= _ENOUGH_DISTANCE), columns
        )


@dataclass(frozen=True)
class _OfVersionSpace(Named, called=""):
    """A student from ``samples`` of two chains in the version space of each set."""

    samples: int = 100

    certificate_name = "effective samples"
    padding = "repeat"

    def __post_init__(self) -> None:
        self._whole("samples", least=4)

    def _sampled(self, examples: np.ndarray, key: Array, error: str):
        """The samples, and a function from weights to what was trained."""
        check_batch(examples, key)
        space = sample(examples, key, n_samples=self.samples)
        found = overlaps(space)
        columns = {name: found[name] for name in ("effective_size", "self_overlap")}
        columns["mean_error"] = found[error]
        done = space.status == SampleStatus.SAMPLED

        def trained(weights: np.ndarray) -> Trained:
            return Trained(weights, space.effective_size, done, columns)

        return space.samples, trained


@dataclass(frozen=True)
class Gibbs(_OfVersionSpace, called="gibbs"):
    """A student drawn evenly from those without a mistake: :mod:`.version_space`.

    Its weights are one draw; the column ``mean_error`` is the mean over all ``samples``
    of two chains, which knows the error of a set much better.
    """

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Sample each set; columns mean_error, self_overlap, effective_size."""
        samples, trained = self._sampled(examples, key, "gibbs_error")
        return trained(samples[:, 0, -1])


@dataclass(frozen=True)
class BayesPoint(_OfVersionSpace, called="bayes_point"):
    """The centre of mass of the version space, from ``samples`` of two chains each.

    The mean of n samples is off by the order 1/n of their spread; the column
    ``mean_error`` is the error without that bias.
    """

    def __call__(self, examples: Float[np.ndarray, "batch P N"], key: Array) -> Trained:
        """Sample each set; columns mean_error, self_overlap, effective_size."""
        samples, trained = self._sampled(examples, key, "bayes_point_error")
        return trained(unit(samples.mean((1, 2))))


STUDENTS: dict[str, Student] = {
    "max_margin": MaxMarginStudent(),
    "perceptron": Perceptron(),
    "min_over": MinOver(),
    "sgd": Gradient(),
    "adam": Gradient(optimizer="adam", learning_rate=0.01),
    "gibbs": Gibbs(),
    "bayes_point": BayesPoint(),
}


def resolve_student(student: str | Student) -> Student:
    """The student of a name, with its default settings; a student as it is.

    Raises:
        InputError: an unknown name, or something that is no student.
    """
    if isinstance(student, str):
        if student not in STUDENTS:
            raise unknown_name("student", student, STUDENTS)
        return STUDENTS[student]
    parts = ("name", "certificate_name", "padding")
    whole = callable(student) and all(hasattr(student, part) for part in parts)
    if isinstance(student, type) or not whole:
        raise InputError(
            f"student must be one of {', '.join(STUDENTS)} or an object like those of "
            f"simulations.perceptron.students.catalog, got {student!r}"
        )
    if student.padding not in ("repeat", "zero"):
        raise InputError(
            f"padding of a student must be 'repeat' or 'zero', got {student.padding!r}"
        )
    known = STUDENTS.get(student.name)
    if known is not None and student != known:
        raise InputError(
            f"{student.name!r} is the name of another student: give yours its own"
        )
    return student


def _margin(examples: np.ndarray, weights: np.ndarray) -> Float[np.ndarray, " batch"]:
    """Smallest margin of each unit student over the examples that are not zeros."""
    margins = np.einsum("bpn,bn->bp", examples, weights)
    return np.where(examples.any(-1), margins, np.inf).min(1)
