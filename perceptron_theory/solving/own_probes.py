"""The front door for pools that are pruned by a probe trained on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..convex.hard_margin import HardMargin
from ..convex.losses import hinge
from ..convex.solution import ConvexSolution
from ..convex.student import Convex, check_flips
from ..errors import ConvergenceError, InputError
from ..numerics.checks import (
    SMALLEST,
    check_fraction,
    check_load,
    check_margin,
    one_number,
    refuse,
    refuse_part,
)
from ..numerics.precision import eager_only, own_settings
from ..own_probe.kept_pool import kept_margins, mean_example
from ..own_probe.path import find_student
from ..own_probe.probe import Probe
from ..own_probe.solution import OwnProbeSolution, describe, describe_twin
from ..rules.keep_probability import KeepProbability
from ..rules.names import resolve_rule
from ..rules.rule import Rule, check_rule
from ..students.student import Student
from .front_door import solve


def hebb(margin: Any) -> Any:
    """The loss whose student is the sum of all y x: the margin itself, negative."""
    return -margin


@eager_only
def solve_own_probe(
    *,
    alpha_tot: Any,
    keep_fraction: Any,
    rule: str | Rule = "hard",
    margin: str = "absolute",
    probe: str | Convex,
    student: str | Student = "max_margin",
    trained_part: Any = 1.0,
    flip_probability: Any = 0.0,
) -> OwnProbeSolution:
    r"""The student of what a probe keeps of the pool that it was trained on.

    The probe is trained on the pool to its minimum, ranks it, and the student is
    trained on what is kept, as N -> infinity.  :func:`solve` and :func:`solve_convex`
    are of a fresh probe, which knows nothing of the pool but a direction; one that was
    trained on it ranks each example by a margin that the example has moved.  Equations
    and derivation: :mod:`perceptron_theory.own_probe.equations`.

    Args:
        alpha_tot: examples of the pool per dimension, one number.
        keep_fraction: f in (0, 1], one number.
        rule: "hard", "easy", "random" or a rule object of ranks (no
            :class:`KeepProbability`, no :class:`Agreeing`).
        margin: "absolute" |p.x| or "signed" y p.x, of the trained probe p.
        probe: ``Convex(loss, ridge)`` of any loss but the hinge (which gives many
            examples the same margin, 1), or "hebb": the sum of all y x.
        student: ``Convex(loss, ridge)``, or "max_margin".
        trained_part: the part of the pool, taken at random, that the probe is trained
            on, in (0, 1]; all of the pool is pruned.
        flip_probability: of every label of the pool, before all else, in [0, 1/2).

    Returns:
        :class:`OwnProbeSolution`.

    Raises:
        InputError: an argument outside its range, or more than one number.
        ConvergenceError: a probe or a student that was not found; of largest margin
            there may be none where labels are wrong.

    Example:
        >>> import perceptron_theory as pt
        >>> ridge = pt.Convex("square", ridge=0.1)
        >>> pool = dict(alpha_tot=4.0, keep_fraction=0.3, margin="signed")
        >>> own = pt.solve_own_probe(probe=ridge, student=ridge, **pool)
        >>> fresh = pt.solve(theta=own.theta, student=ridge, **pool)
        >>> f"{own.error:.6f} {float(fresh.error):.6f}"
        '0.183286 0.358972'
    """
    alpha_tot = one_number("alpha_tot", alpha_tot)
    check_load("alpha_tot", alpha_tot)
    keep_fraction = one_number("keep_fraction", keep_fraction)
    check_fraction("keep_fraction", keep_fraction)
    least = f"at least {SMALLEST:g}"
    refuse("keep_fraction", keep_fraction, keep_fraction < SMALLEST, least)
    flips = one_number("flip_probability", flip_probability)
    check_flips(flips)
    part = one_number("trained_part", trained_part)
    refuse_part("trained_part", part, ~((part > 0) & (part <= 1)), "in (0, 1]")
    check_margin(margin)
    ranks = resolve_rule(rule)
    if isinstance(ranks, KeepProbability):
        raise InputError(
            "solve_own_probe takes rules of ranks, such as 'hard' or "
            "Window(lower=0.3): not a KeepProbability"
        )
    check_rule(ranks, keep_fraction, margin)
    pruner = _convex("probe", Convex(hebb, 1.0) if probe == "hebb" else probe)
    taught = HardMargin() if student == "max_margin" else student
    taught = _convex("student", taught)
    if isinstance(pruner, HardMargin) or pruner.loss is hinge:
        raise InputError(
            f"the probe {pruner.name} gives many examples the margin 1, and no order: "
            "give Convex of another loss, or 'hebb'"
        )
    load, f = float(alpha_tot), float(keep_fraction)
    with own_settings(x64=True):
        trained = _trained(pruner, load, float(part), float(flips))
        alike = (pruner.loss, pruner.ridge) == (taught.loss, taught.ridge)
        if alike and f == part == 1.0:
            return describe_twin(trained, load, float(taught.ridge))
        kept = kept_margins(trained, load, f, ranks, margin)
        _check_digits(mean_example(kept).one, load * f, pruner)
        hard = isinstance(taught, HardMargin)
        ridge = None if hard else float(taught.ridge)
        x, residual = find_student(taught.loss, ridge or 1.0, kept)
        return describe(x, residual, trained, (load, f), ridge)


def _convex(name: str, student: Any) -> Convex:
    """A probe or student, of numbers that can be solved.

    Raises:
        InputError: no :class:`Convex`, more than one number, or labels of its own.
    """
    if not isinstance(student, Convex):
        other = "'hebb'" if name == "probe" else "'max_margin'"
        raise InputError(
            f"{name} must be perceptron_theory.Convex(loss, ridge) or {other} here, "
            f"got {student!r}"
        )
    student.check()
    one_number("ridge", student.ridge)
    noisy = student.label_noise is not None or np.any(student.flip_probability)
    if noisy:
        raise InputError(
            f"the labels that {name} and all others see are those of the pool: give "
            "flip_probability to solve_own_probe, and no other label noise"
        )
    return student


def _check_digits(found: float, wanted: float, probe: Convex) -> None:
    """What is kept has the load that it should have.

    Raises:
        ConvergenceError: the margins of the pool differ by too little to be ranked.
    """
    if not abs(found / wanted - 1.0) <= 1e-7:
        raise ConvergenceError(
            f"the probe {probe.name} gives the examples of its pool margins that "
            f"differ too little to be ranked in float64: {found:.9g} of {wanted:.9g} "
            "examples a dimension were found; give it a larger ridge"
        )


def _trained(probe: Convex, alpha_tot: float, part: float, flips: float) -> Probe:
    """The probe of a part of the pool.

    Raises:
        ConvergenceError: it was not found.
    """
    found = solve(
        alpha_prune=alpha_tot * part,
        keep_fraction=1.0,
        rule="random",
        student=probe.replaced(flip_probability=flips),
    )
    assert isinstance(found, ConvexSolution)
    along, _, across = map(float, found.weights)
    response = float(found.response)
    return Probe(probe.loss, along, across, response, part, flips)
