"""Multinomial logistic heads: against binary ones, ridge heads and trained heads."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

import perceptron_theory as pt
from perceptron_theory.convex.losses import resolve_loss
from perceptron_theory.real_data.gaussian_margins import responses
from perceptron_theory.real_data.keeping import kept_levels
from perceptron_theory.real_data.margin_heads import estimate_margin_head
from perceptron_theory.real_data.problem import problem_of
from perceptron_theory.real_data.softmax_fields import averages, contrasts
from perceptron_theory.real_data.softmax_heads import (
    estimate_softmax_heads,
)
from perceptron_theory.real_data.without_itself import left_out_of_classes

LOGISTIC = resolve_loss("logistic")


def _clouds(seed, count, classes=4, width=12, apart=0.7):
    """Heavy-tailed clouds that overlap, in directions of different size."""
    centres = np.random.default_rng(0).standard_normal((classes, width))
    rng = np.random.default_rng(seed)
    y = rng.integers(classes, size=count)
    noise = rng.standard_normal((count, width)) * rng.gamma(4.0, 0.25, (count, 1))
    x = (apart * centres[y] + noise) * np.arange(1, width + 1) ** -0.3
    probe = centres + 0.5 * np.random.default_rng(1).standard_normal(centres.shape)
    p = softmax(x @ probe.T, axis=1)
    return x, y, np.linalg.norm(p - np.eye(classes)[y], axis=1)


def _law(seed, count, **how):
    return pt.FieldLaw.from_data(*_clouds(seed, count, **how))


def _problem(law, fraction=0.5, strategy="hard", kept=120, ridge=0.05, **how):
    levels = kept_levels(law.score, fraction, strategy)
    asked = {"intercept": False, "alike": False} | how
    problem = problem_of(law, levels, kept, ridge, **asked)
    return problem.of_rows(np.arange(law.size))


def _trained(x, y, classes, ridge):
    """Heads, by a minimiser that knows nothing of the theory."""
    width = x.shape[1]
    target = np.eye(classes)[y]

    def objective(flat):
        w = flat.reshape(width, classes)
        value = 0.5 * width * ridge * (flat @ flat)
        value -= (target * log_softmax(x @ w, axis=1)).sum()
        slope = x.T @ (softmax(x @ w, axis=1) - target) + width * ridge * w
        return value, slope.ravel()

    found = minimize(objective, np.zeros(width * classes), jac=True, method="L-BFGS-B")
    return found.x.reshape(width, classes)


def test_outputs_move_to_the_minimum_and_fall_as_said():
    rng = np.random.default_rng(0)
    count, classes = 6, 4
    basis = contrasts(classes)
    labels = rng.integers(classes, size=count)
    mean = 3.0 * rng.standard_normal((count, classes - 1))
    root = rng.standard_normal((count, 3, 3))
    size = np.array([0.1, 1.0, 10.0, 100.0, 1e3, 1.0])
    step = size[:, None, None] * (root @ root.swapaxes(1, 2))
    still = np.zeros((count, 3, 3))  # no noise: one output an example

    def after(outputs):
        return averages(labels, outputs, still, step, np.arange(count), steps=40)

    found = after(mean)
    # at the minimum what is pulled is minus the slope of the loss
    moved = mean + np.einsum("nij,nj->ni", step, found.pull)
    slope = (softmax(moved @ basis.T, axis=1) - np.eye(classes)[labels]) @ basis
    assert np.allclose(found.pull, -slope, atol=1e-10)
    h = 1e-4
    for axis in range(3):
        off = h * np.eye(3)[axis]
        fall = (after(mean - off).pull - after(mean + off).pull) / (2 * h)
        assert np.allclose(fall, found.bend[:, axis], atol=1e-5)


def test_two_classes_have_the_averages_of_a_margin():
    rng = np.random.default_rng(0)
    labels, mean = np.ones(50, int), 2.0 * rng.standard_normal(50)
    noise, step = rng.uniform(0.1, 1.0, 50), rng.gamma(2.0, 1.0, 50)
    # the margin is sqrt(2) times the contrast
    known = responses(LOGISTIC, mean, noise, step)
    found = averages(
        labels,
        mean[:, None] / np.sqrt(2),
        noise[:, None, None] ** 2 / 2,
        step[:, None, None] / 2,
        np.arange(50),
        steps=40,
    )
    assert np.allclose(found.pull[:, 0], np.sqrt(2) * known.pull, atol=1e-9)
    assert np.allclose(found.square[:, 0, 0], 2 * known.square, atol=1e-9)
    # the one by differentiation, the other by parts
    assert np.allclose(found.bend[:, 0, 0], 2 * known.bend, atol=1e-3)


@pytest.mark.parametrize("intercept", [False, True])
def test_two_classes_are_a_logistic_head_of_half_the_ridge(intercept):
    law = _law(2, 500, classes=2)
    softmaxed, _ = estimate_softmax_heads(
        _problem(law, ridge=0.04, intercept=intercept)
    )
    binary, _ = estimate_margin_head(
        _problem(law, ridge=0.02, intercept=intercept), LOGISTIC
    )
    assert np.isclose(softmaxed.error, binary.error, rtol=1e-5)
    assert np.allclose(softmaxed.influence, binary.influence, atol=1e-6)


def test_a_strong_ridge_makes_them_ridge_heads():
    law = _law(3, 600)
    asked = {"pool": 300, "keep_fraction": 0.5, "strategy": "hard", "correct": False}
    strong = [
        pt.predict(law, loss=loss, ridge=1e4, **asked).error
        for loss in ("logistic", "square")
    ]
    weak = [
        pt.predict(law, loss=loss, ridge=0.01, **asked).error
        for loss in ("logistic", "square")
    ]
    assert abs(strong[0] / strong[1] - 1) < 2e-3
    assert abs(weak[0] / weak[1] - 1) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pool", "fraction", "strategy"),
    [(150, 1.0, "random"), (300, 0.4, "hard"), (300, 0.4, "easy"), (1000, 0.3, "hard")],
)
def test_heads_that_are_trained(pool, fraction, strategy):
    law, many = _law(7, 3000), _law(99, 20_000)
    found = pt.predict(law, pool, fraction, strategy, ridge=0.02)
    errors = []
    for seed in range(60):
        x, y, score = _clouds(1000 + seed, pool + 3000)
        x = (x - many.mean) * many.scale
        order = np.argsort(-score[:pool])
        kept = round(pool * fraction)
        mine = {"hard": order[:kept], "easy": order[-kept:], "random": order}[strategy]
        head = _trained(x[mine], y[mine], 4, 0.02)
        errors.append(((x[pool:] @ head).argmax(axis=1) != y[pool:]).mean())
    error, deviation = np.mean(errors), np.std(errors, ddof=1) / np.sqrt(60)
    # twelve features: what is left out is of the order of one over their number
    allowed = 3 * np.hypot(deviation, found.standard_error) + 0.03 * error
    assert abs(found.error - error) < allowed
    assert deviation < 0.05 * error


def test_each_example_is_tested_without_itself():
    law = _law(2, 90, classes=3, width=5)
    law = pt.FieldLaw.from_data(law.features, law.labels)
    every = np.arange(90)
    problem = problem_of(law, np.ones(90), 45, 0.05, False, False)
    _, heads = estimate_softmax_heads(problem)
    again, inside = [], []
    outputs = law.features @ heads.weights
    some = range(0, 90, 6)
    for one in some:
        _, other = estimate_softmax_heads(problem.of_rows(np.delete(every, one)), heads)
        again.append(law.features[one] @ other.weights)
        inside.append(outputs[one])
    shift = np.array(again) - np.array(inside)
    fall, noise = left_out_of_classes(
        problem, heads.response, heads.of.bend, heads.of.square, heads.of.pull
    )
    assert np.abs(shift + fall[some]).mean() < 0.15 * np.abs(shift).mean()
    variance = heads.response.variance(law.features)
    assert np.trace(noise - variance, axis1=1, axis2=2).mean() > 0


def test_few_gaussian_points_are_enough():
    problem = _problem(_law(4, 600))
    few, heads = estimate_softmax_heads(problem)
    many, others = estimate_softmax_heads(problem, heads, points=64)
    apart = problem.features @ (heads.weights - others.weights)
    assert np.linalg.norm(apart) < 0.02 * np.linalg.norm(
        problem.features @ others.weights
    )
    assert 0 < abs(few.error / many.error - 1) < 0.015


def test_blocks_of_many_features_are_near_the_whole(monkeypatch):
    law = _law(5, 1500, width=20)
    asked = {"pool": 400, "keep_fraction": 0.5, "strategy": "hard", "ridge": 0.05}
    whole = pt.predict(law, **asked)
    monkeypatch.setattr("perceptron_theory.real_data.softmax_heads.WHOLE", 10)
    blocks = pt.predict(law, **asked)
    assert blocks.error != whole.error
    assert abs(blocks.error / whole.error - 1) < 0.03


def test_an_order_of_classes_changes_nothing():
    x, y, score = _clouds(6, 800)
    first = pt.predict(pt.FieldLaw.from_data(x, y, score), 300, 0.5, "hard")
    names = np.array(["c", "a", "d", "b"])[y]
    second = pt.predict(pt.FieldLaw.from_data(x, names, score), 300, 0.5, "hard")
    assert abs(first.error - second.error) < 0.1 * first.standard_error


def test_responses_that_are_alike_are_another_answer():
    law = _law(6, 800)
    each = pt.predict(law, 200, 0.5, "hard")
    alike = pt.predict(law, 200, 0.5, "hard", alike=True)
    assert 0 < abs(each.error - alike.error) < 0.2 * each.error


def test_too_many_classes_are_refused():
    rng = np.random.default_rng(0)
    law = pt.FieldLaw.from_data(rng.standard_normal((400, 3)), np.arange(400) % 40)
    with pytest.raises(pt.InputError, match=r"at most 32 classes.*has 40"):
        pt.predict(law, 100, 0.5)
    with pytest.raises(pt.InputError, match="by loss='logistic' or 'square'"):
        pt.predict(law, 100, 0.5, loss="hinge")
