"""The chance of a wrong class, against two classes and against sampling."""

import numpy as np
from scipy.special import ndtr

from perceptron_theory.real_data.winners import chance_of_loss

RNG = np.random.default_rng(1)


def test_two_classes_are_exact():
    outputs = RNG.standard_normal((50, 2))
    root = RNG.standard_normal((50, 2, 2))
    covariance = root @ root.transpose(0, 2, 1)
    labels = RNG.integers(0, 2, 50)
    found = chance_of_loss(outputs, labels, covariance)
    rows = np.arange(50)
    ahead = outputs[rows, labels] - outputs[rows, 1 - labels]
    spread = covariance[:, 0, 0] + covariance[:, 1, 1] - 2 * covariance[:, 0, 1]
    assert np.allclose(found.chance, ndtr(-ahead / np.sqrt(spread)), atol=1e-7)


def test_five_classes_by_sampling_and_a_singular_covariance():
    count, classes = 200, 5
    outputs = RNG.standard_normal((count, classes))
    root = RNG.standard_normal((count, classes, classes)) * 0.5
    root -= root.mean(axis=1, keepdims=True)  # outputs that sum to zero
    covariance = root @ root.transpose(0, 2, 1)
    labels = RNG.integers(0, classes, count)
    found = chance_of_loss(outputs, labels, covariance)
    draws = RNG.standard_normal((4000, count, classes))
    sampled = outputs + np.einsum("ncd,snd->snc", root, draws)
    wrong = (sampled.argmax(axis=2) != labels).mean(axis=0)
    assert abs(found.chance.mean() - wrong.mean()) < 0.002
    assert np.abs(found.chance - wrong).max() < 0.06


def test_slopes_are_differences():
    outputs = RNG.standard_normal((20, 4))
    covariance = np.broadcast_to(np.eye(4) * 0.7, (20, 4, 4))
    labels = RNG.integers(0, 4, 20)
    slope = chance_of_loss(outputs, labels, covariance).slope
    step = 1e-6
    for c in range(4):
        moved = outputs.copy()
        moved[:, c] += step
        up = chance_of_loss(moved, labels, covariance).chance
        moved[:, c] -= 2 * step
        down = chance_of_loss(moved, labels, covariance).chance
        assert np.allclose((up - down) / (2 * step), slope[:, c], atol=1e-5)
