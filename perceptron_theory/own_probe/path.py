"""The search for a student, along a path that begins at a large ridge.

There the student is small and every kept example pulls with the slope of the loss at
margin 0: the equations are linear, and their solution is known.
"""

from __future__ import annotations

import math

import jax.numpy as jnp

from ..convex.hard_margin import HardConstraint
from ..convex.loss import Loss
from ..convex.losses import squared_hinge
from ..errors import ConvergenceError
from .equations import Unknowns, searcher
from .kept_pool import Kept, mean_example

SMALLEST_STEP = 1e-2  # of ln ridge
NEAR_RIDGE = 1e-3  # of the squared hinge, near the student of largest margin
SMALL = 30.0  # ridge over the load, from which on a student is small


def find_student(loss: Loss, ridge: float, kept: Kept) -> tuple[Unknowns, float]:
    """The unknowns of the student of a loss, and the largest residual.

    Args:
        loss: of the student; :class:`.HardConstraint` for the one of largest margin.
        ridge: lambda; of no meaning for the latter.
        kept: what is kept.

    Raises:
        ConvergenceError: the path ended before the ridge was reached.
    """
    if not isinstance(loss, HardConstraint):
        return _follow(loss, ridge, kept)
    near, _ = _follow(squared_hinge, NEAR_RIDGE, kept)
    root = searcher(loss)(near, 1.0, kept)
    if not bool(root.found):
        raise ConvergenceError(
            "no student of largest margin was found: the kept examples may not be "
            "separable (wrong labels), or all but; give a student with a ridge"
        )
    return root.x, float(root.residual)


def _follow(loss: Loss, ridge: float, kept: Kept) -> tuple[Unknowns, float]:
    """From a large ridge down to the one that is wanted, in steps that adapt."""
    search = searcher(loss)
    load = float(mean_example(kept).one)
    at = max(ridge, SMALL * (1.0 + load))
    x, step = _small_student(loss, at, kept), math.inf
    target, here, root = math.log(ridge), math.log(at), None
    while root is None or here > target:
        there = target if math.isinf(step) else max(target, here - step)
        trial = search(x, math.exp(there), kept)
        if bool(trial.found):
            root, x, here, step = trial, trial.x, there, 2.0 * step
            continue
        step = 0.5 * min(step, max(here - target, 1.0))
        if step < SMALLEST_STEP:
            raise ConvergenceError(
                f"the student of the loss {loss.name} was followed from a large ridge "
                f"down to {math.exp(here):.3g}, not to {ridge:g}: give a larger ridge"
            )
    return root.x, float(root.residual)


def _small_student(loss: Loss, ridge: float, kept: Kept) -> Unknowns:
    """The student of a large ridge: every kept example has the margin 0.

    All then have the pull -l'(0)/ridge, and dF/dm = -l''(0)/ridge.
    """
    slope, bend = (float(part[0]) for part in loss.slopes(jnp.zeros(1)))
    pull = -slope / ridge
    mean = mean_example(kept)
    u, v, pulls = (pull * float(part) for part in (mean.u, mean.v, mean.pull))
    # r^2 = alpha_tot E[F^2] - (alpha_tot E[F G])^2
    rest = max(pull**2 * float(mean.one) - pulls**2, 1e-8 * pull**2)
    rho = max(1.0 - bend / ridge * float(mean.one), 0.1)
    return jnp.array([u, v + pulls, 0.5 * math.log(rest), math.log(rho), v])
