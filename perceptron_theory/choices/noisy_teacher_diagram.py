"""Labels of a noisy teacher: where keeping hard examples ceases to pay, solved for.

The errors of the hardest, the easiest, random examples and the best window of margins,
in a plane of the noise and the pool, or of the noise and the kept fraction, and the
curves on which two of them are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from ..convex.student import check_ridge
from ..errors import InputError
from ..kept.label_laws import LabelNoise, check_strength, resolve_label_noise
from ..numerics.checks import (
    as_array,
    check_fraction,
    check_load,
    check_margin,
    check_theta,
    one_number,
)
from ..numerics.precision import eager_only
from ..rules.by_quantile import Window
from ..solving.convex_students import solve_convex
from .attributes import PER_DIMENSION, POOL, text
from .crossings import NEAREST, Curve, Plane, all_errors, axis, boundaries
from .known_points import remembered

if TYPE_CHECKING:
    import xarray as xr

TOLERANCE = 1e-5  # of the noise and of ln alpha_tot or ln f on a boundary
# of a window: its lower end over 1 - f, so that hard is at 0 and easy at 1
PLACES = (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)
REFINED = 6  # places more, between the three best
GOLDEN = 0.381966  # of the wider side, where it is cut
NEXT = 0.01  # place of the window next to the hard one
STRATEGIES = ("hard", "easy", "random", "next")
PAIRS = (
    ("hard", "random"),
    ("easy", "random"),
    ("hard", "easy"),
    ("hard", "next"),
)
SAID = {("hard", "next"): "hard/window"}

Values = Float[np.ndarray, " n"]


class _Task(NamedTuple):
    """Ln errors of windows at (noise, y), y = ln alpha_tot or ln f."""

    log_error: Callable[..., np.ndarray]  # of noise, ln pool, ln f, place, all of it
    where: Callable[[Any], tuple[Any, Any]]  # ln pool and ln f from y

    def at(self, x: Any, y: Any, place: Any, all_of_it: Any = False) -> np.ndarray:
        pool, fraction = self.where(y)
        return self.log_error(x, pool, fraction, place, all_of_it)

    def best_window(self, x: Values, y: Values) -> tuple[Values, Values]:
        """The place of least error, and ln error there.

        The best of seven places; between the best three a cut of the wider side, as of
        a golden section, and the bottom of a parabola in turn.
        """
        places = np.tile(PLACES, (len(x), 1))
        values = self.at(x[:, None], y[:, None], places)
        for step in range(REFINED):
            middle = np.clip(values.argmin(axis=1), 1, places.shape[1] - 2)
            index = middle[:, None] + np.arange(-1, 2)
            near = np.take_along_axis(places, index, axis=1)
            known = np.take_along_axis(values, index, axis=1)
            new = _bottom(near, known) if step % 2 else _cut(near)
            found = self.at(x, y, new)
            places = np.column_stack([places, new])
            values = np.column_stack([values, found])
            order = np.argsort(places, axis=1)
            places = np.take_along_axis(places, order, axis=1)
            values = np.take_along_axis(values, order, axis=1)
        best = values.argmin(axis=1)[:, None]
        pick = lambda table: np.take_along_axis(table, best, axis=1)[:, 0]  # noqa: E731
        return pick(places), pick(values)


def _cut(x: Float[np.ndarray, "n 3"]) -> Values:
    """A point of the wider one of two sides, next to the middle."""
    left, right = np.diff(x).T
    return x[:, 1] + GOLDEN * np.where(right > left, right, -left)


def _bottom(x: Float[np.ndarray, "n 3"], value: Float[np.ndarray, "n 3"]) -> Values:
    """Where parabolas through three points are least; a cut where they are not."""
    left, right = (np.diff(value) / np.diff(x)).T
    bend = (right - left) / (x[:, 2] - x[:, 0])
    safe = np.where(bend > 0, bend, 1.0)
    bottom = 0.5 * (x[:, 0] + x[:, 1]) - 0.5 * left / safe
    new = np.abs(bottom[:, None] - x).min(axis=1) > 1e-4
    inside = (bend > 0) & (x[:, 0] < bottom) & (bottom < x[:, 2])
    return np.where(new & inside, bottom, _cut(x))


@eager_only
def noise_strength_diagram(
    noise_strength: Any,
    *,
    alpha_tot: Any,
    keep_fraction: Any,
    label_noise: str | LabelNoise = "probit",
    theta: Any = 0.0,
    loss: Any = "logistic",
    ridge: Any,
    margin: str = "absolute",
) -> xr.Dataset:
    """What to keep of a pool with a noisy teacher's labels, and where that changes.

    Args:
        noise_strength: in units of the spread of the teacher's field, increasing, (n,).
        alpha_tot: examples of the pool per dimension, and
        keep_fraction: f below 1: one of the two increasing, (m,), the other one number.
        label_noise: the law, "probit" or "logistic", or an object, whose own strength
            is put aside.
        theta: angle of teacher and probe in radians.
        loss: as in :func:`solve_convex`.
        ridge: of all students, a positive number.
        margin: "absolute" (|P.x|) or "signed" (y P.x, y the noisy label).

    Returns:
        On the dimensions ``noise_strength`` and ``alpha_tot`` or ``keep_fraction``:
        ``error_hard``, ``error_easy``, ``error_random`` (of as many examples),
        ``error_window``, of the best window of margins, and ``window``, its place: its
        lower end over 1 - f, 0 for hard, 1 for easy.  On the dimension
        ``boundary_point``: ``boundary_kind``, which two are equal there, "hard/random",
        "easy/random", "hard/easy", or "hard/window", where a window
        that is moved by a hundredth of its range away from the hard end has the same
        error; ``boundary_branch`` (points of a number form one curve, in order),
        ``boundary_noise_strength`` and ``boundary_alpha_tot`` or
        ``boundary_keep_fraction``, at tolerance 1e-5 in the noise or the logarithm.
        Crossings are looked for between neighbours of the grid: two between the same
        neighbours are not seen.

    Raises:
        InputError: an argument outside its range or not increasing, or not one axis and
            one number.
        ConvergenceError: a point that was not solved.

    Example:
        >>> import perceptron_theory as pt
        >>> found = pt.noise_strength_diagram(
        ...     [0.1, 1.0], alpha_tot=[4.0, 8.0], keep_fraction=0.4, loss="square",
        ...     ridge=0.5, theta=0.35, margin="signed",
        ... )
        >>> list(found.sizes)
        ['noise_strength', 'alpha_tot', 'boundary_point']
    """
    import xarray as xr

    strengths = axis("noise_strength", noise_strength)
    check_strength(strengths)
    pools, fractions = as_array("alpha_tot", alpha_tot), keep_fraction
    fractions = as_array("keep_fraction", fractions)
    check_load("alpha_tot", pools)
    check_fraction("keep_fraction", fractions)
    if (fractions > NEAREST).any():
        raise InputError(
            f"keep_fraction must be at most {NEAREST:g} here, got {fractions.max():g}: "
            "where nothing is pruned all strategies are one"
        )
    over_pools = pools.size > 1
    if over_pools == (fractions.size > 1):
        raise InputError(
            "give several values of one of alpha_tot and keep_fraction, and one number "
            f"of the other, got {pools.size} and {fractions.size}"
        )
    name = "alpha_tot" if over_pools else "keep_fraction"
    values = axis(name, pools if over_pools else fractions)
    angle, strength_of_ridge = one_number("theta", theta), one_number("ridge", ridge)
    check_theta(angle)
    check_ridge(strength_of_ridge)
    law = _law(label_noise)
    how = {"theta": float(angle), "loss": loss, "ridge": float(strength_of_ridge)}
    how |= {"margin": check_margin(margin)}

    @remembered
    def log_error(x: Any, pool: Any, fraction: Any, place: Any, every: Any) -> Any:
        f = np.exp(fraction)
        whole = every > 0  # random examples are all of a smaller pool
        return np.log(
            solve_convex(
                alpha_prune=np.exp(pool) * f,
                keep_fraction=np.where(whole, 1.0, f),
                rule=Window(np.where(whole, 0.0, place * (1.0 - f))),
                label_noise=replace(law, strength=np.maximum(x, 0.0)),
                **how,
            ).error
        )

    other = np.log(float((fractions if over_pools else pools).ravel()[0]))
    where = (lambda y: (y, other)) if over_pools else (lambda y: (other, y))
    task = _Task(log_error, where)
    common = np.ones_like if over_pools else (lambda y: 1.0 - np.exp(y))
    about = "noise of the teacher", "1"
    same = lambda x: x  # noqa: E731
    asked = _strategies(task)
    plane = Plane(asked, "noise_strength", same, same, about, TOLERANCE, common)
    logs = np.log(values)
    grid = all_errors(plane, strengths[:, None], logs, len(STRATEGIES))
    x, y = (side.ravel() for side in np.meshgrid(strengths, logs, indexing="ij"))
    place, window = (one.reshape(grid[0].shape) for one in task.best_window(x, y))
    curves = boundaries(plane, strengths, logs, grid, STRATEGIES, PAIRS)
    dims = ("noise_strength", name)
    errors = {
        f"error_{one}": (
            dims,
            np.exp(grid[STRATEGIES.index(one)]),
            text(f"error, {one}"),
        )
        for one in STRATEGIES
        if one != "next"
    }
    second = text(POOL, PER_DIMENSION) if over_pools else text("kept part of the pool")
    fixed = {"keep_fraction" if over_pools else "alpha_tot": float(np.exp(other))}
    return xr.Dataset(
        errors
        | {
            "error_window": (dims, np.exp(window), text("error, best window")),
            "window": (dims, place, text("place of the best window")),
        }
        | _boundaries(curves, name),
        {
            "noise_strength": ("noise_strength", strengths, text(*about)),
            name: (name, values, second),
        },
        {"law": law.name, **how, **fixed, "loss": str(getattr(loss, "name", loss))},
    )


def _law(label_noise: str | LabelNoise) -> LabelNoise:
    """The law without its strength.

    Raises:
        InputError: it is none.
    """
    named = isinstance(label_noise, str)
    law = resolve_label_noise(label_noise, 1.0 if named else None)
    if law is None:
        raise InputError("label_noise must be 'probit', 'logistic' or an object")
    return law


def _strategies(task: _Task) -> Callable[[Any, Any, Any], np.ndarray]:
    """Ln errors of :data:`STRATEGIES` by their numbers, at points (x, y)."""
    places = np.array([0.0, 1.0, 0.0, NEXT])

    def log_error(number: Any, x: Any, y: Any) -> np.ndarray:
        random = np.equal(number, STRATEGIES.index("random"))
        return task.at(x, y, places[number], 1.0 * random)

    return log_error


def _boundaries(curves: list[Curve], name: str) -> dict[str, Any]:
    """The curves as variables on the dimension ``boundary_point``."""
    kinds, branches, last = [], [], 0
    for curve in curves:
        kinds += [SAID.get(curve.pair, "/".join(curve.pair))] * len(curve.x)
        branches.append(curve.branch + last)
        last += int(curve.branch.max(initial=-1)) + 1
    x, y = (np.concatenate([getattr(c, k) for c in curves]) for k in "xy")
    columns = {
        "kind": (np.array(kinds, "U16"), "the two of equal error"),
        "branch": (np.concatenate(branches), "number of the curve"),
        "noise_strength": (x, "boundary noise"),
        name: (np.exp(y), f"boundary {name.replace('_', ' ')}"),
    }
    return {
        f"boundary_{key}": ("boundary_point", value, text(what))
        for key, (value, what) in columns.items()
    }
