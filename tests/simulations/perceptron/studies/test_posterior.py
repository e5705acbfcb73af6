"""The posterior of a teacher under a known rule: its sampler, and the theory."""

from __future__ import annotations

import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import Point, averages
from simulations.perceptron.studies.posterior import simulate_posterior


@pytest.mark.slow
@pytest.mark.parametrize(
    "point",
    [
        pytest.param(Point(1.0, 0.5), id="hidden", marks=pytest.mark.slow),
        pytest.param(Point(1.3, 0.3, 0.4), id="known"),
    ],
)
def test_the_posterior_mean_has_the_error_of_theory(point):
    """At N = 48; what is left at that size is below 0.012 (of order 1/N)."""
    found = averages(
        simulate_posterior(point, size=48, draws=60, seed=1, n_samples=40, warmup=20)
    )
    theory = pt.solve(
        alpha_prune=point.alpha_prune,
        keep_fraction=point.keep_fraction,
        theta=point.theta,
        student="bayes_optimal",
    )
    for name in ("error", "self_overlap"):
        mean, spread = found[name].values
        assert abs(mean - getattr(theory, name)) < 4 * spread + 0.012, name
    # the teacher is a draw from the posterior like any other
    draws = found["overlap"].values, found["self_overlap"].values
    apart = abs(draws[0][0] - draws[1][0])
    assert apart < 4 * np.hypot(draws[0][1], draws[1][1])


def test_other_rules_are_refused():
    with pytest.raises(pt.InputError, match="hard"):
        simulate_posterior(Point(1.0, 0.5, rule="random"), size=8, draws=2, seed=0)
