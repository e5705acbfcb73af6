r"""The one loop of draws: sets are drawn, a student is trained, its error is measured.

Every draw has its own random stream, derived from (seed, point, N, number of the draw):
it is the same whichever others are made, in whatever order, on however many devices.
Sets are filled up to one shape a point, so that one kind of device gives the same bits
each time.  (Of the max-margin student, requests of up to 32 draws give those of NumPy,
and larger ones those of XLA.)

What varies between experiments is an object: the *source* of the training sets
(:mod:`simulations.perceptron.data.source`) and the *student*
(:mod:`simulations.perceptron.students.contract`).
"""

from __future__ import annotations

import math

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

from perceptron_theory import ConvergenceError, InputError, LabelNoise

from ..data.batches import batch_for, stack_sets
from ..data.pruned_pools import PrunedPools
from ..data.requests import check_request
from ..data.source import Source
from ..hardware.devices import gather_hosts, local_devices, spread_over
from ..naming import require
from ..students.catalog import resolve_student
from ..students.contract import Student, Trained, angle_to_teacher
from .point import Point


def simulate(
    point: Point,
    *,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    pool: str = "drawn",
    flip_probability: float = 0.0,
    label_noise: LabelNoise | str | None = None,
    device: str | None = None,
) -> xr.Dataset:
    """Draw pools, prune them, train the students and measure their errors.

    All local devices of the kind are used at once, and every host that
    :func:`~simulations.perceptron.hardware.devices.join_hosts` has joined; each host
    gets all results.

    Args:
        point: the parameters, the student among them.
        size: input dimension N, at least 2.
        draws: number of independent repetitions.
        seed: seed of the whole family of experiments, >= 0.
        first: number of the first draw: simulating 0..9 and then 10..19 gives the
            same as simulating 0..19.
        pool: "drawn", or "direct": see
            :class:`~simulations.perceptron.data.pruned_pools.PrunedPools`.
        flip_probability: probability that a label of the pool is wrong; the signed
            margin that is ranked is that of the wrong label.
        label_noise: of the teacher, ``Probit(0.5)`` or "probit:0.5", as
            ``perceptron_theory.solve_convex`` takes it; flips come after it.
        device: "cpu", "gpu" or "tpu"; None is JAX's default.

    Returns:
        Dataset over ``draw`` of error (of fresh examples with right labels), overlap
        (R), probe_overlap (rho), certificate (its attribute ``long_name`` says of
        what), kept (P) and the student's own columns (max_margin: margin kappa,
        status); the attributes are N, pool (P_tot), seed, point and student.

    Raises:
        InputError: a size is below 2, draws are below 1, nothing is kept, a pool is too
            large for the memory, or the device is not here.
        ConvergenceError: a student did not reach its goal.
    """
    check_request(size, draws, seed, first)
    return run_draws(
        PrunedPools(point, size, seed, pool, flip_probability, label_noise),
        resolve_student(point.student),
        draws=draws,
        first=first,
        theta=point.theta,
        device=device,
    )


def run_draws(
    source: Source,
    student: Student,
    *,
    draws: int,
    first: int = 0,
    theta: float | None = None,
    device: str | None = None,
) -> xr.Dataset:
    """Train a student on the sets of a source, in batches, and measure it.

    Args:
        source: where the training sets come from.
        student: what is trained on them.
        draws: number of sets.
        first: number of the first of them.
        theta: angle of the probe cos(theta) e_1 + sin(theta) e_2 in radians, which the
            column probe_overlap belongs to; None leaves that column out.
        device: "cpu", "gpu" or "tpu"; None is JAX's default.

    Returns:
        As :func:`simulate`, and what the source has measured of each set.

    Raises:
        InputError: the device is not here, or the student returns weights of the wrong
            shape or a column that is not its own.
        ConvergenceError: a student did not reach its goal.
    """
    devices, hosts = local_devices(device), jax.process_count()
    batch = batch_for(first + draws, source.batch)
    rows, size = source.rows, source.size
    repeat = student.padding == "repeat"
    parts = []
    begin, end = first, first + draws
    while begin < end:
        # No more devices take part than have something to do.
        each = min(math.ceil((end - begin) / (batch * hosts)), len(devices)) * batch
        start = begin + jax.process_index() * each
        length = min(max(end - start, 0), each)
        sets = source.draw(range(start, start + max(length, 1)))
        stacked = stack_sets(sets.examples, each, repeat=repeat, rows=rows)
        keys = source.keys(range(start, start + each))
        with spread_over(devices[: each // batch]):
            trained = student(stacked, keys)
        _check_result(student, trained, (each, size))
        of_sets = {"kept": np.array([len(s) for s in sets.examples]), **sets.columns}
        columns = _measure(trained, theta)
        columns |= {name: np.resize(column, each) for name, column in of_sets.items()}
        gathered = gather_hosts(columns)
        parts.append({name: column[: end - begin] for name, column in gathered.items()})
        begin += each * hosts
    columns = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    done = columns.pop("done").astype(bool)
    if not done.all():
        worst = int(np.argmin(done))
        raise ConvergenceError(
            f"{student.name}, draw {first + worst} at N = {size}, seed {source.seed}, "
            f"did not reach its goal ({student.certificate_name}: "
            f"{columns['certificate'][worst]:.2g}): {source.ensemble.label}"
        )
    dataset = xr.Dataset(
        {name: ("draw", values) for name, values in columns.items()},
        coords={"draw": np.arange(first, end)},
        attrs={
            "N": size,
            "pool": source.total,
            "seed": source.seed,
            "point": source.ensemble.label,
            "student": student.name,
        },
    )
    dataset.certificate.attrs["long_name"] = student.certificate_name
    return dataset


_MEASURED = ("error", "overlap", "probe_overlap", "certificate", "done", "kept")


def _check_result(student: Student, trained: Trained, shape: tuple[int, int]) -> None:
    """Refuse what a student of a user's own must not return."""
    found = np.shape(trained.weights)
    what = f"the student {student.name} must return weights of shape (batch, N) ="
    require(found == shape, f"{what} {shape}", found)
    taken = [name for name in _MEASURED if name in trained.columns]
    if taken:
        raise InputError(
            f"the student {student.name} returns the column {taken[0]!r}, which the "
            "experiment measures itself: give it another name"
        )


def _measure(
    trained: Trained, theta: float | None
) -> dict[str, Float[np.ndarray, " draw"]]:
    """Errors and overlaps of unit students; the teacher is e_1."""
    w = trained.weights
    overlap, length = w[:, 0], np.linalg.norm(w, axis=1)
    done = np.asarray(trained.done) & (np.abs(length - 1.0) < 1e-6)  # not NaN either
    columns = {"error": angle_to_teacher(w) / np.pi, "overlap": overlap}
    if theta is not None:
        along = math.cos(theta) * overlap + math.sin(theta) * w[:, 1]
        columns["probe_overlap"] = along
    return columns | {
        "certificate": np.asarray(trained.certificate, float),
        "done": done.astype(float),
        **trained.columns,
    }
