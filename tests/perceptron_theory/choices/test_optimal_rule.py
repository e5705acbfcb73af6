"""The best pruning rule: its gradient against differences, its optimum against scans.

At theta = 0 the optimum is known to be one interval or two (module docstring), so scans
of these two families are a global check; elsewhere random rules must not do better.
"""

import numpy as np
import pytest
from scipy.stats import halfnorm

import perceptron_theory as pt
from perceptron_theory.choices.best_rule import optimal_rule
from perceptron_theory.choices.margin_derivative import functional_derivative
from perceptron_theory.choices.rule_descent import MOST, Place, log_errors, solve_rules
from perceptron_theory.kept.problem import Mode
from perceptron_theory.rules.intervals import Intervals


def many(ends):
    """One rule object for rows of up to three intervals (n, 3, 2) of quantiles."""
    steps = np.diff(ends.reshape(-1, 6), axis=1, prepend=0.0, append=1.0)
    return Intervals(tuple(steps[:, ::2].T), tuple(steps[:, 1::2].T))


def three(*ends):
    """Pairs of quantiles filled up to three with empty intervals."""
    return np.array([*ends, *[(ends[-1][1],) * 2] * (3 - len(ends))], dtype=float)


@pytest.mark.parametrize("alpha", [0.5, 3.0, 30.0])
def test_without_an_angle_the_derivative_has_at_most_one_extremum(alpha):
    z = np.linspace(0.0, 5.0, 400)
    rng = np.random.default_rng(0)
    for _ in range(4):
        ends = np.sort(rng.uniform(size=6)).reshape(3, 2)
        f = float(np.sum(ends[:, 1] - ends[:, 0]))
        rule = many(ends[None])
        rate = functional_derivative(z, alpha_prune=alpha, keep_fraction=f, rule=rule)
        step = np.diff(rate)
        step = step[np.abs(step) > 1e-9 * np.ptp(rate)]
        assert np.sum(np.diff(np.sign(step)) != 0) <= 1


# the optimum


@pytest.mark.slow
def test_known_point_against_scans_of_both_families():
    best = optimal_rule(alpha_prune=2.0, keep_fraction=0.5)
    assert best.hard_error == pytest.approx(0.136097, abs=1e-6)
    assert best.easy_error == pytest.approx(0.117306, abs=1e-6)
    assert best.random_error == pytest.approx(0.1884787, abs=1e-6)
    assert best.error < 0.11276
    assert best.gap < 1e-10 and best.violation < 1e-7
    lower = np.linspace(0.0, 0.5, 251)
    windows = np.stack([three((x, x + 0.5)) for x in lower])
    splits = np.stack([three((0, x), (0.5 + x, 1)) for x in lower])
    errors = pt.solve(
        alpha_prune=2.0,
        keep_fraction=0.5,
        rule=many(np.concatenate([windows, splits])),
    ).error
    assert best.error <= errors.min() + 1e-12
    assert best.error == pytest.approx(errors.min(), rel=1e-5)
    assert best.window.lower == pytest.approx(lower[np.argmin(errors[:251])], abs=2e-3)
    sol = pt.solve(alpha_prune=2.0, keep_fraction=0.5, rule=best.rule)
    assert sol.error == pytest.approx(best.error, rel=1e-9)
    np.testing.assert_allclose(halfnorm.cdf(best.intervals), best.quantiles, atol=1e-9)


def no_better(best):
    """No rule of the comparison, and no random rearrangement, has a lower error."""
    others = (best.hard_error, best.easy_error, best.random_error)
    others += (best.window_error, best.mixture_error)
    assert best.error <= min(others) * (1 + 1e-9)
    f, rng = best.keep_fraction, np.random.default_rng(1)
    (low, high), *_ = best.quantiles
    scale = min(f, 1 - f) * 10.0 ** rng.uniform(-4, -0.3, 60)
    rows = []
    for size in scale:  # a mass moved from the interval to a random place
        at = rng.uniform(0, low) if rng.uniform() < low / (1 - f) else None
        if at is not None:
            size = min(size, low - at)
            cut = rng.uniform(low, high - size)
            rows.append([(at, at + size), (low, cut), (cut + size, high)])
        else:
            at = rng.uniform(high, 1)
            size = min(size, 1 - at)
            cut = rng.uniform(low, high - size)
            rows.append([(low, cut), (cut + size, high), (at, at + size)])
    ends = np.array(rows).reshape(-1, 6)
    masses = np.diff(ends, axis=1, prepend=0.0, append=1.0)
    masses = np.pad(masses, ((0, 0), (0, 2 * MOST - 6)))
    mode = Mode(best.margin, best.theta == 0, False, exact=False)
    student = pt.resolve_student(best.student)
    at = Place(best.alpha_prune, f, best.theta, mode, student)
    errors = np.exp(log_errors(solve_rules(masses, at), at))
    assert (errors > best.error * (1 - 1e-9)).all()
    assert best.gap < 1e-8


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("alpha", "f"), [(0.5, 0.5), (4.0, 0.05), (10.0, 0.9), (30.0, 0.2)]
)
def test_never_worse_than_others_without_an_angle(alpha, f):
    best = optimal_rule(alpha_prune=alpha, keep_fraction=f)
    assert len(best.intervals) == 1
    no_better(best)


@pytest.mark.slow
def test_never_worse_than_others_with_an_angle():
    best = optimal_rule(alpha_prune=4.0, alpha_tot=80.0, theta=0.2)
    assert best.keep_fraction == pytest.approx(0.05)
    # hard is worse than random here, easy little better, and the window far better
    assert best.error < 0.6 * min(best.hard_error, best.easy_error, best.random_error)
    no_better(best)
    best = optimal_rule(alpha_tot=20.0, keep_fraction=0.5, theta=0.2)
    assert best.alpha_prune == pytest.approx(10.0)
    np.testing.assert_allclose(best.quantiles, [[0.0, 0.5]], atol=1e-12)  # hard


@pytest.mark.slow
def test_never_worse_than_others_by_the_signed_margin():
    best = optimal_rule(alpha_prune=2.0, keep_fraction=0.5, theta=0.2, margin="signed")
    assert best.error < min(best.hard_error, best.easy_error) - 1e-3
    no_better(best)


@pytest.mark.slow
def test_multiplier_is_the_change_of_the_best_error_with_the_fraction():
    f, h = 0.4, 1e-3
    low, at, high = (
        optimal_rule(alpha_prune=2.0, keep_fraction=x) for x in (f - h, f, f + h)
    )
    slope = (high.error - low.error) / (2 * h)
    assert at.multiplier == pytest.approx(slope, rel=1e-4)


@pytest.mark.slow
def test_limits():
    best = optimal_rule(alpha_prune=3.0, alpha_tot=3.0)
    assert best.error == best.random_error == best.window_error
    sol = pt.solve(alpha_prune=3.0, keep_fraction=1.0, rule=best.rule)
    assert sol.error == pytest.approx(best.error, rel=1e-9)
    # little data: as far out as can be
    best = optimal_rule(alpha_prune=0.01, keep_fraction=0.2)
    np.testing.assert_allclose(best.quantiles, [[0.8, 1.0]], atol=1e-3)


def test_bad_input():
    with pytest.raises(pt.InputError, match="must not exceed alpha_tot"):
        optimal_rule(alpha_prune=3.0, alpha_tot=2.0)
    with pytest.raises(pt.InputError, match="two of"):
        optimal_rule(alpha_prune=3.0)
    with pytest.raises(pt.InputError, match="two of"):
        optimal_rule(alpha_prune=3.0, alpha_tot=6.0, keep_fraction=0.5)
    with pytest.raises(pt.InputError, match="keep_fraction"):
        optimal_rule(alpha_prune=3.0, keep_fraction=1.5)
    with pytest.raises(pt.InputError, match="one number"):
        optimal_rule(alpha_prune=[3.0, 4.0], keep_fraction=0.5)
    with pytest.raises(pt.InputError, match="student"):
        optimal_rule(alpha_prune=3.0, keep_fraction=0.5, student="nobody")
