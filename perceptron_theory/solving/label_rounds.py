r"""Students that label for their successors, and what a probe makes of it.

In every round a fresh pool is labelled by the student of the round before (by a given
label generator in the first), a probe prunes the pool, the same every time, and a
student is trained on what is left.  Of a generator only two angles matter: a to the
truth, theta to the probe.  With R, B and rho = R cos(theta) + B sin(theta) those
overlaps of the round's student that :mod:`.three_directions` has, its own are

    cos(theta') = rho(theta),
    cos(a') = R cos(a) + B (cos(p) - cos(theta) cos(a))/sin(theta),

p the angle of probe and truth.  So the angle to the probe has a map of its own, in one
dimension, whatever the truth; and with x = cos(theta), y = cos(a) - x cos(p), what the
generator knows of the truth beside the probe, the second line reads

    y' = (R - B cos(theta)/sin(theta)) y.

Two things follow.  Without pruning, or with random pruning, B = 0: both cosines shrink
by R in every round, and in the end nothing is left, whatever the load.  And where x
tends to a fixed point x* > 0, there B = x* (1 - R)/sin(theta), so that the factor of y
is (R - x*^2)/(1 - x*^2) < 1: y is lost, and

    cos(a) -> x* cos(p).

In the end the students know of the truth only what the probe tells them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..numerics.checks import one_number
from ..numerics.precision import eager_only
from ..rules.agreeing import Agreeing
from ..rules.rule import Rule
from ..students.student import Student
from ..students.three_directions import ThreeDirections
from .one_round import (
    GRID,
    Round,
    attributes_of,
    fixed_points,
    number_of_rounds,
    round_of,
)

if TYPE_CHECKING:
    import xarray as xr


@eager_only
def self_training(
    directions: ThreeDirections,
    *,
    rounds: int = 10,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    rule: str | Rule = "random",
    margin: str = "absolute",
    student: str | Student = "max_margin",
) -> xr.Dataset:
    r"""Students that train on each other's labels, round by round, N -> infinity.

    Each round has a fresh pool, labelled by the student of the round before and pruned
    by the same probe; the equations are at the top of
    :mod:`perceptron_theory.solving.label_rounds`.

    Args:
        directions: first label generator, truth and probe.
        rounds: how many students follow each other, at least 1.
        alpha_prune: kept examples per dimension in each round, one number; or
        alpha_tot: examples of each pool per dimension, one number.
        keep_fraction: f, one number (1 with ``rule="random"``: no pruning); not for a
            :class:`KeepProbability`.
        rule: as in :func:`solve`; :class:`Agreeing` keeps only where the probe agrees
            with the label of the round.
        margin: "absolute" or "signed".
        student: as in :func:`solve`, such as ``Convex("logistic", ridge=0.1)``, whose
            ``flip_probability`` is of the labels of every round.

    Returns:
        Dataset over ``round``, 0 (the first label generator) to ``rounds``: ``error``
        against the truth, ``cosine`` with the truth and ``probe_cosine`` with the
        probe; and, from round 1 on, ``label_error``, the student's error against the
        labels of its round, with its ``alpha_prune``, ``alpha_tot`` and
        ``keep_fraction``.

    Raises:
        InputError: an argument outside its range, or more than one number; label-aware
            keeping of more than agrees, in whichever round.
        ConvergenceError: a round that was not solved.

    Example:
        >>> import numpy as np
        >>> import perceptron_theory as pt
        >>> three = pt.ThreeDirections(*np.deg2rad([30.0, 20.0, 30.0]))
        >>> how = dict(rounds=3, alpha_tot=5.0)
        >>> alone = pt.self_training(three, keep_fraction=1.0, **how)
        >>> alone["error"].values.round(4).tolist()
        [0.1667, 0.1891, 0.2086, 0.2258]
        >>> aware = pt.Agreeing("easy")
        >>> checked = pt.self_training(three, keep_fraction=0.5, rule=aware, **how)
        >>> checked["error"].values.round(4).tolist()
        [0.1667, 0.1471, 0.1478, 0.1478]
    """
    import xarray as xr

    count = number_of_rounds(rounds)
    if not isinstance(directions, ThreeDirections):
        raise InputError(
            "directions must be perceptron_theory.ThreeDirections, got "
            f"{type(directions).__name__}"
        )
    every = round_of(alpha_prune, alpha_tot, keep_fraction, rule, margin, student)
    three = directions.replaced(
        **{
            name: float(one_number(name, getattr(directions, name)))
            for name in directions.fields()
        }
    )
    angles, of_students = [(three.label_angle, three.between)], []
    for _ in range(count):
        found, truth, probe = every.trained_on(three)
        three = three.replaced(label_angle=truth, between=probe)
        angles.append((truth, probe))
        names = "error", "alpha_prune", "alpha_tot", "keep_fraction"
        of_students.append([float(getattr(found, name)) for name in names])
    truth, probe = np.array(angles).T
    columns = np.array([[np.nan] * 4, *of_students]).T
    names = "label_error", "alpha_prune", "alpha_tot", "keep_fraction"
    values = {"error": truth / np.pi, "cosine": np.cos(truth)}
    values |= {"probe_cosine": np.cos(probe), **dict(zip(names, columns, strict=True))}
    return xr.Dataset(
        {name: ("round", value) for name, value in values.items()},
        {"round": np.arange(len(truth))},
        attributes_of(every) | {"probe_angle": three.probe_angle},
    )


@eager_only
def self_training_fixed_points(
    *,
    probe_angle: Any = 0.0,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    keep_fraction: Any = None,
    rule: str | Rule = "random",
    margin: str = "absolute",
    student: str | Student = "max_margin",
) -> xr.Dataset:
    """Where self-training comes to rest: the fixed points of its map.

    They are looked for between neighbours of 81 angles of label generator and probe,
    from 0 to pi: two between the same neighbours are not seen.  Of the absolute margin,
    where both signs of the probe are alike, up to pi/2; with label-aware keeping up to
    where less than f agrees, or for a :class:`KeepProbability` up to pi/2.

    Args:
        probe_angle: of probe and truth in radians, [0, pi], one number.
        alpha_prune: as in :func:`self_training`, and the others.
        alpha_tot: the same.
        keep_fraction: the same.
        rule: the same.
        margin: the same.
        student: the same.

    Returns:
        Dataset over ``fixed_point``, in order of ``probe_cosine``: that cosine x*, the
        ``slope`` of the map x -> x' there, whether it is ``stable`` (|slope| < 1), and
        of a student at rest there the ``cosine`` with the truth, x* cos(probe_angle),
        and the ``error``.  x* = 0 is collapse: the students know nothing any more;
        x* < 0: they are against the probe.

    Raises:
        InputError: an argument outside its range, or more than one number.
        ConvergenceError: a point of the map that was not solved.

    Example:
        >>> import perceptron_theory as pt
        >>> how = dict(alpha_tot=5.0, keep_fraction=0.5, probe_angle=0.35)
        >>> rest = pt.self_training_fixed_points(rule=pt.Agreeing("easy"), **how)
        >>> rest["error"].values.round(4).tolist(), rest["stable"].values.tolist()
        ([0.148], [True])
        >>> rest = pt.self_training_fixed_points(rule="random", **how)
        >>> rest["error"].values.round(4).tolist(), rest["stable"].values.tolist()
        ([0.5], [True])
    """
    import xarray as xr

    angle = float(one_number("probe_angle", probe_angle))
    if not 0 <= angle <= np.pi:
        raise InputError(f"probe_angle must be in [0, pi] radians, got {angle:g}")
    every = round_of(alpha_prune, alpha_tot, keep_fraction, rule, margin, student)

    def rise(x: Any) -> Any:
        return every.probe_cosine(x) - x

    least = _least_cosine(every)
    x = np.cos(np.linspace(np.arccos(least), 0.0, GRID + 1))
    x[0] = least
    if least == -1.0:
        x[GRID // 2] = 0.0
    found, slope = fixed_points(rise, x)
    cosine = found * np.cos(angle)
    columns = {
        "probe_cosine": found,
        "slope": slope,
        "stable": np.abs(slope) < 1,
        "cosine": cosine,
        "error": np.arccos(cosine) / np.pi,
    }
    return xr.Dataset(
        {name: ("fixed_point", value) for name, value in columns.items()},
        attrs=attributes_of(every) | {"probe_angle": angle},
    )


def _least_cosine(every: Round) -> float:
    """The least cosine of label generator and probe at which the map is scanned."""
    if not isinstance(every.rule, Agreeing):
        return 0.0 if every.margin == "absolute" or every.rule.indifferent else -1.0
    f = every.keep_fraction
    if f is None:
        return 0.0
    p = float(getattr(every.student, "flip_probability", 0.0))
    most = np.pi * (1.0 - f - p) / (1.0 - 2.0 * p)
    if most <= 0:
        raise InputError(
            f"keep_fraction = {f:g} is more than agrees with any probe, which is at "
            f"most {1.0 - p:g}"
        )
    return float(np.cos(most))
