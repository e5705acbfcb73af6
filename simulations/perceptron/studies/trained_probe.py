r"""Probes that are trained, as in the paper: their angle is measured, not chosen.

A student is trained, for a few epochs say, on labelled examples of all N coordinates;
its unit weights are the probe, its angle to the teacher e_1 is

    theta = arccos(P.T),

and the margins of the pool that it gives are ranked and pruned.  The theory knows a
probe by theta alone: it takes the rest of P to be independent of the pool.  That holds
for a probe trained on examples of its own, by symmetry at every N.  A probe trained on
the pool itself knows its examples, and what it ranks low is not what a stranger at the
same angle would: :func:`simulate_trained_probe` measures the student's error beside the
theory's at the measured angle.  For a probe that minimises a convex loss with ridge on
the pool there is a theory of its own, :func:`perceptron_theory.solve_own_probe`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import xarray as xr
from jaxtyping import Array, Float

from perceptron_theory import (
    ConvergenceError,
    InputError,
    KeepProbability,
    Rule,
    resolve_rule,
)
from perceptron_theory.numerics.checks import check_margin

from ..data.batches import fitting_draws
from ..data.ensemble import Ensemble
from ..data.pool import keep_by_rank, rank_segments
from ..data.requests import check_memory, check_mode, check_request
from ..data.source import Sets, Source
from ..naming import as_number, require, settle
from ..running.experiment import run_draws
from ..students.catalog import resolve_student
from ..students.contract import Student, angle_to_teacher
from ..students.gradient_training import Gradient

# The pools of a batch of draws hold at most this many float64 numbers (128 MiB).
_CHUNK_NUMBERS = 2**24
_BY_CHANCE = (
    "a trained probe prunes by rank: give a rule like 'hard', not KeepProbability"
)


@dataclass(frozen=True)
class TrainedProbe:
    """What is trained to be the probe, and on what.

    Args:
        student: trained on signed examples; by default 10 epochs of logistic descent.
        own_load: examples per dimension that the probe is trained on and that do not
            belong to the pool; None trains it on the pool.

    Raises:
        InputError: the student is unknown, or the load is not positive.
    """

    student: str | Student = field(default_factory=lambda: Gradient(epochs=10))
    own_load: float | None = None

    def __post_init__(self) -> None:
        resolve_student(self.student)
        if self.own_load is None:
            return
        settle(self, as_number, "own_load")
        good = 0 < self.own_load < math.inf
        require(good, "own_load must be positive", self.own_load)

    def examples(self, size: int, total: int) -> int:
        """How many examples it is trained on, beside a pool of ``total``.

        Raises:
            InputError: the probe has no example.
        """
        count = total if self.own_load is None else round(self.own_load * size)
        if count < 1:
            raise InputError(
                f"the probe has no example at N = {size}: raise own_load, now "
                f"{self.own_load}"
            )
        return count

    @property
    def name(self) -> str:
        """Student and training set as text."""
        where = (
            "the pool" if self.own_load is None else f"{self.own_load:g} N of its own"
        )
        return f"{resolve_student(self.student).name} on {where}"


@dataclass(frozen=True)
class Pruned:
    """Pools pruned by trained probes."""

    examples: Float[np.ndarray, "draw kept N"]
    """Signed examples that are kept."""
    theta: Float[np.ndarray, " draw"]
    """Measured angle of probe and teacher."""
    probes: Float[np.ndarray, "draw N"]
    """Unit weights."""
    training_error: Float[np.ndarray, " draw"]
    """Error of the probe on what it was trained on."""


def _signed(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """Gaussian examples of all coordinates times their labels sign(x_1)."""
    x = rng.standard_normal(shape)
    return np.where(x[:, :1] < 0, -1.0, 1.0) * x


def prune_by_trained_probe(
    rngs: list[np.random.Generator],
    keys: Array,
    *,
    size: int,
    total: int,
    kept: int,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    probe: TrainedProbe,
) -> Pruned:
    """Draw a pool in full for each random stream, train its probe, and prune.

    The memory is that of all pools at once.

    Args:
        rngs: generators of NumPy, one a draw, for pool and ties of rank.
        keys: keys of JAX, one a draw, for the training of the probe.
        size: input dimension N.
        total: examples of the pool.
        kept: how many of them are kept.
        rule: "hard", "easy", "random" or a rule object that keeps by rank.
        margin: "absolute" |P.x| or "signed" y P.x.
        probe: what is trained.

    Returns:
        :class:`Pruned`.

    Raises:
        InputError: the rule is a ``KeepProbability``, or has several windows.
        ConvergenceError: a probe did not reach its goal.
    """
    check_margin(margin)
    resolved = resolve_rule(rule)
    if isinstance(resolved, KeepProbability):
        raise InputError(_BY_CHANCE)
    segments = rank_segments(resolved, kept / total, total, kept)
    pools = np.stack([_signed(rng, (total, size)) for rng in rngs])
    count = probe.examples(size, total)
    taught = pools
    if probe.own_load is not None:
        taught = np.stack([_signed(rng, (count, size)) for rng in rngs])
    student = resolve_student(probe.student)
    trained = student(taught, keys)
    if not trained.done.all():
        bad = int(np.argmin(trained.done))
        raise ConvergenceError(
            f"probe {bad} of {len(rngs)} did not reach its goal: "
            f"{student.certificate_name} {trained.certificate[bad]:g}, {probe.name}"
        )
    w = trained.weights
    margins = np.einsum("dpn,dn->dp", pools, w)  # y P.x
    mistakes = np.einsum("dpn,dn->dp", taught, w) <= 0
    ranked = np.abs(margins) if margin == "absolute" else margins
    return Pruned(
        examples=np.stack(
            [
                pool[keep_by_rank(rng, m, segments)]
                for rng, pool, m in zip(rngs, pools, ranked, strict=True)
            ]
        ),
        theta=angle_to_teacher(w),
        probes=w,
        training_error=mistakes.mean(1),
    )


@dataclass(frozen=True)
class _ProbedPools(Source):
    """Source of what trained probes keep of pools that are drawn in full."""

    probe: TrainedProbe

    @property
    def numbers(self) -> int:
        """How many numbers the examples of one draw are, the probe's own included."""
        return (self.total + self.probe.examples(self.size, self.total)) * self.size

    @property
    def batch(self) -> int:
        return fitting_draws(self.numbers, _CHUNK_NUMBERS)

    def draw(self, numbers: range) -> Sets:
        pruned = prune_by_trained_probe(
            list(map(self.stream, numbers)),
            self.keys(numbers),
            size=self.size,
            total=self.total,
            kept=self.rows,
            rule=self.ensemble.rule,
            margin=self.ensemble.margin,
            probe=self.probe,
        )
        columns = {"theta": pruned.theta, "training_error": pruned.training_error}
        return Sets(list(pruned.examples), columns)


def simulate_trained_probe(
    probe: TrainedProbe,
    *,
    alpha_tot: float,
    keep_fraction: float,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    pool: str = "drawn",
) -> xr.Dataset:
    """Follow the paper's procedure from end to end, beside the theory at each angle.

    Pools are the same for every probe (not the probe's own examples, if it has any):
    errors of several probes may be compared draw by draw.

    Args:
        probe: what is trained to be the probe.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: kept fraction f.
        rule: as in :func:`prune_by_trained_probe`.
        margin: as in :func:`prune_by_trained_probe`.
        student: trained on what is kept; one with a ``theory``, such as "max_margin" or
            ``ConvexRidge("square", 0.1)``.
        size: input dimension N, at least 2.
        draws: number of repetitions.
        seed: seed of the whole family of experiments, >= 0.
        first: number of the first draw.
        pool: "drawn"; the direct mode of ``simulate`` draws no pool that a probe could
            see, and is refused.

    Returns:
        Dataset over ``draw`` of theta (measured, radians), training_error (of the
        probe), probe_error (theta/pi), error (of the student trained on what is
        kept), predicted (its error in theory at this draw's theta), difference
        (error - predicted), and the further columns of
        :func:`~simulations.perceptron.running.experiment.run_draws`; the attribute
        ``probe`` names the probe.  The mean of ``predicted`` is the theory averaged
        over the measured angles.

    Raises:
        InputError: a number is out of range, the pool is "direct" or too large for the
            memory, or a probe is worse than chance.
        ConvergenceError: a probe or student did not reach its goal.
    """
    alpha_tot = as_number(alpha_tot, "alpha_tot")
    keep_fraction = as_number(keep_fraction, "keep_fraction")
    require(0 < alpha_tot < math.inf, "alpha_tot must be positive", alpha_tot)
    check_request(size, draws, seed, first)
    check_mode(pool)
    if pool == "direct":
        raise InputError(
            "a trained probe needs pool='drawn': its margins are those of whole "
            "examples, of a law that is known only once it is trained"
        )
    if isinstance(resolve_rule(rule), KeepProbability):
        raise InputError(_BY_CHANCE)
    taught = resolve_student(student)
    known = getattr(taught, "theory", None)
    if known is None:
        raise InputError(
            "student must be one with a theory, such as 'max_margin' or ConvexRidge, "
            f"got {taught.name}"
        )
    ensemble = Ensemble(
        alpha_tot * keep_fraction, keep_fraction, rule=rule, margin=margin
    )
    source = _ProbedPools(ensemble, size, seed, probe)
    check_memory(
        32.0 * source.numbers,  # some copies of float64
        1 / 2,
        f"a pool of {source.total} whole examples at N = {size} takes {{}}",
        "lower alpha_tot or N",
    )
    table = run_draws(source, taught, draws=draws, first=first)
    theta = table.theta.values
    if theta.max() > math.pi / 2:
        count = probe.examples(size, source.total)
        raise InputError(
            f"a probe came out at {np.degrees(theta.max()):.1f} degrees, worse than "
            f"chance: train it longer or on more than {count} examples"
        )
    predicted = known(
        alpha_prune=source.rows / size,
        keep_fraction=source.rows / source.total,
        theta=theta,
        rule=rule,
        margin=margin,
    ).error
    return table.assign(
        probe_error=table.theta / np.pi,
        predicted=("draw", np.asarray(predicted)),
        difference=table.error - np.asarray(predicted),
    ).assign_attrs(probe=probe.name)
