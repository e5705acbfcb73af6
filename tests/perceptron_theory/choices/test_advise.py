"""Advice on a pool against brute force over the fraction and finite differences."""

import numpy as np
import pytest

import perceptron_theory as pt
from perceptron_theory.choices.advice import advise


def scan(alpha_tot, theta, margin="absolute", count=400):
    """Errors of hard and easy on a grid of f, and of the whole pool."""
    f = np.geomspace(0.02, 1.0, count)
    errors = {
        rule: pt.solve(
            alpha_tot=alpha_tot,
            keep_fraction=f,
            theta=theta,
            rule=rule,
            margin=margin,
            throw=False,
        ).error
        for rule in ("hard", "easy")
    }
    return f, errors


@pytest.mark.slow
def test_best_fraction_with_and_without_a_budget():
    advice = advise(alpha_tot=10.0, theta=0.0, max_alpha_prune=3.0)
    f, errors = scan(10.0, 0.0)
    every = np.stack([errors["hard"], errors["easy"]])
    assert advice.best.rule == "easy"
    assert advice.best.error <= np.nanmin(every) * (1 + 1e-9)
    assert advice.best.error == pytest.approx(np.nanmin(every), rel=1e-4)
    assert advice.best.error < advice.pool_error  # fewer, and better
    allowed = np.nanmin(every[:, f <= 0.3])
    assert advice.within_budget.rule == "hard"
    assert advice.within_budget.alpha_prune <= 3.0 * (1 + 1e-12)
    assert advice.within_budget.error <= allowed * (1 + 1e-9)
    assert advice.pool_error == pytest.approx(0.0491834, abs=1e-6)


def test_unpruned_data_of_equal_error_and_the_fewest_that_are_nearly_as_good():
    advice = advise(alpha_tot=10.0, theta=0.0, max_alpha_prune=3.0, tolerance=0.1)
    for choice in (advice.best, advice.within_budget, advice.fewest):
        same = pt.solve(alpha_tot=choice.unpruned_alpha, keep_fraction=1.0)
        assert same.error == pytest.approx(choice.error, rel=1e-8)
        assert choice.saving == choice.unpruned_alpha / choice.alpha_prune
    goal = 1.1 * advice.pool_error
    assert advice.fewest.error == pytest.approx(goal, rel=1e-8)
    f, errors = scan(10.0, 0.0)
    fewer = f < advice.fewest.keep_fraction * (1 - 1e-9)
    assert not any((error[fewer] <= goal).any() for error in errors.values())


@pytest.mark.slow
def test_sensitivity_to_a_wrong_angle():
    theta = 0.2
    choice = advise(alpha_tot=10.0, theta=theta, max_alpha_prune=3.0).within_budget
    assert choice.rule == "hard"
    h, two = 1e-4, np.deg2rad(2)
    errors = pt.solve(
        alpha_tot=10.0,
        keep_fraction=choice.keep_fraction,
        theta=theta + np.array([-two, -h, h, two]),
    ).error
    assert choice.error_closer == pytest.approx(errors[0], rel=1e-8)
    assert choice.error_further == pytest.approx(errors[3], rel=1e-8)
    slope = (errors[2] - errors[1]) / (2 * h)
    assert choice.error_by_theta == pytest.approx(slope, rel=1e-5)


@pytest.mark.slow
def test_with_a_bad_probe_everything_is_kept():
    advice = advise(alpha_tot=10.0, theta=0.2)
    assert advice.best == advice.within_budget
    assert (advice.best.rule, advice.best.keep_fraction) == ("random", 1.0)
    assert advice.best.error == advice.pool_error
    assert advice.best.saving == 1.0
    assert advice.best.error_further == advice.best.error
    assert "keep all" in advice.text and "does not matter" in advice.text


def test_text_says_what_the_numbers_say():
    advice = advise(alpha_tot=10.0, theta=0.0, max_alpha_prune=3.0)
    for words in (
        f"keep the easiest {100 * advice.best.keep_fraction:.3g} %",
        "With at most 3 kept: keep the hardest 30 %",
        f"{advice.within_budget.error:.4g}",
        f"{advice.within_budget.saving:.3g} times as many",
        "Within 5 %",
        "2 degrees larger",
    ):
        assert words in advice.text
    assert "smaller" not in advice.text.split("theta")[1]


def test_bad_input():
    with pytest.raises(pt.InputError, match="alpha_tot must be positive"):
        advise(alpha_tot=-1.0, theta=0.0)
    with pytest.raises(pt.InputError, match="must be at most"):
        advise(alpha_tot=1e30, theta=0.0)
    with pytest.raises(pt.InputError, match="degrees"):
        advise(alpha_tot=1.0, theta=20.0)
    with pytest.raises(pt.InputError, match="the least load"):
        advise(alpha_tot=1.0, theta=0.0, max_alpha_prune=1e-5)
    with pytest.raises(pt.InputError, match="tolerance"):
        advise(alpha_tot=1.0, theta=0.0, tolerance=-0.1)
    with pytest.raises(pt.InputError, match="student"):
        advise(alpha_tot=1.0, theta=0.0, student="nobody")
