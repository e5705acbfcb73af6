"""Rounds of selection simulated: against the theory, and what is refused."""

import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, simulate_selection_rounds

DRAWS = 24


@pytest.mark.slow
@pytest.mark.parametrize("all_labels", [False, True])
def test_three_rounds_agree_with_the_theory(all_labels):
    how = {"rounds": 3, "alpha_prune": 1.5, "keep_fraction": [1.0, 0.4, 0.4]}
    how |= {"all_labels": all_labels}
    student, trained = "max_margin", "max_margin"
    if all_labels:
        student, trained = pt.Convex("square", 0.2), ConvexRidge("square", 0.2)
    draws = simulate_selection_rounds(
        student=trained, size=200, draws=DRAWS, seed=5, **how
    )["error"].values[:, 1:]
    theory = pt.selection_rounds(student=student, **how)["error"].values[1:]
    deviation = draws.std(axis=0, ddof=1) / np.sqrt(DRAWS)
    z = (draws.mean(axis=0) - theory) / deviation
    assert np.all(np.abs(z) < 4), z


def test_draws_are_the_same_whichever_are_made():
    how = {"alpha_prune": 1.0, "keep_fraction": 0.5, "size": 30, "seed": 2, "rounds": 2}
    how |= {"student": ConvexRidge("square", 0.2), "label_noise": "probit:0.3"}
    every = simulate_selection_rounds(draws=3, **how)
    last = simulate_selection_rounds(draws=1, first=2, **how)
    np.testing.assert_allclose(every["error"][2], last["error"][0], rtol=1e-6)
    np.testing.assert_allclose(every["error"][:, 0], 0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"alpha_prune": [1.0, 2.0, 3.0]}, "one for each of 2 rounds, got 3"),
        ({"keep_fraction": 1.5}, "keep_fraction must lie in"),
    ],
)
def test_what_is_refused(change, message):
    how = {"alpha_prune": 1.0, "keep_fraction": 0.5, "size": 30, "seed": 2, "draws": 2}
    with pytest.raises(pt.InputError, match=message):
        simulate_selection_rounds(**({"rounds": 2} | how | change))
