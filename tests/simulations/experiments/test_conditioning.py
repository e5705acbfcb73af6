"""Features before heads learn from them: whitened, where there are enough of them."""

import numpy as np
import pytest

from perceptron_theory import InputError
from simulations.experiments.comparison.cross_fit import cross_fitted_logits
from simulations.experiments.features import conditioning, whitening
from simulations.vision.metrics import el2n


def test_enough_points_are_whitened():
    points = np.random.default_rng(0).normal(size=(50, 4)) * [1.0, 2.0, 5.0, 0.1]
    for found, expected in zip(conditioning(points), whitening(points), strict=True):
        np.testing.assert_array_equal(found, expected)
    mean, back = conditioning(points)
    np.testing.assert_allclose(np.cov(((points - mean) @ back).T), np.eye(4), atol=1e-9)


def test_angles_and_ratios_of_few_points_are_kept():
    points = np.random.default_rng(0).normal(size=(10, 30)) * np.linspace(0.1, 3, 30)
    mean, back = conditioning(points)
    found, centred = (points - mean) @ back, points - points.mean(0)
    gram = centred @ centred.T
    np.testing.assert_allclose(found @ found.T / gram, (found @ found.T / gram)[0, 0])
    assert (found**2).sum() / 9 == pytest.approx(30)  # the mean variance is 1
    assert found.shape[1] == 9  # the dimensions in which they vary
    with pytest.raises(InputError, match="all features are the same"):
        conditioning(np.ones((3, 8)))


def test_heads_on_few_points_know_others():
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 2
    points = rng.normal(size=(60, 200))
    points[:, :5] += 2.0 * labels[:, None]  # seen in 5 of 200 dimensions
    points[:, :5] *= 3.0
    logits = cross_fitted_logits(points, labels, 2, seed=0)
    assert (logits.argmax(1) != labels).mean() < 0.15  # by whitened ones half are wrong
    np.testing.assert_allclose(logits.sum(1), 0, atol=1e-9)
    assert el2n(logits, labels).shape == (60,)


def test_heads_that_know_nothing_have_logits_all_the_same():
    # the strongest ridge wins, and its numbers lie between 0 and 1
    rng = np.random.default_rng(0)
    labels = (np.arange(60) % 5 > 1).astype(int)
    logits = cross_fitted_logits(rng.normal(size=(60, 3)), labels, 2, seed=0)
    assert logits.min() < 0
    el2n(logits, labels)
