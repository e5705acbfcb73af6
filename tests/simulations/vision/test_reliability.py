"""Standard errors, split halves and the number of models, against repetition."""

from functools import partial

import numpy as np
import pytest

from perceptron_theory import InputError
from simulations.vision import metrics
from simulations.vision.metrics.subset_reliability import Reliability


def _draws(repeats, models, seed=0):
    """Memorization of five examples of known probabilities, estimated many times."""
    rng = np.random.default_rng(seed)
    inside, outside = np.array([[1.0, 0.95, 0.8, 0.5, 0.6], [1.0, 0.9, 0.3, 0.5, 0.1]])
    member = rng.random((models, 5)) < 0.7
    probability = np.where(member, inside, outside)
    for _ in range(repeats):
        yield rng.random((models, 5)) < probability, member


def test_standard_errors_of_memorization_are_those_of_repetition():
    values, errors = [], []
    for correct, member in _draws(400, 100):
        values.append(metrics.memorization(correct, member))
        errors.append(metrics.memorization_standard_error(correct, member))
    seen, said = np.std(values, axis=0), np.mean(errors, axis=0)
    np.testing.assert_allclose(said[1:], seen[1:], rtol=0.2)
    assert seen[0] == 0 and said[0] > 0  # all agree, which is no proof


def test_the_number_of_models_gives_the_wanted_standard_error():
    wanted = 0.08
    given = {"correct_inside": 0.8, "correct_outside": 0.3}
    models = metrics.models_for_standard_error(wanted, **given)
    values = [metrics.memorization(*draw)[2] for draw in _draws(400, models)]
    assert np.std(values) == pytest.approx(wanted, rel=0.15)
    assert metrics.models_for_standard_error(wanted) > models  # the worst case


def _pilot(models, examples=300, seed=0):
    """Subset models of examples with different memorization."""
    rng = np.random.default_rng(seed)
    inside = rng.uniform(0.5, 1, examples)
    outside = inside - rng.uniform(0, 0.5, examples)
    member = rng.random((models, examples)) < 0.7
    return rng.random(member.shape) < np.where(member, inside, outside), member


def test_split_halves_agree_as_two_sets_of_half_the_models_do():
    rng = np.random.default_rng(1)
    correct, member = _pilot(400)
    found = metrics.split_half_correlation(
        metrics.memorization, correct, member, key=0, repeats=5
    )
    one = metrics.memorization(correct[:200], member[:200])
    two = metrics.memorization(correct[200:], member[200:])
    ranks = [np.argsort(np.argsort(scores)) for scores in (one, two)]
    assert found == pytest.approx(np.corrcoef(ranks)[0, 1], abs=0.1)
    noise = rng.random((40, 300)) < 0.5
    chance = metrics.split_half_correlation(
        partial(metrics.influence, reduce="sum_abs"), noise, member[:40], key=0
    )
    assert abs(chance) < 0.25


def test_more_models_bring_the_promised_correlation():
    half = metrics.split_half_correlation(
        metrics.memorization, *_pilot(200), key=0, repeats=5
    )
    models = metrics.models_for_correlation(half, 200, 0.85)
    # as many models twice: the same examples, other subsets
    correct, member = _pilot(2 * models)
    reached = metrics.split_half_correlation(
        metrics.memorization, correct, member, key=0, repeats=5
    )
    assert reached == pytest.approx(0.85, abs=0.03)


def test_the_jackknife_of_influence_is_about_right():
    values, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        member = rng.random((200, 4)) < 0.7
        # example 0 decides on the only test example that is not noise
        right = rng.random((200, 3)) < np.stack(
            [0.2 + 0.7 * member[:, 0], np.full(200, 0.9), np.full(200, 0.5)], axis=1
        )
        values.append(metrics.influence(right, member)[0])
        if seed < 10:
            errors.append(metrics.influence_standard_error(right, member, key=seed)[0])
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.35)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: metrics.models_for_standard_error(0.0), "must be positive"),
        (lambda: metrics.models_for_standard_error(0.1, keep_fraction=1.0), "inside"),
        (lambda: metrics.models_for_correlation(1.0, 10, 0.9), "split_half must be"),
        (
            lambda: metrics.split_half_correlation(
                metrics.memorization, np.eye(3) > 0, np.eye(3) > 0, key=0
            ),
            "at least 4",
        ),
        (
            lambda: metrics.influence_standard_error(
                np.eye(3) > 0, np.eye(3) > 0, key=0
            ),
            "20 groups of 3 models",
        ),
    ],
)
def test_bad_input_is_refused(call, says):
    with pytest.raises(InputError, match=says):
        call()


@pytest.mark.parametrize("half", [-0.75, 0.0, None])
def test_halves_that_do_not_agree_say_nothing_of_all_models(half):
    errors = np.array([0.1, 0.2])
    assert Reliability(10, errors, half, 0.05).correlation is None
    assert Reliability(10, errors, 0.5, 0.05).correlation == pytest.approx(2 / 3)
