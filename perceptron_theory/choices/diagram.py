"""Which examples to keep: hard, easy or random (Sorscher et al. 2022, Figs. 1B, 1C)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from ..errors import InputError
from ..numerics.precision import eager_only
from ..rules.inputs import as_array, check_fraction, check_load, check_theta
from ..rules.rule import check_margin
from ..solving.front_door import solve
from .crossings import (
    NEAREST,
    PAIRS,
    STRATEGIES,
    Plane,
    all_errors,
    axis,
    boundary,
    boundary_variables,
    text,
    triple_points,
)

if TYPE_CHECKING:
    import xarray as xr

FINEST = 24  # points a direction in which the boundaries are looked for, at least
TOLERANCE = 1e-8  # of ln alpha_tot and ln f on a boundary

PER_DIMENSION = "examples/dimension"


@eager_only
def phase_diagram(
    alpha_tot: Any, keep_fraction: Any, *, theta: Any = 0.0, margin: str = "absolute"
) -> xr.Dataset:
    """The errors of three strategies on a grid, and where they cross.

    Args:
        alpha_tot: examples of the pool per dimension, increasing, (n,).
        keep_fraction: f in (0, 1], increasing, (m,).
        theta: angle of teacher and probe in radians.
        margin: "absolute" (|P.x|) or "signed" (y P.x).

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
        InputError: an argument outside its range or not increasing.
        ConvergenceError: a point of the grid or a boundary that was not solved.
    """
    import xarray as xr

    loads = axis("alpha_tot", alpha_tot)
    fractions = axis("keep_fraction", keep_fraction)
    check_load("alpha_tot", loads)
    check_fraction("keep_fraction", fractions)
    angle = as_array("theta", theta)
    check_theta(angle)
    if angle.size != 1:
        raise InputError(f"theta must be one angle here, got {angle.size}")
    angle = float(angle.reshape(()))
    check_margin(margin)

    def log_error(name: str, x: Any, y: Any) -> np.ndarray:
        return _log_error(name, np.exp(x), np.exp(y), angle, margin)

    about = "pool", PER_DIMENSION
    plane = Plane(log_error, "alpha_tot", np.exp, about, TOLERANCE)
    grid = np.exp(all_errors(plane, np.log(loads)[:, None], np.log(fractions)))
    best = np.array(STRATEGIES)[np.argmin(grid, axis=0)]
    best = np.where(fractions == 1, "equal", best)
    dims = ("alpha_tot", "keep_fraction")
    variables = {
        f"error_{name}": (dims, error, text(f"generalisation error, {name} kept"))
        for name, error in zip(STRATEGIES, grid, strict=True)
    }
    variables["best"] = (dims, best, text("strategy of least error"))
    x, y = _fine(loads), _fine(np.unique(np.minimum(fractions, NEAREST)))
    curves = [boundary(plane, pair, x, y) for pair in PAIRS]
    triple = triple_points(plane, curves[0], np.log(loads), np.log(fractions))
    return xr.Dataset(
        variables | boundary_variables(plane, curves) | triple,
        coords={
            "alpha_tot": (
                "alpha_tot",
                loads,
                text("examples of the pool per dimension", PER_DIMENSION),
            ),
            "keep_fraction": (
                "keep_fraction",
                fractions,
                text("kept part of the pool"),
            ),
        },
        attrs={"theta": angle, "margin": margin, "tolerance": TOLERANCE},
    )


def _log_error(
    name: str, alpha_tot: Any, fraction: Any, theta: float, margin: str
) -> np.ndarray:
    """Ln error of one strategy."""
    alpha = alpha_tot * fraction
    if name == "random":  # whatever the probe: that of the whole pool of this load
        solution = solve(alpha_prune=alpha, keep_fraction=1.0)
    else:
        solution = solve(
            alpha_prune=alpha,
            keep_fraction=fraction,
            theta=theta,
            rule=name,
            margin=margin,
        )
    return np.log(solution.error)


def _fine(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Ln of the values, with points in between if they are few."""
    logs = np.unique(np.log(values))
    if len(logs) < 2:
        return logs
    parts = int(np.ceil((FINEST - 1) / (len(logs) - 1)))
    return np.interp(
        np.arange(parts * (len(logs) - 1) + 1) / parts, np.arange(len(logs)), logs
    )
