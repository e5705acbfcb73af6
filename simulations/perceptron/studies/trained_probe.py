r"""Probes that are trained, as in the paper: their angle is measured, not chosen.

A student is trained, for a few epochs say, on labelled examples of all N coordinates;
its unit weights are the probe, its angle to the teacher e_1 is

    theta = arccos(P.T),

and the margins of the pool that it gives are ranked and pruned.  The theory knows a
probe by theta alone: it takes the rest of P to be independent of the pool.  That holds
for a probe trained on examples of its own, by symmetry at every N.  A probe trained on
the pool itself knows its examples, and what it ranks low is not what a stranger at the
same angle would: :func:`simulate_trained_probe` measures the student's error beside the
theory's at the measured angle.
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
    solve,
)
from perceptron_theory.numerics.checks import check_margin

from ..data.point import Point
from ..data.pool import keep_by_rank, pool_sizes, rank_segments
from ..data.training_sets import (
    check_mode,
    check_request,
    draw_keys,
    draw_table,
    even_chunks,
    machine_memory,
)
from ..running.naming import as_number
from ..students.catalog import Gradient, MaxMarginStudent, Student, resolve_student
from ..students.contract import angle_to_teacher

# float64 numbers that the pools of a chunk of draws may hold at once (128 MiB)
_CHUNK_NUMBERS = 2**24
_BY_CHANCE = (
    "a trained probe prunes by rank: give a rule like 'hard', not KeepProbability"
)
_CHUNK_DRAWS = 64


@dataclass(frozen=True)
class TrainedProbe:
    """What is trained to be the probe, and on what.

    Args:
        student: trained on signed examples; by default 10 epochs of logistic descent.
        own_load: examples per dimension that the probe is trained on and that do not
            belong to the pool; None trains it on the pool.

    Raises:
        InputError: an unknown student, or a load that is not positive.
    """

    student: str | Student = field(default_factory=lambda: Gradient(epochs=10))
    own_load: float | None = None

    def __post_init__(self) -> None:
        resolve_student(self.student)
        if self.own_load is None:
            return
        object.__setattr__(self, "own_load", as_number(self.own_load, "own_load"))
        if not 0 < self.own_load < math.inf:
            raise InputError(f"own_load must be positive, got {self.own_load!r}")

    def examples(self, size: int, total: int) -> int:
        """How many examples it is trained on, beside a pool of ``total``.

        Raises:
            InputError: it has none.
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
    """Of the probe, on what it was trained on."""


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
        rngs: of NumPy, one a draw: for pool and ties of rank.
        keys: of JAX, one a draw: for the training of the probe.
        size: input dimension N.
        total: examples of the pool.
        kept: how many of them are kept.
        rule: "hard", "easy", "random" or a rule object that keeps by rank.
        margin: "absolute" |P.x| or "signed" y P.x.
        probe: what is trained.

    Returns:
        :class:`Pruned`.

    Raises:
        InputError: a ``KeepProbability``, or see :func:`.pool.rank_segments`.
        ConvergenceError: a probe that did not reach its goal.
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


def simulate_trained_probe(
    probe: TrainedProbe,
    *,
    alpha_tot: float,
    keep_fraction: float,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    pool: str = "drawn",
) -> xr.Dataset:
    """The paper's procedure from end to end, and the theory at the measured angles.

    Pools are the same for every probe (not the probe's own examples, if it has any):
    errors of several probes may be compared draw by draw.

    Args:
        probe: what is trained to be the probe.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: f.
        rule: as in :func:`prune_by_trained_probe`.
        margin: likewise.
        size: input dimension N, at least 2.
        draws: number of repetitions.
        seed: >= 0.
        first: number of the first draw.
        pool: "drawn"; the direct mode of :func:`.training_sets.training_sets` draws
            no pool that a probe could see, and is refused.

    Returns:
        Dataset over ``draw`` of theta (measured, radians), training_error (of the
        probe), probe_error (theta/pi), error (of the max-margin student trained on what
        is kept), predicted (its error in theory at this draw's theta), difference
        (error - predicted), kept (P) and alpha_prune (P/N); attributes N, pool (P_tot),
        seed, point, probe.  Means and standard errors: :func:`.averages.averages`; the
        mean of ``predicted`` is the theory averaged over the measured angles.

    Raises:
        InputError: numbers out of range, pool="direct", a pool too large for the
            memory, or a probe worse than chance.
        ConvergenceError: a probe or student that was not trained to its goal.
    """
    alpha_tot = as_number(alpha_tot, "alpha_tot")
    keep_fraction = as_number(keep_fraction, "keep_fraction")
    if not (alpha_tot > 0 and math.isfinite(alpha_tot)):
        raise InputError(f"alpha_tot must be positive, got {alpha_tot!r}")
    check_request(size, draws, seed, first)
    check_mode(pool)
    if pool == "direct":
        raise InputError(
            "a trained probe needs pool='drawn': its margins are those of whole "
            "examples, of a law that is known only once it is trained"
        )
    if isinstance(resolve_rule(rule), KeepProbability):
        raise InputError(_BY_CHANCE)
    point = Point(alpha_tot * keep_fraction, keep_fraction, rule=rule, margin=margin)
    total, kept = pool_sizes(size, point.alpha_prune, keep_fraction)
    numbers = (total + probe.examples(size, total)) * size
    needed, memory = 32.0 * numbers, machine_memory()  # a few copies of float64
    if needed > memory / 2:
        raise InputError(
            f"a pool of {total} whole examples at N = {size} takes "
            f"{needed / 2**30:.3g} GiB, and this machine has {memory / 2**30:.3g}: "
            "lower alpha_tot or N"
        )
    most = min(max(_CHUNK_NUMBERS // numbers, 1), _CHUNK_DRAWS)
    parts = []
    for chunk in even_chunks(first, draws, most):
        keys = draw_keys(seed, point, chunk)
        pruned = prune_by_trained_probe(
            [np.random.default_rng((seed, point.stream, size, n)) for n in chunk],
            keys,
            size=size,
            total=total,
            kept=kept,
            rule=rule,
            margin=margin,
            probe=probe,
        )
        student = MaxMarginStudent()(pruned.examples, keys)
        if not student.done.all():
            raise ConvergenceError(
                f"student of draw {chunk[int(np.argmin(student.done))]} at N = {size}, "
                f"seed {seed} was not trained: {point.label}"
            )
        error = angle_to_teacher(student.weights) / np.pi
        parts.append((pruned.theta, pruned.training_error, error))
    theta, training_error, error = map(np.concatenate, zip(*parts, strict=True))
    if theta.max() > math.pi / 2:
        raise InputError(
            f"a probe came out at {theta.max():.3f} radians, worse than chance: train "
            f"it longer or on more than {probe.examples(size, total)} examples"
        )
    predicted = np.asarray(
        solve(
            alpha_prune=kept / size,
            keep_fraction=kept / total,
            theta=theta,
            rule=rule,
            margin=margin,
        ).error
    )
    columns = {
        "theta": theta,
        "training_error": training_error,
        "probe_error": theta / np.pi,
        "error": error,
        "predicted": predicted,
        "difference": error - predicted,
    }
    table = draw_table(
        columns,
        [kept] * draws,
        point=point,
        size=size,
        pool=total,
        seed=seed,
        first=first,
    )
    return table.assign_attrs(probe=probe.name)
