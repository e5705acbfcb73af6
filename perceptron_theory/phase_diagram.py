"""Which examples to keep: hard, easy or random (Sorscher et al. 2022, Figs. 1B, 1C).

The boundaries are the roots of the difference of two log errors, divided by 1 - f: at
f = 1 the three strategies are one, and that root is not a boundary.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Float

from .bracketing import bracketed_roots
from .contours import connect
from .errors import ConvergenceError, InputError
from .inputs import as_array, check_fraction, check_load, check_theta
from .rules import check_margin
from .solve import solve

STRATEGIES = ("hard", "easy", "random")
PAIRS = (("hard", "easy"), ("hard", "random"), ("easy", "random"))
FINEST = 24  # points a direction in which the boundaries are looked for, at least
NEAREST = 0.999  # closer to f = 1 than this the difference of errors is rounding
TOLERANCE = 1e-8  # of ln alpha_tot and ln f on a boundary
PROBE = 1e-4  # step of the Jacobian at a triple point

PER_DIMENSION = "examples/dimension"


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
    loads = _axis("alpha_tot", alpha_tot)
    fractions = _axis("keep_fraction", keep_fraction)
    check_load("alpha_tot", loads)
    check_fraction("keep_fraction", fractions)
    angle = as_array("theta", theta)
    check_theta(angle)
    if angle.size != 1:
        raise InputError(f"theta must be one angle here, got {angle.size}")
    angle = float(angle.reshape(()))
    check_margin(margin)
    log_error = partial(_log_error, theta=angle, margin=margin)
    grid = np.exp(_all(log_error, loads[:, None], fractions))
    best = np.array(STRATEGIES)[np.argmin(grid, axis=0)]
    best = np.where(fractions == 1, "equal", best)
    plane = ("alpha_tot", "keep_fraction")
    variables = {
        f"error_{name}": (plane, error, _text(f"generalisation error, {name} kept"))
        for name, error in zip(STRATEGIES, grid, strict=True)
    }
    variables["best"] = (plane, best, _text("strategy of least error"))
    curves = [_boundary(pair, loads, fractions, log_error) for pair in PAIRS]
    triple = _triple_points(curves[0], loads, fractions, log_error)
    return xr.Dataset(
        variables | _boundary_variables(curves, log_error) | triple,
        coords={
            "alpha_tot": (
                "alpha_tot",
                loads,
                _text("examples of the pool per dimension", PER_DIMENSION),
            ),
            "keep_fraction": (
                "keep_fraction",
                fractions,
                _text("kept part of the pool"),
            ),
        },
        attrs={"theta": angle, "margin": margin, "tolerance": TOLERANCE},
    )


def _axis(name: str, value: Any) -> Float[np.ndarray, " n"]:
    values = np.atleast_1d(as_array(name, value))
    if values.ndim > 1:
        raise InputError(f"{name} must be 1-D, got shape {values.shape}")
    if (np.diff(values) <= 0).any():
        raise InputError(f"{name} must increase: sort it and remove repeated values")
    return values


def _text(long_name: str, units: str = "1") -> dict[str, str]:
    return {"long_name": long_name, "units": units}


def _log_error(
    name: str, alpha_tot: Any, fraction: Any, *, theta: float, margin: str
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


def _all(log_error: Any, alpha_tot: Any, fraction: Any) -> np.ndarray:
    """Ln error of the three strategies, along a first axis."""
    return np.stack([log_error(name, alpha_tot, fraction) for name in STRATEGIES])


class Curve(NamedTuple):
    """Points (ln alpha_tot, ln f) where two errors agree; equal branch: one curve."""

    pair: tuple[str, str]
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    branch: np.ndarray


def _difference(
    pair: tuple[str, str], x: Any, y: Any, log_error: Any
) -> Float[np.ndarray, "*shape"]:
    load, fraction = np.exp(x), np.exp(y)
    first, second = (log_error(name, load, fraction) for name in pair)
    return (first - second) / (1.0 - fraction)


def _fine(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " m"]:
    """Ln of the values, with points in between if they are few."""
    logs = np.unique(np.log(values))
    if len(logs) < 2:
        return logs
    parts = int(np.ceil((FINEST - 1) / (len(logs) - 1)))
    return np.interp(
        np.arange(parts * (len(logs) - 1) + 1) / parts, np.arange(len(logs)), logs
    )


def _boundary(
    pair: tuple[str, str],
    loads: Float[np.ndarray, " n"],
    fractions: Float[np.ndarray, " m"],
    log_error: Any,
) -> Curve:
    """All crossings of two errors on the lines of a grid, joined to curves."""
    x, y = _fine(loads), _fine(np.unique(np.minimum(fractions, NEAREST)))
    value = _difference(pair, x[:, None], y, log_error)
    up = value > 0
    (i, j), (k, m) = np.nonzero(up[1:] != up[:-1]), np.nonzero(up[:, 1:] != up[:, :-1])
    # crossings along alpha_tot (edge 0) first, then along f (edge 1)
    start = np.concatenate([x[i], y[m]])
    stop = np.concatenate([x[i + 1], y[m + 1]])
    fixed = np.concatenate([y[j], x[k]])
    along_x = np.arange(len(start)) < len(i)

    def function(at: Any, n: Any) -> Any:
        first = np.where(along_x[n], at, fixed[n])
        return _difference(pair, first, np.where(along_x[n], fixed[n], at), log_error)

    root = (
        bracketed_roots(
            function,
            start,
            stop,
            np.concatenate([value[i, j], value[k, m]]),
            np.concatenate([value[i + 1, j], value[k, m + 1]]),
            TOLERANCE,
        )
        if len(start)
        else start
    )
    order, branch = connect(up, _edges(i, j), _edges(k, m))
    at_x = np.where(along_x, root, fixed)[order]
    at_y = np.where(along_x, fixed, root)[order]
    return Curve(pair, at_x, at_y, branch)


def _edges(i: np.ndarray, j: np.ndarray) -> list[tuple[int, int]]:
    return [*zip(i.tolist(), j.tolist(), strict=True)]


def _boundary_variables(curves: list[Curve], log_error: Any) -> dict[str, Any]:
    x, y = (np.concatenate([getattr(c, k) for c in curves]) for k in "xy")
    kind = np.concatenate([np.full(len(c.x), "/".join(c.pair), "U16") for c in curves])
    branches, last = [], 0
    for curve in curves:
        branches.append(curve.branch + last)
        last += int(curve.branch.max(initial=-1)) + 1
    errors = np.zeros((3, 0))
    if len(x):
        errors = np.exp(_all(log_error, np.exp(x), np.exp(y)))
    used = np.array([[s in k.split("/") for k in kind] for s in STRATEGIES], bool)
    used = used.reshape(3, len(x))
    other = np.where(used, np.inf, errors).min(axis=0, initial=np.inf)
    crossing = np.where(used, errors, -np.inf).max(axis=0, initial=-np.inf)

    def on(values: Any, *text: str) -> tuple[str, Any, dict[str, str]]:
        return "boundary_point", values, _text(*text)

    return {
        "boundary_kind": on(kind, "the two strategies of equal error"),
        "boundary_branch": on(np.concatenate(branches), "number of the curve"),
        "boundary_alpha_tot": on(np.exp(x), "pool on the boundary", PER_DIMENSION),
        "boundary_keep_fraction": on(np.exp(y), "keep fraction on the boundary"),
        "boundary_error": on(crossing, "generalisation error on the boundary"),
        "boundary_best": on(other >= crossing, "whether the third strategy is worse"),
    }


def _triple_points(
    curve: Curve, loads: Any, fractions: Any, log_error: Any
) -> dict[str, Any]:
    """Where, along the hard/easy curves, the error of random crosses theirs."""

    def gap(x: Any, y: Any) -> np.ndarray:
        hard, easy, random = _all(log_error, np.exp(x), np.exp(y))
        return np.stack([hard - easy, hard - random]) / (1.0 - np.exp(y))

    x, y = np.zeros(0), np.zeros(0)
    if len(curve.x) > 1:
        side = gap(curve.x, curve.y)[1]
        cross = (side[1:] > 0) != (side[:-1] > 0)
        n = np.nonzero(cross & (curve.branch[1:] == curve.branch[:-1]))[0]
        share = side[n] / (side[n] - side[n + 1])
        x = curve.x[n] + share * (curve.x[n + 1] - curve.x[n])
        y = curve.y[n] + share * (curve.y[n + 1] - curve.y[n])
    for _ in range(12 if len(x) else 0):
        points = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) * PROBE
        value = gap(x[:, None] + points[:, 0], y[:, None] + points[:, 1])
        by_x = (value[..., 1] - value[..., 2]) / (2 * PROBE)
        by_y = (value[..., 3] - value[..., 4]) / (2 * PROBE)
        jacobian = np.stack([by_x, by_y], -1).transpose(1, 0, 2)
        # pinv: the curves may touch
        step = (np.linalg.pinv(jacobian) @ value[..., 0].T[..., None])[..., 0]
        x, y = x - step[:, 0], y - step[:, 1]
        if np.abs(step).max() < TOLERANCE:
            break
    else:
        if len(x):
            raise ConvergenceError("a triple point of the phase diagram was not found")
    error = np.exp(log_error("hard", np.exp(x), np.exp(y))) if len(x) else x
    low, high = np.log(loads[[0, -1]]), np.log(fractions[[0, -1]])
    inside = (x >= low[0]) & (x <= low[1]) & (y >= high[0]) & (y <= high[1])

    def on(values: Any, *text: str) -> tuple[str, Any, dict[str, str]]:
        return "triple_point", values[inside], _text(*text)

    return {
        "triple_alpha_tot": on(np.exp(x), "pool at the triple point", PER_DIMENSION),
        "triple_keep_fraction": on(np.exp(y), "keep fraction at the triple point"),
        "triple_error": on(error, "generalisation error at the triple point"),
    }
