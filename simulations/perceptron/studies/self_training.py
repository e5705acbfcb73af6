r"""Students that label for their successors, at finite N: theory in ``self_training``.

Everything is drawn in full: unit vectors for truth, probe and first label generator,
and in every round a fresh pool of N coordinates, labelled by the weights of the student
of the round before, pruned by the probe, and given to the next student.  One round is
the setting of three directions.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from jaxtyping import Float

from perceptron_theory import InputError, Rule, ThreeDirections
from perceptron_theory.numerics.checks import one_number

from ..data.ensemble import Ensemble
from ..data.requests import check_request
from ..data.scored_pools import kept_examples
from ..data.source import draw_keys
from ..students.catalog import resolve_student
from ..students.contract import Student
from .training_rounds import (
    batches_of_draws,
    checked_rounds,
    streams_of,
    trained_weights,
)


def simulate_self_training(
    directions: ThreeDirections,
    *,
    rounds: int = 1,
    alpha_prune: float,
    keep_fraction: float | None = None,
    rule: str | Rule = "random",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
) -> xr.Dataset:
    """Train students on each other's labels, and measure their angles.

    Every draw has its own random stream, the same whichever others are made.

    Args:
        directions: first label generator, truth and probe.
        rounds: how many students follow each other.
        alpha_prune: kept examples per dimension in the first round.  All pools have the
            same size, so that of a ``KeepProbability`` later rounds keep more or less.
        keep_fraction: f; not for a ``KeepProbability``.
        rule: as in :func:`simulate`; ``Agreeing`` keeps only where the probe agrees
            with the label of the round.
        margin: "absolute" or "signed".
        student: a name or an object, as in :func:`simulate`.
        size: input dimension N, at least 3.
        draws: number of independent repetitions.
        seed: seed of the whole family of experiments, >= 0.
        first: number of the first draw.

    Returns:
        Dataset over ``draw`` and ``round`` (0: the first label generator) of ``error``
        against the truth, ``cosine`` with the truth and ``probe_cosine`` with the
        probe; and, from round 1 on, ``label_error`` against the labels of the round.

    Raises:
        InputError: a number out of range, or nothing is kept.
        ConvergenceError: a student did not reach its goal.
    """
    check_request(size, draws, seed, first)
    if size < 3:
        raise InputError(f"three directions need size >= 3, got {size}")
    count = checked_rounds(rounds)
    trainer = resolve_student(student)
    angles = [float(one_number(x, getattr(directions, x))) for x in directions.fields()]
    start = _vectors(ThreeDirections(*angles), size)
    ensemble = Ensemble(alpha_prune, keep_fraction, angles[2], rule, margin)
    parts = [
        _trained(ensemble, trainer, start, count, seed, numbers)
        for numbers in batches_of_draws(first, draws)
    ]
    columns = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    return xr.Dataset(
        {name: (("draw", "round"), values) for name, values in columns.items()},
        {"draw": np.arange(first, first + draws), "round": np.arange(count + 1)},
        {
            "N": size,
            "seed": seed,
            "point": ensemble.label,
            "student": trainer.name,
            **dict(zip(directions.fields(), angles, strict=True)),
        },
    )


def _vectors(directions: ThreeDirections, size: int) -> Float[np.ndarray, "3 {size}"]:
    """Unit vectors: label generator, truth and probe."""
    found = np.zeros((3, size))
    beside, outside = float(directions.beside), float(directions.outside)
    found[0, 0] = 1.0
    found[1, :3] = math.cos(directions.label_angle), beside, math.sqrt(outside)
    found[2, :2] = math.cos(directions.between), math.sin(directions.between)
    return found


def _trained(
    ensemble: Ensemble,
    student: Student,
    start: Float[np.ndarray, "3 N"],
    rounds: int,
    seed: int,
    numbers: range,
) -> dict[str, Float[np.ndarray, "draw round"]]:
    """The columns of some draws."""
    first, truth, probe = start
    labelling = np.tile(first, (len(numbers), 1))
    streams = streams_of(seed, ensemble, len(first), numbers, 7)
    keys = draw_keys(seed, ensemble, numbers)
    columns = {
        "error": [_angle(labelling, truth) / np.pi],
        "cosine": [labelling @ truth],
        "probe_cosine": [labelling @ probe],
        "label_error": [np.full(len(numbers), np.nan)],
    }
    for _ in range(rounds):
        sets = [
            kept_examples(rng, ensemble, g, probe)
            for rng, g in zip(streams, labelling, strict=True)
        ]
        w = trained_weights(student, sets, keys, ensemble)
        columns["error"].append(_angle(w, truth) / np.pi)
        columns["cosine"].append(w @ truth)
        columns["probe_cosine"].append(w @ probe)
        columns["label_error"].append(_angle(w, labelling) / np.pi)
        labelling = w
    return {name: np.stack(values, axis=1) for name, values in columns.items()}


def _angle(
    one: Float[np.ndarray, "draw N"], other: Float[np.ndarray, "*#draw N"]
) -> Float[np.ndarray, " draw"]:
    """The angle of unit vectors, with all digits of a small one."""
    apart = np.linalg.norm(one - other, axis=-1), np.linalg.norm(one + other, axis=-1)
    return 2.0 * np.arctan2(*apart)
