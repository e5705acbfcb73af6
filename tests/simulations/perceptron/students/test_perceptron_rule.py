import jax
import numpy as np
import pytest

from simulations.perceptron import MinOver, Perceptron, Point, max_margin
from simulations.perceptron.data.pruned_pools import training_sets

SETS = np.array(training_sets(Point(2.0, 0.5), size=20, draws=6, seed=0))
KEYS = jax.random.split(jax.random.key(0), 6)


def rosenblatt(examples: np.ndarray, order) -> tuple[np.ndarray, int, int]:
    """The rule as it is taught: pass after pass, example by example."""
    w, updates, passes = np.zeros(examples.shape[1]), 0, 0
    while (examples @ w <= 0).any():
        passes += 1
        for x in examples[order]:
            if x @ w <= 0:
                w, updates = w + x, updates + 1
    return w / np.linalg.norm(w), updates, passes


def test_the_rule_is_rosenblatts():
    """The order is the one secret: it is tried for three examples, of six orders."""
    few = SETS[:, :3, :5]
    found = Perceptron()(few, KEYS)
    orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]
    for n, examples in enumerate(few):
        here = found.columns["updates"][n], found.columns["passes"][n]
        assert any(
            np.abs(w - found.weights[n]).max() < 1e-12 and (updates, passes) == here
            for w, updates, passes in (rosenblatt(examples, order) for order in orders)
        )


def test_mistakes_are_bounded_by_novikoff():
    found, best = Perceptron()(SETS, KEYS), max_margin(SETS)
    bound = (np.linalg.norm(SETS, axis=2).max(1) / best.margin) ** 2
    assert (found.columns["updates"] <= bound).all()
    assert (found.columns["updates"] > bound / 100).all()  # so that it can fail
    assert (found.certificate == 0).all() and found.done.all()
    margins = np.einsum("bpn,bn->bp", SETS, found.weights)
    np.testing.assert_allclose(margins.min(1), found.columns["margin"], rtol=1e-9)
    assert (margins > 0).all()
    assert (found.columns["margin"] < best.margin).all()


@pytest.mark.parametrize("tolerance", [0.1, 0.02])
def test_min_over_proves_how_near_it_is_to_the_largest_margin(tolerance):
    found = MinOver(tolerance=tolerance)(SETS, KEYS)
    best = max_margin(SETS)
    assert found.done.all()
    assert (found.certificate <= tolerance * (1 + 1e-6)).all()
    short = 1 - found.columns["margin"] / best.margin
    assert ((short > 0) & (short <= found.certificate)).all()
    angle = np.arccos(np.sum(found.weights * best.weights, axis=1))
    assert (angle <= np.sqrt(2 * found.certificate) * 1.1).all()


@pytest.mark.parametrize("student", [Perceptron(200), MinOver(0.1, 200)])
def test_data_that_cannot_be_separated_end_without_being_done(student):
    noise = np.random.default_rng(0).normal(size=(2, 20, 5))
    found = student(noise, KEYS[:2])
    assert not found.done.any()
    assert (found.columns["updates"] == 200).all()
    wrong = (np.einsum("bpn,bn->bp", noise, found.weights) <= 0).sum(1)
    assert (wrong > 0).all()
    if isinstance(student, Perceptron):
        np.testing.assert_array_equal(found.certificate, wrong)
    else:
        assert (found.certificate > 1).all()


def test_other_keys_are_other_orders():
    one, other = (Perceptron()(SETS, keys).weights for keys in (KEYS, KEYS[::-1]))
    assert (np.abs(one - other).max(1) > 1e-6).all()
