r"""Draws of the whole experiment: pool, pruning, training, error of the student.

Every draw has its own random stream, derived from (seed, point, N, number of the draw):
it is the same whichever others are made, in whatever order, on however many devices.
Sets are trained in batches of one shape a point, which no request changes, so that one
kind of device gives the same bits each time.
"""

from __future__ import annotations

import math

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

from perceptron_theory import ConvergenceError

from ..data.point import Point
from ..data.training_sets import (
    batch_draws,
    check_request,
    draw_keys,
    fixed_rows,
    realisable_sizes,
    stack_sets,
    training_sets,
)
from ..students.catalog import resolve_student
from ..students.contract import Trained, angle_to_teacher
from .devices import gather_hosts, local_devices, spread_over


def simulate(
    point: Point,
    *,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
    pool: str = "drawn",
    device: str | None = None,
) -> xr.Dataset:
    """Draw pools, prune them, train the students and measure their errors.

    On every local device of the kind at once, and on every host that
    :func:`.devices.join_hosts` has joined; each host gets all results.

    Args:
        point: the parameters, the student among them.
        size: input dimension N, at least 2.
        draws: number of independent repetitions.
        seed: of the whole family of experiments, >= 0.
        first: number of the first draw: simulating 0..9 and then 10..19 gives the
            same as simulating 0..19.
        pool: "drawn", or "direct": see :func:`.training_sets.training_sets`.
        device: "cpu", "gpu" or "tpu"; None is JAX's default.

    Returns:
        Dataset over ``draw`` of error, overlap (R), probe_overlap (rho), certificate
        (attribute ``long_name`` says of what), kept (P) and the student's own columns
        (max_margin: margin kappa, status); attributes N, pool (P_tot), seed, point,
        student.

    Raises:
        InputError: sizes below 2, draws below 1, nothing kept, a pool too large for
            the memory, or a device that is not here.
        ConvergenceError: a student that did not reach its goal.
    """
    check_request(size, draws, seed, first)
    student = resolve_student(point.student)
    devices, hosts = local_devices(device), jax.process_count()
    batch = batch_draws(point, size)
    total, kept = realisable_sizes(point, size)
    rows = fixed_rows(point, kept)
    parts, counts = [], []
    begin, end = first, first + draws
    while begin < end:
        # no more devices than have something to do
        each = min(math.ceil((end - begin) / (batch * hosts)), len(devices)) * batch
        start = begin + jax.process_index() * each
        length = min(max(end - start, 0), each)
        sets = training_sets(
            point, size=size, draws=max(length, 1), seed=seed, first=start, pool=pool
        )
        stacked = stack_sets(sets, each, repeat=student.padding == "repeat", rows=rows)
        with spread_over(devices[: each // batch]):
            trained = student(
                stacked, draw_keys(seed, point, range(start, start + each))
            )
        columns = _measure(trained, point.theta)
        columns["kept"] = np.resize([len(s) for s in sets], each)
        gathered = gather_hosts(columns)
        parts.append(gathered)
        counts.append(min(each * hosts, end - begin))
        begin += each * hosts
    columns = {
        name: np.concatenate([p[name][:n] for p, n in zip(parts, counts, strict=True)])
        for name in parts[0]
    }
    done = columns.pop("done").astype(bool)
    if not done.all():
        worst = int(np.argmin(done))
        raise ConvergenceError(
            f"{student.name}, draw {first + worst} at N = {size}, seed {seed}, did not "
            f"reach its goal ({student.certificate_name}: "
            f"{columns['certificate'][worst]:.2g}): "
            f"{point.label}"
        )
    dataset = xr.Dataset(
        {name: ("draw", values) for name, values in columns.items()},
        coords={"draw": np.arange(first, end)},
        attrs={
            "N": size,
            "pool": total,
            "seed": seed,
            "point": point.label,
            "student": student.name,
        },
    )
    dataset.certificate.attrs["long_name"] = student.certificate_name
    return dataset


def _measure(trained: Trained, theta: float) -> dict[str, Float[np.ndarray, " draw"]]:
    """Errors and overlaps of unit students, teacher e_1, probe in the plane (1, 2)."""
    w = trained.weights
    overlap, length = w[:, 0], np.linalg.norm(w, axis=1)
    done = np.asarray(trained.done) & (np.abs(length - 1.0) < 1e-6)  # not NaN either
    return {
        "error": angle_to_teacher(w) / np.pi,
        "overlap": overlap,
        "probe_overlap": math.cos(theta) * overlap + math.sin(theta) * w[:, 1],
        "certificate": np.asarray(trained.certificate, float),
        "done": done.astype(float),
        **trained.columns,
    }
