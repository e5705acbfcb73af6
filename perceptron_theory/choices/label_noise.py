r"""Wrong labels: which examples to keep, and where keeping the hard ones does harm.

A label of the pool is wrong with probability p, before pruning (:mod:`.wrong_labels`).
Three statements hold exactly (tests/perceptron_theory/choices/test_label_noise.py):

*Signed margin, theta = 0: the line of chance.*  B = 0, and A = 0 solves lambda A =
alpha E[u h] if and only if the kept examples pull nowhere, E[y' u] = 0, whatever the
loss, the ridge and the load.  The hard rule keeps every wrong label (if f > p) and the
right ones of u < gamma, f = p + (1 - p) erf(gamma/sqrt 2), so that E[y' u] = 0 reads

    (1 - p) (1 - exp(-gamma^2/2)) = p,
    f = p + (1 - p) erf(sqrt(ln((1 - p)/(1 - 2 p)))),

about 2 sqrt(p/pi) at small p.  With a smaller f the student is worse than chance.

*Square loss, absolute margin: linear in 1/(1 - 2 p)^2.*  The response V does not depend
on p or the rule, (A, B) are proportional to 1 - 2 p, and tan^2(pi error) = K_0 + K_1/(1
- 2 p)^2 with constants of the rule, so that two rules cross at one p at most.

*0 < theta < pi/2, alpha -> inf.*  Where wrong labels keep the kept examples from being
separated, the student tends to the minimum of the mean loss.  For the whole pool that
points along T, by symmetry, and its error vanishes; for a part of it chosen by P
nothing makes it do so, and where it does not the error has a floor.  So at a large
enough load such pruning does harm.  (At theta = pi/2 with the absolute margin v -> -v
is a symmetry again.  Without wrong labels the hinges and the logistic loss have no such
floor but that of the max-margin student, of one-sided rules: w grows until its
direction is T.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import erf

from ..convex.student import check_flips, check_ridge
from ..errors import InputError
from ..numerics.checks import (
    as_array,
    check_fraction,
    check_margin,
    check_theta,
    one_load,
    one_number,
)
from ..numerics.precision import eager_only
from ..rules.by_quantile import Window
from ..solving.convex_students import solve_convex
from .best_ridge import optimal_ridge
from .crossings import (
    NEAREST,
    STRATEGIES,
    Plane,
    all_errors,
    axis,
    boundaries,
    diagram_of,
)
from .known_points import remembered

if TYPE_CHECKING:
    import xarray as xr

TOLERANCE = 1e-7  # of p and ln f on a boundary


@eager_only
def chance_fraction(flip_probability: Any) -> Any:
    """The f at which the hard rule of the signed margin teaches nothing, theta = 0.

    The error is 1/2 there for every loss, ridge and load, and above it for a smaller f;
    see the top of this file.

    Args:
        flip_probability: p in [0, 1/2).

    Raises:
        InputError: p outside its range.

    Example:
        >>> f"{chance_fraction(0.1):.6f}"
        '0.435316'
    """
    p = as_array("flip_probability", flip_probability)
    check_flips(p)
    gamma_2 = np.log((1 - p) / (1 - 2 * p))
    return (p + (1 - p) * erf(np.sqrt(gamma_2)))[()]


@eager_only
def noise_diagram(
    flip_probability: Any,
    keep_fraction: Any,
    *,
    alpha_prune: Any = None,
    alpha_tot: Any = None,
    theta: Any = 0.0,
    loss: Any = "logistic",
    ridge: float | str,
    margin: str = "absolute",
) -> xr.Dataset:
    """The errors of three strategies over (p, f), and where they cross.

    Args:
        flip_probability: p in [0, 1/2), increasing, (n,).
        keep_fraction: f in (0, 1], increasing, (m,).
        alpha_prune: kept examples per dimension, one number: each f has a pool of its
            own; or
        alpha_tot: examples of the pool per dimension, one number.
        theta: angle of teacher and probe in radians.
        loss: as in :func:`solve_convex`.
        ridge: of all three strategies, one positive number, or "optimal": each student
            has the ridge of least error (:func:`optimal_ridge`, 0 and infinity
            included), a search at every point that takes minutes for a diagram.
        margin: "absolute" (|P.x|) or "signed" (y P.x, y the label with its errors).

    Returns:
        What :func:`phase_diagram` returns, on the dimensions ``flip_probability`` and
        ``keep_fraction``: ``error_hard``, ``error_easy``, ``error_random``, ``best``;
        the curves ``boundary_*`` with ``boundary_flip_probability``, solved to 1e-7 in
        p or ln f; the points ``triple_*``.  Crossings are looked for between
        neighbours of the grid: two between the same neighbours are not seen.

    Raises:
        InputError: an argument outside its range or not increasing.
        ConvergenceError: a point that was not solved.

    Example:
        >>> diagram = noise_diagram(
        ...     [0.0, 0.2, 0.4], [0.3, 0.6], alpha_prune=2.0, loss="square", ridge=0.5
        ... )
        >>> sorted(set(diagram["boundary_kind"].values.tolist()))
        ['easy/random', 'hard/easy', 'hard/random']
    """
    flips = axis("flip_probability", flip_probability)
    check_flips(flips)
    fractions = axis("keep_fraction", keep_fraction)
    check_fraction("keep_fraction", fractions)
    best_ridge = isinstance(ridge, str)
    if best_ridge and ridge != "optimal":
        raise InputError(f"ridge must be a positive number or 'optimal', got {ridge!r}")
    single = {"theta": theta} | ({} if best_ridge else {"ridge": ridge})
    load, value = one_load(alpha_prune, alpha_tot)
    single[load] = value
    single = {name: float(one_number(name, value)) for name, value in single.items()}
    if not best_ridge:
        check_ridge(np.array(single["ridge"]), ", or 'optimal'")
    check_theta(np.array(single["theta"]))
    check_margin(margin)

    def log_error(number: Any, x: Any, y: Any) -> np.ndarray:
        # a search may look across the ends
        number, x, f = np.broadcast_arrays(
            number, np.clip(x, 0.0, 0.5 - 1e-9), np.exp(y)
        )
        alpha = single[load] * (f if load == "alpha_tot" else np.ones_like(f))
        # windows, and random as a whole pool of that load: one compiled program
        lower = np.where(number == STRATEGIES.index("easy"), 1.0 - f, 0.0)
        kept = np.where(number == STRATEGIES.index("random"), 1.0, f)
        return np.log(errors(alpha, kept, lower, x))

    @remembered
    def errors(alpha: Any, kept: Any, lower: Any, x: Any) -> np.ndarray:
        point = {
            "alpha_prune": alpha,
            "keep_fraction": kept,
            "theta": single["theta"],
            "rule": Window(lower),
            "margin": margin,
            "loss": loss,
            "flip_probability": x,
        }
        if best_ridge:
            return np.asarray(optimal_ridge(**point).error)
        return np.asarray(solve_convex(**point, ridge=single["ridge"]).error)

    about = "part of the labels that is wrong", "1"
    same = lambda x: x  # noqa: E731
    plane = Plane(log_error, "flip_probability", same, same, about, TOLERANCE)
    logs = np.log(fractions)
    grid = all_errors(plane, flips[:, None], logs[None])
    below = fractions <= NEAREST
    curves = boundaries(plane, flips, logs[below], grid[:, :, below])
    name = loss if isinstance(loss, str) else getattr(loss, "__name__", "function")
    attrs = {"ridge": ridge, **single, "margin": margin, "loss": name}
    import xarray as xr

    axes = flips, fractions
    return xr.Dataset(*diagram_of(plane, about, axes, grid, curves, attrs))
