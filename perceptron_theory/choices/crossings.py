"""Where the errors of three strategies cross, in a plane of a parameter and ln f.

The boundaries are the roots of the difference of two log errors, divided by 1 - f: at
f = 1 the three strategies are one, and that root is not a boundary.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from ..errors import ConvergenceError, InputError
from ..numerics.checks import as_array
from ..numerics.contours import Edge, connect
from .attributes import Parts, Variable, text
from .edge_roots import Edges, crossed_edges, roots_on

STRATEGIES = ("hard", "easy", "random")
PAIRS = (("hard", "easy"), ("hard", "random"), ("easy", "random"))
NEAREST = 0.999  # closer to f = 1 than this the difference of errors is rounding
PROBE = 1e-4  # step of the Jacobian at a triple point

# ln error of strategies, by their numbers in STRATEGIES, at points (x, ln f)
LogError = Callable[[Any, Any, Any], np.ndarray]


class Plane(NamedTuple):
    """What a diagram is drawn in: x is a function of its first parameter."""

    log_error: LogError
    name: str  # of the first parameter
    value: Callable[[Any], Any]  # the first parameter from x
    place: Callable[[Any], Any]  # and x from the first parameter
    about: tuple[str, str]  # what it is, its unit
    tolerance: float  # of x and y on a boundary
    # what all differences vanish with where nothing is pruned
    common: Callable[[Any], Any] = lambda y: 1.0 - np.exp(y)


class Curve(NamedTuple):
    """Points (x, y = ln f) where two errors agree; equal branch: one curve."""

    pair: tuple[str, str]
    x: Float[np.ndarray, " n"]
    y: Float[np.ndarray, " n"]
    branch: np.ndarray


def axis(name: str, value: Any) -> Float[np.ndarray, " n"]:
    """An increasing axis of a diagram.

    Raises:
        InputError: not 1-D or not increasing.
    """
    values = np.atleast_1d(as_array(name, value))
    if values.ndim > 1:
        raise InputError(f"{name} must be 1-D, got shape {values.shape}")
    if (np.diff(values) <= 0).any():
        raise InputError(f"{name} must increase: sort it and remove repeated values")
    return values


def all_errors(plane: Plane, x: Any, y: Any, count: int = len(STRATEGIES)) -> Any:
    """Ln error of the strategies, the three unless told, along a first axis."""
    x, y = np.broadcast_arrays(x, y)
    number = np.arange(count).reshape(-1, *[1] * x.ndim)
    return plane.log_error(number, x, y)


def boundaries(
    plane: Plane,
    x: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " m"],
    log_errors: Float[np.ndarray, "s n m"],
    strategies: tuple[str, ...] = STRATEGIES,
    pairs: tuple[tuple[str, str], ...] = PAIRS,
) -> list[Curve]:
    """All crossings of two errors on the lines of a grid, joined to curves.

    One curve for each of ``pairs``; ``log_errors`` are those of the ``strategies`` on
    the grid, where something is pruned.  The roots of all of them are found together.
    """
    sides = np.array([[strategies.index(name) for name in pair] for pair in pairs])
    values = [(log_errors[i] - log_errors[j]) / plane.common(y) for i, j in sides]
    crossed = [_crossed(value > 0) for value in values]
    parts = [
        crossed_edges(x, y, value, *map(np.transpose, edges))
        for value, edges in zip(values, crossed, strict=True)
    ]
    all_ = Edges(*map(np.concatenate, zip(*parts, strict=True)))
    pair = np.repeat(np.arange(len(pairs)), [len(part.start) for part in parts])

    def function(at: Any, n: Any) -> Any:
        here, f = all_.places(at, n)
        first, second = plane.log_error(sides[pair[n]].T, here, f)
        return (first - second) / plane.common(f)

    root = roots_on(all_, function, plane.tolerance)
    at_x, at_y = all_.places(root, np.arange(len(root)))
    curves = []
    for i, names in enumerate(pairs):
        order, branch = connect(values[i] > 0, *map(_as_edges, crossed[i]))
        curves.append(
            Curve(names, at_x[pair == i][order], at_y[pair == i][order], branch)
        )
    return curves


def _crossed(up: Bool[np.ndarray, "n m"]) -> tuple[np.ndarray, np.ndarray]:
    """The edges along x and along y whose ends lie on two sides: one per row."""
    return np.argwhere(up[1:] != up[:-1]), np.argwhere(up[:, 1:] != up[:, :-1])


def _as_edges(rows: np.ndarray) -> list[Edge]:
    return [(i, j) for i, j in rows.tolist()]


def _boundary_variables(plane: Plane, curves: list[Curve]) -> dict[str, Variable]:
    """The curves as variables on the dimension ``boundary_point``."""
    x, y = (np.concatenate([getattr(c, k) for c in curves]) for k in "xy")
    kind = np.concatenate([np.full(len(c.x), "/".join(c.pair), "U16") for c in curves])
    branches, last = [], 0
    for curve in curves:
        branches.append(curve.branch + last)
        last += int(curve.branch.max(initial=-1)) + 1
    errors = np.exp(all_errors(plane, x, y)) if len(x) else np.zeros((3, 0))
    used = np.array([[s in k.split("/") for k in kind] for s in STRATEGIES], bool)
    used = used.reshape(3, len(x))
    other = np.where(used, np.inf, errors).min(axis=0, initial=np.inf)
    crossing = np.where(used, errors, -np.inf).max(axis=0, initial=-np.inf)

    def on(values: Any, *about: str) -> Variable:
        return ("boundary_point",), values, text(*about)

    what, unit = plane.about
    return {
        "boundary_kind": on(kind, "the two of equal error"),
        "boundary_branch": on(np.concatenate(branches), "number of the curve"),
        f"boundary_{plane.name}": on(plane.value(x), f"boundary {what}", unit),
        "boundary_keep_fraction": on(np.exp(y), "boundary keep fraction"),
        "boundary_error": on(crossing, "error on the boundary"),
        "boundary_best": on(other >= crossing, "is the third worse"),
    }


def _triple_points(plane: Plane, curve: Curve, x: Any, y: Any) -> dict[str, Variable]:
    """Where, along the hard/easy curves, the error of random crosses theirs.

    Those within the ranges of ``x`` and ``y``.

    Raises:
        ConvergenceError: Newton's method for one of them failed.
    """
    ranges = (x.min(), x.max()), (y.min(), min(y.max(), np.log(NEAREST)))

    def gap(x: Any, y: Any) -> np.ndarray:
        hard, easy, random = all_errors(plane, x, y)
        return np.stack([hard - easy, hard - random]) / (1.0 - np.exp(y))

    x, y = np.zeros(0), np.zeros(0)
    if len(curve.x) > 1:
        side = gap(curve.x, curve.y)[1]
        cross = (side[1:] > 0) != (side[:-1] > 0)
        n = np.nonzero(cross & (curve.branch[1:] == curve.branch[:-1]))[0]
        share = side[n] / (side[n] - side[n + 1])
        x = curve.x[n] + share * (curve.x[n + 1] - curve.x[n])
        y = curve.y[n] + share * (curve.y[n + 1] - curve.y[n])
    moved = inside = np.zeros(len(x), bool)
    for _ in range(12 if len(x) else 0):
        points = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]]) * PROBE
        value = gap(x[:, None] + points[:, 0], y[:, None] + points[:, 1])
        by_x = (value[..., 1] - value[..., 2]) / (2 * PROBE)
        by_y = (value[..., 3] - value[..., 4]) / (2 * PROBE)
        jacobian = np.stack([by_x, by_y], -1).transpose(1, 0, 2)
        # pinv: the curves may touch
        step = (np.linalg.pinv(jacobian) @ value[..., 0].T[..., None])[..., 0]
        # what is driven out is no triple point of this part of the plane
        x = np.clip(x - step[:, 0], ranges[0][0] - PROBE, ranges[0][1] + PROBE)
        y = np.clip(y - step[:, 1], ranges[1][0] - PROBE, ranges[1][1] + PROBE)
        moved = np.abs(step).max(axis=1) >= plane.tolerance
        inside = np.ones(len(x), bool)
        for values, (low, high) in zip((x, y), ranges, strict=True):
            inside &= (values >= low) & (values <= high)
        if not moved.any():
            break
    if (moved & inside).any():
        raise ConvergenceError("a triple point of the diagram was not found")
    error = np.exp(plane.log_error(STRATEGIES.index("hard"), x, y)) if len(x) else x

    def on(values: Any, *about: str) -> Variable:
        return ("triple_point",), values[inside], text(*about)

    what, unit = plane.about
    return {
        f"triple_{plane.name}": on(plane.value(x), f"triple {what}", unit),
        "triple_keep_fraction": on(np.exp(y), "keep fraction, triple"),
        "triple_error": on(error, "error, triple point"),
    }


def diagram_of(
    plane: Plane,
    along: tuple[str, str],
    axes: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " m"]],
    log_errors: Float[np.ndarray, "3 n m"],
    curves: list[Curve],
    attrs: dict[str, Any],
) -> Parts:
    """A diagram: the errors of the grid, the best strategy, and the crossings.

    ``along`` is what the first of the two axes is, and its unit; ``curves`` are those
    of ``PAIRS``.

    Raises:
        ConvergenceError: a triple point was not found.
    """
    best = np.array(STRATEGIES)[np.argmin(log_errors, axis=0)]
    best = np.where(axes[1] == 1, "equal", best)
    dims = (plane.name, "keep_fraction")
    variables: dict[str, Variable] = {
        f"error_{name}": (dims, error, text(f"error, {name} kept"))
        for name, error in zip(STRATEGIES, np.exp(log_errors), strict=True)
    }
    variables["best"] = (dims, best, text("strategy of least error"))
    about = text(*along), text("kept part of the pool")
    where = curves[0], plane.place(axes[0]), np.log(axes[1])
    variables |= _boundary_variables(plane, curves) | _triple_points(plane, *where)
    coords: dict[str, Variable] = {
        name: ((name,), values, of)
        for name, values, of in zip(dims, axes, about, strict=True)
    }
    return variables, coords, attrs | {"tolerance": plane.tolerance}
