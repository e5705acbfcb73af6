"""Self-training simulated: three rounds against the theory, and what is refused."""

import numpy as np
import pytest

import perceptron_theory as pt
from simulations.perceptron import ConvexRidge, simulate_self_training

THREE = pt.ThreeDirections(*np.deg2rad([30.0, 20.0, 35.0]))
DRAWS = 24


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "margin", "student"),
    [
        ("easy", "absolute", "max_margin"),
        ("hard", "signed", "max_margin"),
        (pt.Agreeing("hard"), "absolute", pt.Convex("logistic", 0.1)),
    ],
)
def test_three_rounds_agree_with_the_theory(rule, margin, student):
    trained = student
    if not isinstance(student, str):
        trained = ConvexRidge("logistic", 0.1)
    how = {"rounds": 3, "alpha_prune": 2.0, "keep_fraction": 0.4}
    how |= {"rule": rule, "margin": margin}
    draws = simulate_self_training(
        THREE, student=trained, size=200, draws=DRAWS, seed=5, **how
    )
    theory = pt.self_training(THREE, student=student, **how)
    for name in ("cosine", "probe_cosine", "label_error"):
        found, expected = draws[name].values[:, 1:], theory[name].values[1:]
        deviation = found.std(axis=0, ddof=1) / np.sqrt(DRAWS)
        z = (found.mean(axis=0) - expected) / deviation
        assert np.all(np.abs(z) < 4), (name, z)


def test_draws_are_the_same_whichever_are_made():
    how = {"alpha_prune": 1.0, "keep_fraction": 0.5, "size": 30, "seed": 2, "rounds": 2}
    every = simulate_self_training(THREE, draws=3, **how)
    last = simulate_self_training(THREE, draws=1, first=2, **how)
    np.testing.assert_allclose(every["error"][2], last["error"][0], rtol=1e-6)
    np.testing.assert_allclose(every["error"][:, 0], 30 / 180, rtol=1e-12)
    np.testing.assert_allclose(every["probe_cosine"][:, 0], np.cos(THREE.between))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 2}, "size >= 3"),
        ({"rounds": 0}, "rounds must be at least 1"),
        ({"keep_fraction": 0.9, "rule": pt.Agreeing("hard")}, "label agree"),
    ],
)
def test_what_is_refused(change, message):
    how = {"alpha_prune": 1.0, "keep_fraction": 0.5, "size": 30, "seed": 2, "draws": 2}
    with pytest.raises(pt.InputError, match=message):
        simulate_self_training(THREE, **(how | change))
