"""Which examples to keep: hard, easy or random (Sorscher et al. 2022, Figs. 1B, 1C)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..errors import ConvergenceError, InputError
from ..numerics.checks import check_fraction, check_load
from ..numerics.precision import eager_only
from ..solving.neighbours import remembering
from ..students.student import Student
from ..wording import some_of
from .attributes import PER_DIMENSION, POOL, Parts
from .crossings import (
    NEAREST,
    STRATEGIES,
    Plane,
    all_errors,
    axis,
    boundaries,
    diagram_of,
)
from .ends import OneEnd
from .known_points import remembered
from .learner import learner_at

if TYPE_CHECKING:
    import xarray as xr

FINEST = 24  # points a direction in which the boundaries are looked for, at least
SLIGHTEST = 1e-3  # cosine of probe and teacher: the errors differ by its square
TOLERANCE = 1e-8  # of ln alpha_tot and ln f on a boundary


@eager_only
def phase_diagram(
    alpha_tot: Any,
    keep_fraction: Any,
    *,
    theta: Any = 0.0,
    margin: str = "absolute",
    student: str | Student = "max_margin",
    loss: Any = None,
    ridge: Any = None,
    flip_probability: Any = 0.0,
    label_noise: Any = None,
) -> xr.Dataset:
    """The errors of three strategies on a grid, and where they cross.

    Args:
        alpha_tot: examples of the pool per dimension, increasing, (n,).
        keep_fraction: f in (0, 1], increasing, (m,).
        theta: angle of teacher and probe in radians.
        margin: "absolute" (|P.x|) or "signed" (y P.x).
        student: any that :func:`solve` takes.
        loss: a convex loss in place of a student, as in :func:`solve_convex`.
        ridge: of that loss: a number, or "optimal", the best one of each strategy.
        flip_probability: of the labels of the pool, with a loss.
        label_noise: of the teacher, with a loss: as in :func:`solve_convex`, with its
            strength, ``Probit(0.5)`` or "probit:0.5".

    Returns:
        On the dimensions ``alpha_tot`` and ``keep_fraction``: ``error_hard``,
        ``error_easy``, ``error_random`` and ``best``, the strategy of least error
        ("equal" at f = 1).  On the dimension ``boundary_point``: the crossings of two
        errors within the ranges of the grid, at relative tolerance 1e-8, with
        ``boundary_kind`` ("hard/easy", ...), ``boundary_branch`` (points of a number
        form one curve, in order), ``boundary_alpha_tot``, ``boundary_keep_fraction``,
        ``boundary_error`` and ``boundary_best``: whether the two are the best of the
        three there, so that the crossing is a boundary of ``best``.  On the dimension
        ``triple_point`` (it may be empty): ``triple_alpha_tot``,
        ``triple_keep_fraction`` and ``triple_error``, where all three errors agree.
        Crossings are looked for on at least 24 x 24 points; two that fall between two
        neighbouring ones are not seen.

    Raises:
        InputError: an argument outside its range or not increasing, or a probe at right
            angles to the teacher, where the three are equal.
        ConvergenceError: a point of the grid or a boundary that was not solved.
    """
    given = dict(locals())
    import xarray as xr  # a third of a second

    return xr.Dataset(*phases(**given))


@remembering()
def phases(
    alpha_tot: Any,
    keep_fraction: Any,
    *,
    theta: Any,
    margin: str,
    **learner_of: Any,
) -> Parts:
    """As :func:`phase_diagram`, for those who need no dataset."""
    loads = axis("alpha_tot", alpha_tot)
    fractions = axis("keep_fraction", keep_fraction)
    check_load("alpha_tot", loads)
    check_fraction("keep_fraction", fractions)
    learner = learner_at(theta, margin, **learner_of)
    if margin == "absolute" and np.cos(learner.theta) < SLIGHTEST:
        raise InputError(
            f"theta is {np.rad2deg(learner.theta):.6g} degrees: a probe at right "
            "angles to the teacher knows nothing of it, and the errors of all "
            "strategies are equal up to rounding; a diagram takes up to "
            f"{np.floor(10 * np.rad2deg(np.arccos(SLIGHTEST))) / 10:g} degrees"
        )

    @remembered
    def log_error(number: Any, x: Any, y: Any) -> np.ndarray:
        load, fraction, value = np.exp(x + y), np.exp(y), np.empty(len(x))
        random = number == STRATEGIES.index("random")
        easy = (number == STRATEGIES.index("easy")) * 1.0
        for part, rule in (random, "random"), (~random, OneEnd(easy[~random])):
            if part.any():
                at = {"alpha_prune": load[part], "keep_fraction": fraction[part]}
                value[part] = learner.log_error(rule, **at)
        bad = np.isnan(value)
        if bad.any():
            first = int(np.argmax(bad))
            raise ConvergenceError(
                f"{some_of(bad.sum(), bad.size, 'point')} did not converge, "
                "the first of the "
                f"strategy {STRATEGIES[int(number[first])]} at alpha_prune = "
                f"{load[first]:.17g}, keep_fraction = {fraction[first]:.17g}, "
                f"theta = {learner.theta:.17g}"
            )
        return value

    about = "pool", PER_DIMENSION
    plane = Plane(log_error, "alpha_tot", np.exp, np.log, about, TOLERANCE)
    x, y = _fine(loads), _fine(np.unique(np.minimum(fractions, NEAREST)))
    attrs = {
        "theta": learner.theta,
        "margin": margin,
        "student": learner.student.name,
    }
    along = POOL, PER_DIMENSION
    curves = boundaries(plane, x, y, all_errors(plane, x[:, None], y))
    grid = all_errors(plane, np.log(loads)[:, None], np.log(fractions))
    return diagram_of(plane, along, (loads, fractions), grid, curves, attrs)


def _fine(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Ln of the values, with points in between if they are few."""
    logs = np.unique(np.log(values))
    if len(logs) < 2:
        return logs
    parts = int(np.ceil((FINEST - 1) / (len(logs) - 1)))
    return np.interp(
        np.arange(parts * (len(logs) - 1) + 1) / parts, np.arange(len(logs)), logs
    )
