"""What is told of a student of a pool that was pruned by a probe trained on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .equations import Unknowns
from .probe import Probe


@dataclass(frozen=True)
class OwnProbeSolution:
    """A student of what a probe keeps of its own pool, N -> infinity; numbers.

    Attributes:
        alpha_prune: kept examples per dimension.
        alpha_tot: examples of the pool per dimension.
        keep_fraction: f.
        theta: angle of the teacher and the trained probe, radians.
        error: of the student on true labels, arccos(overlap)/pi.
        overlap: cosine of student and teacher.
        probe_overlap: cosine of student and probe.
        weights: (A, B, r): the student along the teacher, along the probe's part
            orthogonal to it, and the length of the rest.
        response: V, 1/N times the trace of the inverse Hessian of the student's
            objective over N; infinite for the student of largest margin.
        shift: D, how the probe's training on an example moves the student's margin on
            it through what else is kept, over the same motion of the probe's margin in
            units of its noise; 0 of a probe that kept all, or at random.
        residual: the largest residual of the five equations.
    """

    alpha_prune: float
    alpha_tot: float
    keep_fraction: float
    theta: float
    error: float
    overlap: float
    probe_overlap: float
    weights: tuple[float, float, float]
    response: float
    shift: float
    residual: float


def describe(
    x: Unknowns | Float[np.ndarray, " 5"],
    residual: float,
    probe: Probe,
    load: tuple[float, float],
    ridge: float | None,
) -> OwnProbeSolution:
    """The solution behind the unknowns; ``load`` is alpha_tot and f."""
    a, b, log_r, log_rho, shift = map(float, x)
    r = float(np.exp(log_r))
    rest = float(np.hypot(b, r))
    length = float(np.hypot(a, rest))
    alpha_tot, f = load
    return OwnProbeSolution(
        alpha_prune=alpha_tot * f,
        alpha_tot=alpha_tot,
        keep_fraction=f,
        theta=float(np.arctan2(probe.across, probe.along)),
        error=float(np.arctan2(rest, a) / np.pi),
        overlap=a / length,
        probe_overlap=(a * probe.along + b * probe.across) / (length * probe.length),
        weights=(a, b, r),
        response=np.inf if ridge is None else float(np.exp(log_rho) / ridge),
        shift=shift,
        residual=residual,
    )


def describe_twin(probe: Probe, alpha_tot: float, ridge: float) -> OwnProbeSolution:
    """The student that is the probe itself: of its loss and ridge, on the whole pool.

    Its r is 0, where the equations are singular.
    """
    log_rho = np.log(probe.response * ridge)
    x = [probe.along, probe.across, -np.inf, log_rho, 0.0]
    return describe(np.array(x), 0.0, probe, (alpha_tot, 1.0), ridge)
