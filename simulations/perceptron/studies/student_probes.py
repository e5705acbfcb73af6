"""Students that select for their successors, at finite N: theory in ``student_probes``.

Everything is drawn in full: in every round a fresh pool of N coordinates, labelled by
the teacher, scored by the weights of the student of the round before, and a student
trained on what is kept, or on all that was kept so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float

from perceptron_theory import LabelNoise, Rule
from perceptron_theory.kept.label_laws import resolve_label_noise
from perceptron_theory.solving.one_round import each_round

from ..data.ensemble import Ensemble
from ..data.requests import check_request
from ..data.scored_pools import kept_examples
from ..data.source import draw_keys
from ..students.catalog import resolve_student
from ..students.contract import Student, angle_to_teacher
from .training_rounds import (
    batches_of_draws,
    checked_rounds,
    streams_of,
    trained_weights,
)


def simulate_selection_rounds(
    *,
    rounds: int = 1,
    alpha_prune: float | Sequence[float],
    keep_fraction: float | Sequence[float],
    rule: str | Rule = "hard",
    margin: str = "absolute",
    student: str | Student = "max_margin",
    first_theta: float = math.pi / 2,
    all_labels: bool = False,
    label_noise: str | LabelNoise | None = None,
    flip_probability: float = 0.0,
    size: int,
    draws: int,
    seed: int,
    first: int = 0,
) -> xr.Dataset:
    """Train students on what the students before them chose, and measure their errors.

    Every draw has its own random stream, the same whichever others are made.

    Args:
        rounds: how many students follow each other.
        alpha_prune: kept examples per dimension, one number or one for each round.
        keep_fraction: f, the same.
        rule: as in :func:`simulate`, with a keep fraction.
        margin: "absolute" or "signed".
        student: a name or an object, as in :func:`simulate`.
        first_theta: angle of the teacher and the probe of the first round, [0, pi/2].
        all_labels: train on the kept examples of all rounds so far, not of the last.
        label_noise: as in :func:`simulate`.
        flip_probability: the same.
        size: input dimension N.
        draws: number of independent repetitions.
        seed: seed of the whole family of experiments, >= 0.
        first: number of the first draw.

    Returns:
        Dataset over ``draw`` and ``round`` (0: the first probe) of ``error``.

    Raises:
        InputError: a number out of range, or nothing is kept.
        ConvergenceError: a student did not reach its goal.
    """
    check_request(size, draws, seed, first)
    count = checked_rounds(rounds)
    loads = each_round("alpha_prune", alpha_prune, count).tolist()
    fractions = each_round("keep_fraction", keep_fraction, count).tolist()
    steps = [
        Ensemble(load, f, first_theta, rule, margin)
        for load, f in zip(loads, fractions, strict=True)
    ]
    noise = resolve_label_noise(label_noise, None)
    labels: dict[str, Any] = {
        "label_noise": noise,
        "flip_probability": flip_probability,
    }
    trainer = resolve_student(student)
    parts = [
        _errors(steps, trainer, all_labels, size, seed, numbers, labels)
        for numbers in batches_of_draws(first, draws)
    ]
    return xr.Dataset(
        {"error": (("draw", "round"), np.concatenate(parts))},
        {"draw": np.arange(first, first + draws), "round": np.arange(count + 1)},
        {
            "N": size,
            "seed": seed,
            "point": steps[0].label,
            "student": trainer.name,
            "labels": "all rounds" if all_labels else "last round",
        },
    )


def _errors(
    steps: list[Ensemble],
    student: Student,
    all_labels: bool,
    size: int,
    seed: int,
    numbers: range,
    labels: dict[str, Any],
) -> Float[np.ndarray, "draw round"]:
    """The errors of some draws, those of the first probe before them."""
    teacher = np.zeros(size)
    teacher[0] = 1.0
    theta = steps[0].theta
    probe = np.zeros(size)
    probe[:2] = math.cos(theta), math.sin(theta)
    probes = np.tile(probe, (len(numbers), 1))
    streams = streams_of(seed, steps[0], size, numbers, 8)
    keys = draw_keys(seed, steps[0], numbers)
    kept = [step.pool_sizes(size, labels["flip_probability"])[1] for step in steps]
    # all rounds are trained in arrays of one shape, by one program
    rows = sum(kept) if all_labels else max(kept)
    known: list[list[np.ndarray]] = [[] for _ in numbers]
    errors = [np.full(len(numbers), theta / np.pi)]
    for step in steps:
        for rng, probe, sets in zip(streams, probes, known, strict=True):
            new = kept_examples(rng, step, teacher, probe, **labels)
            sets[:] = [*sets, new] if all_labels else [new]
        sets = [np.concatenate(one) for one in known]
        probes = trained_weights(student, sets, keys, step, rows)
        errors.append(angle_to_teacher(probes) / np.pi)
    return np.stack(errors, axis=1)
