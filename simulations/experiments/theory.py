"""What the theory of Gaussian inputs predicts for the runs of a table."""

from __future__ import annotations

import numpy as np
import pandas as pd

import perceptron_theory as pt
from perceptron_theory import InputError

from .cells import NO_METRIC
from .curves import POINT, number_in


def predictions(rows: pd.DataFrame) -> pd.DataFrame:
    """The error of the max-margin student at each point of a table of ``max_margin``.

    alpha_prune is kept examples over dimensions of the features, the rule and the angle
    of the probe are those of the runs; the inputs are Gaussian, those of the runs are
    not.

    Args:
        rows: of a table; those of several seeds are one point.

    Returns:
        A row a point: ``size``, ``keep_fraction``, ``strategy``, ``metric``, ``kept``,
        ``alpha_prune``, ``theory``.

    Raises:
        InputError: a metric that is no angle.
    """
    names = [*POINT, "kept", "dimensions"]
    points = pd.DataFrame(rows[names]).drop_duplicates().reset_index(drop=True)
    angles = np.array([_angle(metric) for metric in points["metric"]])
    alpha = np.asarray(points["kept"], float) / np.asarray(points["dimensions"], float)
    fraction = np.asarray(points["keep_fraction"], float)
    error = np.full(len(points), np.nan)
    strategy = np.asarray(points["strategy"], str)
    for rule in np.unique(strategy):
        here = strategy == rule
        solution = pt.solve(
            alpha_prune=alpha[here],
            keep_fraction=fraction[here],
            theta=angles[here],
            rule="random" if rule == "unpruned" else rule,
        )
        error[here] = solution.error
    found = points.drop(columns="dimensions")
    return found.assign(alpha_prune=alpha, theory=error)


def _angle(metric: str) -> float:
    """In radians; 0 where no metric decides."""
    if metric == NO_METRIC:
        return 0.0
    if not metric.startswith("theta:"):
        raise InputError(
            f"the theory knows probes by their angle (theta:DEGREES), got {metric!r}"
        )
    return float(np.deg2rad(number_in(metric)))
